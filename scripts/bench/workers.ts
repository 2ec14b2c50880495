// The Workers that are compared, as they are built and bound: the same compatibility date and flags for all of them, the
// gateway with real bindings (KV through a Worker that answers the policy, objects with SQLite on a temporary disk).
import { unstable_readConfig } from "wrangler";
import type { WrittenPolicy } from "../../worker/core/policy/schema.ts";
import { parsePolicy } from "../../worker/core/policy/parse.ts";
import { apiKeyName, POLICY_KEY } from "../../worker/core/protocol/names.ts";
import { bundleWorker, configPath } from "../bundle.ts";
import { IDENTITY, KEY_RECORD, SECRETS } from "./callers.ts";
import type { Upstream } from "./programs.ts";
import type { WorkerSource } from "./runtime.ts";
import { EXCHANGES, SPREAD, type Kind } from "./traffic.ts";

export type GatewayName =
  | "gateway"
  | "cached"
  | "keyed"
  | "limited"
  | "edge"
  | "global"
  | "redis"
  | "everything"
  | "large";

interface Features {
  readonly key: boolean;
  readonly limits: boolean;
  readonly cache: boolean;
  /** The one level that hits come from; memory by default. */
  readonly tiers?: readonly ["edge" | "global" | "redis"];
}

/** What a gateway has on beside routing, breaker and capture. */
export const FEATURES: Readonly<Record<GatewayName, Features>> = {
  gateway: { key: false, limits: false, cache: false },
  cached: { key: false, limits: false, cache: true },
  keyed: { key: true, limits: false, cache: false },
  limited: { key: false, limits: true, cache: false },
  edge: { key: false, limits: false, cache: true, tiers: ["edge"] },
  global: { key: false, limits: false, cache: true, tiers: ["global"] },
  redis: { key: false, limits: false, cache: true, tiers: ["redis"] },
  everything: { key: true, limits: true, cache: true },
  /** Like `gateway`, under a policy of 1,000 routes and 300 services. */
  large: { key: false, limits: false, cache: false },
};

const OTHERS = ["bare", "floor", "reading", "map"] as const;
export const WORKERS = [...OTHERS, ...(Object.keys(FEATURES) as GatewayName[])] as const;
export type WorkerName = (typeof WORKERS)[number];

export const isGateway = (name: string): name is GatewayName => name in FEATURES;

const REGION = "weur";
const BENCH_FOLDER = "scripts/bench/workers";

const SERVICES = ["orders", "users", "catalogue", "payments", "search"];

/** A policy as a team would have it: a few services, routes by host and path, three instances to choose from. */
export function benchPolicy(origin: string, name: GatewayName = "gateway", kinds: readonly Kind[] = []): WrittenPolicy {
  const policy = policyOf(name === "large" ? [...SERVICES, ...moreServices(SERVICES.length)] : SERVICES, origin);
  const { key, limits, cache, tiers } = FEATURES[name];
  const asksWho = kinds.some((kind) => EXCHANGES[kind].credential !== undefined);
  const more = { ...(key ? { auth: "required" as const } : {}), ...(limits ? { rateLimit: "ample" } : {}) };
  return {
    ...policy,
    ...(cache ? {} : { cache: false as const }),
    ...(tiers === undefined ? {} : { cache: { tiers: [...tiers], ...(tiers[0] === "redis" ? played(origin) : {}) } }),
    ...(key || limits || asksWho ? { security: IDENTITY } : {}),
    ...(kinds.includes("chat") ? aiSections(origin) : {}),
    routes: [
      ...(asksWho ? GUARDED : []),
      ...(name === "large" ? moreRoutes(SPREAD.routes - (policy.routes?.length ?? 0)) : []),
      ...(policy.routes ?? []).map((route) => ({ ...route, ...more })),
      ...SERVICES.map((service) => ({ match: { host: `${service}.internal.example.com`, path: "/*" }, service })),
      { match: { path: "/exports/*", methods: ["GET"] }, service: "catalogue" },
      { match: { path: "/*" }, service: "search" },
    ],
  };
}

/** Redis, played by the upstream: the token is any secret there is. */
const played = (origin: string) => ({ redis: { url: `${origin}/redis`, token: { secret: "BENCH_SHARED" } } });

const GUARDED: NonNullable<WrittenPolicy["routes"]> = [
  { match: { path: "/keyed/*" }, service: "orders", auth: "required", rateLimit: "ample" },
  { match: { path: "/signed/*" }, service: "orders", auth: "required" },
];

/** So that there are 300 in all. */
const moreServices = (beside: number): string[] =>
  Array.from({ length: SPREAD.services - beside }, (_, index) => `s${index}`);

/** Routes as a large policy has them: by host, by path and by both, for methods and for all. */
const moreRoutes = (count: number): NonNullable<WrittenPolicy["routes"]> =>
  Array.from({ length: count }, (_, index) => {
    const path = index % 4 === 3 ? `/team-${index % 50}/*/v${index}` : `/team-${index % 50}/resource-${index}/*`;
    const host = index % 3 === 0 ? { host: `tenant-${index}.example.com` } : {};
    const methods = index % 5 === 0 ? { methods: ["GET" as const, "POST" as const] } : {};
    return { match: { ...host, path, ...methods }, service: `s${index % (SPREAD.services - SERVICES.length)}` };
  });

