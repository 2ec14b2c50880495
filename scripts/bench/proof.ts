// Before anything is measured: proof that what will be measured is on. A request with every field that a proxy must not
// pass on goes through the floor and through the gateway; both have to show the same names to the upstream and to the
// client. So the floor owes neither less nor more than the gateway, and a gateway with a feature switched off does not
// win by it. One difference stops the benchmark.
import { once } from "node:events";
import http from "node:http";
import { text } from "node:stream/consumers";
import { API_KEY } from "./callers.ts";
import { EXCHANGES, HOST } from "./traffic.ts";
import { FEATURES, isGateway } from "./workers.ts";

/** What the client sees on every answer of the gateway. */
const ON_EVERY_ANSWER = [
  "x-correlation-id",
  "traceparent",
  "via",
  "server-timing",
  "cache-status",
  "x-sluice-service",
  "x-sluice-instance",
  "x-sluice-attempts",
  "x-sluice-generation",
];

/** What the upstream sees, whatever the client sent under these names. */
const FORWARDED = [
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "forwarded",
  "via",
  "cdn-loop",
  "traceparent",
  "x-proxy-correlation-id",
  "x-proxy-request-id",
];

/** What must not get through, with a value to look for. */
const MUST_NOT_PASS = "smuggled";

const PROBE: Readonly<Record<string, string>> = {
  connection: "keep-alive, x-nominated",
  "x-nominated": MUST_NOT_PASS,
  "keep-alive": MUST_NOT_PASS,
  "proxy-connection": MUST_NOT_PASS,
  "proxy-authorization": MUST_NOT_PASS,
  "x-forwarded-for": MUST_NOT_PASS,
  "x-forwarded-host": MUST_NOT_PASS,
  "x-forwarded-proto": MUST_NOT_PASS,
  "x-forwarded-port": MUST_NOT_PASS,
  "x-forwarded-prefix": MUST_NOT_PASS,
  forwarded: MUST_NOT_PASS,
  "x-real-ip": MUST_NOT_PASS,
  "true-client-ip": MUST_NOT_PASS,
  "x-original-url": MUST_NOT_PASS,
  "x-rewrite-url": MUST_NOT_PASS,
  "x-http-method-override": MUST_NOT_PASS,
  "x-target-service": MUST_NOT_PASS,
  "x-sluice-service": MUST_NOT_PASS,
  "x-proxy-request-id": MUST_NOT_PASS,
  "cf-ray": MUST_NOT_PASS,
  "cf-connecting-ip": "203.0.113.7",
  "accept-encoding": "gzip",
  authorization: "Bearer passes",
  "x-bench-echo": "1",
  "x-passes": "yes",
};

export interface Seen {
  readonly status: number;
  /** Names and values that the client got. */
  readonly answer: ReadonlyMap<string, string>;
  /** Names and values that the upstream got. */
  readonly request: ReadonlyMap<string, string>;
}

async function probe(port: number): Promise<Seen> {
  const headers = { host: HOST, ...PROBE };
  const request = http.get({ host: "127.0.0.1", port, path: EXCHANGES["get-1k"].path, headers, agent: false });
  const [answer] = (await once(request, "response")) as [http.IncomingMessage];
  const echoed = await text(answer);
  return {
    status: answer.statusCode ?? 0,
    answer: new Map(Object.entries(answer.headers).map(([name, value]) => [name, String(value)])),
    request: new Map(fieldsOf(echoed).map((field) => nameAndValue(field))),
  };
}

/** What the upstream got; nothing when the answer is not its own. */
function fieldsOf(echoed: string): string[] {
  try {
    return (JSON.parse(echoed) as { fields?: string[] }).fields ?? [];
  } catch {
    return [];
  }
}

function nameAndValue(field: string): [string, string] {
  const colon = field.indexOf(":");
  return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
}

