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
import { EXCHANGES, type Kind } from "./traffic.ts";

export const WORKERS = ["bare", "floor", "gateway", "map"] as const;
export type WorkerName = (typeof WORKERS)[number];

const REGION = "weur";
const BENCH_FOLDER = "scripts/bench/workers";

/** A policy as a team would have it: a few services, routes by host and path, three instances to choose from. */
export function benchPolicy(origin: string, kinds: readonly Kind[] = []): WrittenPolicy {
  const asksWho = kinds.some((kind) => EXCHANGES[kind].credential !== undefined);
  const instances = (service: string) =>
    [1, 2, 3].map((number) => ({ id: `${service}-${number}`, url: origin, region: REGION }));
  const services = ["orders", "users", "catalogue", "payments", "search"];
  return {
    expose: true,
    regions: { [REGION]: { latitude: 52.37, longitude: 4.9 } },
    services: Object.fromEntries(services.map((service) => [service, { instances: instances(service) }])),
    ...(asksWho ? { security: IDENTITY } : {}),
    routes: [
      ...(asksWho ? GUARDED : []),
      ...services.map((service) => ({ match: { path: `/${service}/*` }, service })),
      ...services.map((service) => ({ match: { host: `${service}.internal.example.com`, path: "/*" }, service })),
      { match: { path: "/exports/*", methods: ["GET"] }, service: "catalogue" },
      { match: { path: "/*" }, service: "search" },
    ],
  };
}

const GUARDED: NonNullable<WrittenPolicy["routes"]> = [
  { match: { path: "/keyed/*" }, service: "orders", auth: "required", rateLimit: "ample" },
  { match: { path: "/signed/*" }, service: "orders", auth: "required" },
];

/** As wrangler.toml declares it. */
interface DeclaredObject {
  readonly name: string;
  readonly class_name: string;
}

/** Entry of a Worker that is only there to be compared with; undefined for the gateway itself. */
const entryOf = (name: WorkerName | "empty"): string | undefined =>
  name === "gateway" ? undefined : `${BENCH_FOLDER}/${name}.ts`;

export async function sourceOf(
  name: WorkerName | "empty",
  upstream: Upstream,
  kinds: readonly Kind[] = [],
): Promise<WorkerSource> {
  const config = unstable_readConfig({ config: configPath });
  const common = {
    name,
    script: await bundleWorker(entryOf(name)),
    compatibilityDate: config.compatibility_date ?? "",
    compatibilityFlags: config.compatibility_flags,
  };
  if (name !== "gateway") return { ...common, vars: { UPSTREAM: upstream.origin, AUTHORITY: upstream.authority } };
  const policy = JSON.stringify(benchPolicy(upstream.origin, kinds));
  const parsed = parsePolicy(policy);
  if (!parsed.ok) throw new TypeError(`the benchmark's policy is invalid: ${JSON.stringify(parsed.error)}`);
  return {
    ...common,
    vars: { REGION_NAME: REGION, ALLOW_PRIVATE: "true", ADMIN_TOKEN: "bench", ...SECRETS },
    objects: (config.durable_objects.bindings as readonly DeclaredObject[]).map((declared) => ({
      binding: declared.name,
      className: declared.class_name,
    })),
    kv: {
      binding: "KV",
      script: await bundleWorker(`${BENCH_FOLDER}/kv.ts`),
      vars: { KEY: POLICY_KEY, VALUE: policy, KEY2: apiKeyName(KEY_RECORD.id), VALUE2: JSON.stringify(KEY_RECORD) },
    },
  };
}
