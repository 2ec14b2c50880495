// DNS over HTTPS as a registry: the JSON form that Cloudflare's and Google's resolvers speak. A and AAAA give addresses for
// the policy's port; SRV (RFC 2782) brings names, ports, weights and priorities of its own. DNS knows nothing of health.
import * as v from "valibot";
import type { FoundInstance } from "../protocol/reports.ts";
import { ok, refuse, type Result } from "../result/result.ts";
import { MOST_FOUND, nameFrom, urlFrom, type Found } from "./registry.ts";

export interface DnsOptions {
  readonly resolver: string;
  readonly name: string;
  readonly type: "A" | "AAAA" | "SRV";
  readonly port?: number | undefined;
  readonly scheme: "http" | "https";
  readonly region?: string | undefined;
}

/** Sent as `accept`: without it a resolver answers in wire format, or not at all. */
export const DNS_JSON = "application/dns-json";

export function dnsUrl({ resolver, name, type }: DnsOptions): string {
  const url = new URL(resolver);
  url.searchParams.set("name", name);
  url.searchParams.set("type", type);
  return url.href;
}

const answer = v.looseObject({
  Status: v.number(),
  Answer: v.optional(v.array(v.looseObject({ type: v.number(), data: v.string() })), []),
});

const RECORD_TYPES = { A: 1, AAAA: 28, SRV: 33 } as const;

export function readDns(json: unknown, options: DnsOptions): Result<Found, string> {
  const parsed = v.safeParse(answer, json);
  if (!parsed.success) return refuse("an answer that is not DNS in JSON");
  const { Status: status, Answer: records } = parsed.output;
  // RFC 1035 §4.1.1: 0 is no error, 3 that the name does not exist.
  if (status !== 0) return refuse(status === 3 ? "the name does not exist" : `DNS status ${status}`);
  const wanted = records.filter(({ type }) => type === RECORD_TYPES[options.type]).slice(0, MOST_FOUND);
  const found = new Map<string, FoundInstance>();
  for (const { data } of wanted) {
    const instance = options.type === "SRV" ? fromSrv(data, options) : fromAddress(data, options);
    if (instance !== undefined) found.set(instance.id, instance);
  }
  return ok({ instances: [...found.values()], health: undefined });
}

function fromAddress(address: string, options: DnsOptions): FoundInstance | undefined {
  const port = options.port ?? (options.scheme === "https" ? 443 : 80);
  return instanceAt(address, port, 1, 0, options);
}

/** `priority weight port target`. */
function fromSrv(data: string, options: DnsOptions): FoundInstance | undefined {
  const [priority, weight, port, target = ""] = data.trim().split(/\s+/);
  const numbers = [priority, weight, port].map((text) => (/^\d{1,5}$/.test(text ?? "") ? Number(text) : Number.NaN));
  // A target of "." says that the service is decidedly not there.
  if (numbers.some(Number.isNaN) || target === ".") return undefined;
  // Weight 0 is "a very small chance" beside others, never none.
  return instanceAt(target, numbers[2]!, numbers[1]! || SMALLEST_WEIGHT, Math.min(numbers[0]!, 1_000), options);
}

const SMALLEST_WEIGHT = 0.1;

function instanceAt(
  host: string,
  port: number,
  weight: number,
  priority: number,
  { scheme, region }: DnsOptions,
): FoundInstance | undefined {
  const url = urlFrom(scheme, host, port);
  if (url === undefined) return undefined;
  const id = nameFrom(`${host.replace(/\.$/, "")}-${port}`);
  return { id, url, ...(region === undefined ? {} : { region }), weight, priority, metadata: {} };
}