/** What is wrong with how one proxy treats the probe; empty when all is right. */
export function faults({ status, answer, request }: Seen): string[] {
  const found: string[] = [];
  if (status !== 200) found.push(`status ${status}`);
  for (const name of ON_EVERY_ANSWER) if (!answer.has(name)) found.push(`the client gets no ${name}`);
  for (const name of FORWARDED) if (!request.has(name)) found.push(`the upstream gets no ${name}`);
  for (const [name, value] of request)
    if (value.includes(MUST_NOT_PASS)) found.push(`the upstream gets the client's ${name}`);
  for (const name of ["authorization", "x-passes", "accept-encoding"]) {
    if (request.get(name) !== PROBE[name]) found.push(`the upstream does not get the client's ${name}`);
  }
  return found;
}

/** How two proxies differ in the names of fields they show to the upstream and to the client. */
export function differences(one: Seen, other: Seen): string[] {
  const compare = (side: string, a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): string[] => [
    ...[...a.keys()].filter((name) => !b.has(name)).map((name) => `${side} gets ${name} from the floor alone`),
    ...[...b.keys()].filter((name) => !a.has(name)).map((name) => `${side} gets ${name} from the gateway alone`),
  ];
  return [...compare("the upstream", one.request, other.request), ...compare("the client", one.answer, other.answer)];
}

/** Throws with every fault, by Worker. `ports` holds those of floor and gateway, as far as they take part. */
export async function prove(ports: { readonly floor?: number; readonly gateway?: number }): Promise<void> {
  const found: string[] = [];
  const seen: Partial<Record<"floor" | "gateway", Seen>> = {};
  for (const name of ["floor", "gateway"] as const) {
    const port = ports[name];
    if (port === undefined) continue;
    const one = await probe(port);
    seen[name] = one;
    found.push(...faults(one).map((fault) => `${name}: ${fault}`));
  }
  if (seen.floor !== undefined && seen.gateway !== undefined) found.push(...differences(seen.floor, seen.gateway));
  if (found.length > 0) throw new Error(`what would be measured is not what it should be:\n  ${found.join("\n  ")}`);
}

/** That what a gateway is said to have on is on, and the rest off. */
export async function proveFeatures(
  runtimes: readonly { readonly name: string; readonly port: number }[],
): Promise<void> {
  const found: string[] = [];
  for (const { name, port } of runtimes) {
    if (!isGateway(name)) continue;
    const ask = (key: string): Promise<http.IncomingMessage> => {
      const headers = { host: HOST, "cf-connecting-ip": "203.0.113.7", ...(key === "" ? {} : { "x-api-key": key }) };
      return answerTo(http.get({ host: "127.0.0.1", port, path: "/orders/cached/1/bytes/64", headers, agent: false }));
    };
    const anonymous = await ask("");
    const known = await ask(API_KEY);
    const { key, limits, cache, tiers } = FEATURES[name];
    if ((anonymous.statusCode === 401) !== key) found.push(`${name}: without a key ${anonymous.statusCode}`);
    if (known.statusCode !== 200) found.push(`${name}: with a key ${known.statusCode}`);
    if ((known.headers["ratelimit"] !== undefined) !== limits) found.push(`${name}: limits are not ${limits}`);
    const bypassed = String(known.headers["cache-status"]).includes("fwd=bypass");
    if (tiers !== undefined) {
      // Stored behind the first answer's back.
      const deadline = Date.now() + 5_000;
      let status = "";
      while (!status.includes(`detail=${tiers[0]}`) && Date.now() < deadline) {
        status = String((await ask("")).headers["cache-status"]);
      }
      if (!status.includes(`detail=${tiers[0]}`)) found.push(`${name}: hits are not the level's: ${status}`);
    }
    if (bypassed === cache) found.push(`${name}: Cache-Status ${String(known.headers["cache-status"])}`);
  }
  if (found.length > 0) throw new Error(`what would be measured is not what it should be:\n  ${found.join("\n  ")}`);
}

async function answerTo(request: http.ClientRequest): Promise<http.IncomingMessage> {
  const [answer] = (await once(request, "response")) as [http.IncomingMessage];
  answer.resume();
  await once(answer, "end");
  return answer;
}
