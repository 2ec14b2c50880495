// Consul's health API (`/v1/health/service/:service`) as a registry: what to ask, and what an answer means. Checks of the
// service and of its node count together, the worst of them (critical, then warning) is the instance's health; maintenance
// is a critical check of Consul's own. Metadata and tags (`key=value`) may name region, weight and priority.
// https://developer.hashicorp.com/consul/api-docs/health, …/features/blocking
import * as v from "valibot";
import type { FoundInstance, HealthStatus } from "../protocol/reports.ts";
import { ok, refuse, type Result } from "../result/result.ts";
import { metadataFrom, MOST_FOUND, nameFrom, urlFrom, type Found } from "./registry.ts";

export interface ConsulOptions {
  readonly url: string;
  readonly service: string;
  readonly datacenter?: string | undefined;
  readonly namespace?: string | undefined;
  readonly tags: readonly string[];
  readonly scheme: "http" | "https";
  readonly region?: string | undefined;
  readonly waitSeconds: number;
}

/** `index`: of the last answer, 0 for none; with one, the answer is held back until something changes. */
export function consulUrl(options: ConsulOptions, index: number): string {
  const url = new URL(`${options.url.replace(/\/+$/, "")}/v1/health/service/${encodeURIComponent(options.service)}`);
  if (options.datacenter !== undefined) url.searchParams.set("dc", options.datacenter);
  if (options.namespace !== undefined) url.searchParams.set("ns", options.namespace);
  for (const tag of options.tags) url.searchParams.append("tag", tag);
  if (index > 0 && options.waitSeconds > 0) {
    url.searchParams.set("index", String(index));
    url.searchParams.set("wait", `${Math.min(options.waitSeconds, LONGEST_WAIT_SECONDS)}s`);
  }
  return url.href;
}

const LONGEST_WAIT_SECONDS = 600;

/** How long an answer to a held query may take: Consul adds up to a sixteenth of the wait, to spread its clients. */
export const longestWaitMs = (waitSeconds: number): number =>
  Math.min(waitSeconds, LONGEST_WAIT_SECONDS) * 1_000 * (1 + 1 / 16);

/** The index for the next query: anything that is no number above 0, or went backwards, starts anew. */
export function nextIndex(before: number, header: string | null): number {
  const index = header !== null && /^\d{1,15}$/.test(header) ? Number(header) : 0;
  return index >= before ? index : 0;
}

const words = v.optional(v.nullable(v.record(v.string(), v.string())));
const answer = v.array(
  v.looseObject({
    Node: v.looseObject({ Node: v.string(), Address: v.string() }),
    Service: v.looseObject({
      ID: v.string(),
      Address: v.optional(v.string(), ""),
      Port: v.number(),
      Tags: v.optional(v.nullable(v.array(v.string()))),
      Meta: words,
      Weights: v.optional(v.looseObject({ Passing: v.number(), Warning: v.number() })),
    }),
    Checks: v.optional(v.nullable(v.array(v.looseObject({ Status: v.string() }))), []),
  }),
);
type Entry = v.InferOutput<typeof answer>[number];

/** Instances without a usable address are left out. */
export function readConsul(json: unknown, options: ConsulOptions): Result<Found, string> {
  const parsed = v.safeParse(answer, json);
  if (!parsed.success) return refuse("an answer that is not of Consul's health API");
  const instances: FoundInstance[] = [];
  const health: Record<string, HealthStatus> = {};
  for (const entry of parsed.output.slice(0, MOST_FOUND)) {
    const status = healthOf(entry);
    const instance = instanceOf(entry, status, options);
    if (instance === undefined || instance.id in health) continue;
    instances.push(instance);
    health[instance.id] = status;
  }
  return ok({ instances, health });
}

function healthOf({ Checks }: Entry): HealthStatus {
  const statuses = new Set(Checks?.map((check) => check.Status));
  if (statuses.has("critical")) return "unhealthy";
  return statuses.has("warning") ? "degraded" : "healthy";
}

function instanceOf({ Node, Service }: Entry, status: HealthStatus, options: ConsulOptions): FoundInstance | undefined {
  const url = urlFrom(options.scheme, Service.Address || Node.Address, Service.Port);
  if (url === undefined) return undefined;
  const said = new Map<string, string>();
  const plain: string[] = [];
  for (const tag of Service.Tags ?? []) {
    const equals = tag.indexOf("=");
    if (equals > 0) said.set(tag.slice(0, equals), tag.slice(equals + 1));
    else plain.push(tag);
  }
  for (const [key, value] of Object.entries(Service.Meta ?? {})) said.set(key, value);
  const written = positive(said.get("weight"));
  const own = status === "degraded" ? Service.Weights?.Warning : Service.Weights?.Passing;
  const region = options.region ?? said.get("region");
  const priority = said.get("priority") ?? "";
  for (const key of ["region", "weight", "priority"]) said.delete(key);
  if (plain.length > 0) said.set("tags", plain.join(","));
  return {
    // A service's id is unique on its node only.
    id: nameFrom(`${Service.ID}.${Node.Node}`),
    url,
    ...(region === undefined ? {} : { region: nameFrom(region) }),
    weight: written ?? positive(String(own ?? 1)) ?? 1,
    priority: /^\d{1,3}$/.test(priority) ? Number(priority) : 0,
    metadata: metadataFrom(said),
  };
}

function positive(text: string | undefined): number | undefined {
  const value = Number(text ?? Number.NaN);
  return value > 0 && value <= 1_000_000 ? value : undefined;
}