/** A model at two providers, with recovery, whose answers pass byte by byte. */
export const aiSections = (origin: string): Pick<WrittenPolicy, "ai" | "providers" | "models"> => ({
  ai: { auth: "none" },
  providers: {
    one: { adapter: "openai", baseUrl: `${origin}/v1` },
    other: { adapter: "openai", baseUrl: `${origin}/v1` },
  },
  models: {
    bench: { targets: ["one/fake", "other/fake"], strategy: "priority", stream: { recovery: "continue" } },
  },
});

/** For memory over time: 300 services, 1,000 routes, callers with tokens and limits of their own, and the cache as it is by default. */
export function endurancePolicy(origin: string): WrittenPolicy {
  const services = Array.from({ length: SPREAD.services }, (_, index) => `s${index}`);
  const policy = policyOf(services, origin);
  const own = (policy.routes ?? []).map((route) => ({
    ...route,
    auth: "required" as const,
    rateLimit: "ample",
  }));
  return {
    ...policy,
    security: IDENTITY,
    routes: [...own, ...moreRoutes(SPREAD.routes - own.length)],
  };
}

/** These services, each of three instances and below a path of its own. */
export function policyOf(services: readonly string[], origin: string): WrittenPolicy {
  const instances = (service: string) =>
    [1, 2, 3].map((number) => ({ id: `${service}-${number}`, url: origin, region: REGION }));
  return {
    expose: true,
    regions: { [REGION]: { latitude: 52.37, longitude: 4.9 } },
    services: Object.fromEntries(services.map((service) => [service, { instances: instances(service) }])),
    routes: services.map((service) => ({ match: { path: `/${service}/*` }, service })),
  };
}

/** As wrangler.toml declares it. */
interface DeclaredObject {
  readonly name: string;
  readonly class_name: string;
}

/** Entry of a Worker that is only there to be compared with. */
const entryOf = (name: Exclude<WorkerName, GatewayName>): string => `${BENCH_FOLDER}/${name}.ts`;

export async function sourceOf(
  name: WorkerName,
  upstream: Upstream,
  kinds: readonly Kind[] = [],
  readable = false,
): Promise<WorkerSource> {
  if (isGateway(name)) {
    return gatewaySource(name, benchPolicy(upstream.origin, name, kinds), () => bundleWorker(undefined, readable));
  }
  return {
    ...(await common(name, bundleWorker(entryOf(name), readable))),
    vars: { UPSTREAM: upstream.origin, AUTHORITY: upstream.authority },
  };
}

/**
 * A Worker that is nothing, with the bindings of `gateway`: what the runtime needs to start it (an alarm clock and a disk for objects, the
 * Worker that plays KV) is no cost of the gateway's code.
 */
export function emptied(gateway: WorkerSource): WorkerSource {
  const classes = (gateway.objects ?? []).map(
    ({ className }) => `export class ${className} extends DurableObject {}\n`,
  );
  const script = `import { DurableObject } from "cloudflare:workers";
${classes.join("")}export default { fetch: () => new Response("ok") };
`;
  return { ...gateway, name: "empty", script };
}

const namesEdge = ({ cache }: WrittenPolicy): boolean =>
  typeof cache === "object" && (cache.tiers ?? []).includes("edge");

/** The gateway under this policy, with its real bindings. `build` is told the classes of its objects. */
export async function gatewaySource(
  name: string,
  written: WrittenPolicy,
  build: (classes: readonly string[]) => Promise<string>,
): Promise<WorkerSource> {
  const policy = JSON.stringify(written);
  const parsed = parsePolicy(policy);
  if (!parsed.ok) throw new TypeError(`the benchmark's policy is invalid: ${JSON.stringify(parsed.error)}`);
  const config = unstable_readConfig({ config: configPath });
  const objects = (config.durable_objects.bindings as readonly DeclaredObject[]).map((declared) => ({
    binding: declared.name,
    className: declared.class_name,
  }));
  return {
    ...(await common(name, build(objects.map(({ className }) => className)))),
    // Elsewhere there is none, and the level rests: raw workerd has no cache of its own.
    ...(namesEdge(written) ? { cache: await bundleWorker(`${BENCH_FOLDER}/cache.ts`) } : {}),
    vars: { REGION_NAME: REGION, ALLOW_PRIVATE: "true", ADMIN_TOKEN: "bench", ...SECRETS },
    objects,
    kv: {
      binding: "KV",
      script: await bundleWorker(`${BENCH_FOLDER}/kv.ts`),
      vars: { KEY: POLICY_KEY, VALUE: policy, KEY2: apiKeyName(KEY_RECORD.id), VALUE2: JSON.stringify(KEY_RECORD) },
    },
  };
}

async function common(name: string, script: Promise<string>) {
  const config = unstable_readConfig({ config: configPath });
  return {
    name,
    script: await script,
    compatibilityDate: config.compatibility_date ?? "",
    compatibilityFlags: config.compatibility_flags,
  };
}
