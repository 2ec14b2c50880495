import { expect, it } from "vitest";
import { unstable_readConfig } from "wrangler";
import { configPath } from "../../../scripts/bundle.ts";
import {
  analyticsNote,
  missingBindings,
  missingSecrets,
  wantedSecrets,
  writtenSecrets,
} from "../../../scripts/deploy/checks.ts";
import type { Config } from "../../../scripts/deploy/checks.ts";
import { parsePolicy } from "../../../worker/core/policy/parse.ts";
import type { Policy, WrittenPolicy } from "../../../worker/core/policy/schema.ts";

const parsed = (document: WrittenPolicy): Policy => {
  const result = parsePolicy(JSON.stringify(document));
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
};
const read = (env?: string): Config =>
  unstable_readConfig({ config: configPath, ...(env === undefined ? {} : { env }) }, { hideWarnings: true }) as Config;

const POLICY = parsed({
  services: { orders: { instances: [{ id: "a", url: "https://orders.internal", via: "ORDERS" }] } },
  providers: { openai: { adapter: "openai", key: { secret: "OPENAI_KEY" } } },
  cache: { redis: { url: "https://r.upstash.io", token: { secret: "UPSTASH_TOKEN" } } },
  telemetry: { analyticsEngine: true },
});

it.each([undefined, "staging"])("wrangler.toml has all that the gateway needs (environment %s)", (env) => {
  expect(missingBindings(read(env), undefined, env)).toEqual([]);
});

it("names each binding that is not there, and the lines to write", () => {
  const config: Config = {
    ...read(),
    kv_namespaces: [],
    durable_objects: { bindings: [{ name: "SERVICE", class_name: "OtherObject" }] },
    compatibility_flags: ["enable_request_signal"],
  };
  const missing = missingBindings(config, undefined, "staging");
  expect(missing.map(({ what }) => what)).toEqual([
    "binding KV",
    ...["SERVICE", "REGION", "CONTROL", "INSIGHT", "LIMITER", "BATCH"].map((name) => `binding ${name}`),
    "flag request_signal_passthrough",
  ]);
  expect(missing[0]!.how).toContain("[[env.staging.kv_namespaces]]");
  expect(missing[1]!.how).toContain('{ name = "SERVICE", class_name = "ServiceObject" }');
});

it.each(["services", "mtls_certificates", "vpc_services", "vpc_networks"] as const)(
  "what the policy sends requests through may be bound as one of %s",
  (kind) => {
    expect(missingBindings(read(), POLICY, undefined).map(({ what }) => what)).toEqual([
      "binding ORDERS, which the policy names (services.orders.instances[0].via)",
    ]);
    expect(missingBindings({ ...read(), [kind]: [{ binding: "ORDERS" }] }, POLICY, undefined)).toEqual([]);
  },
);

it("tells of Analytics Engine where the policy wants it and nothing is bound", () => {
  expect(analyticsNote(read(), POLICY)).toHaveLength(1);
  expect(analyticsNote(read(), parsed({}))).toEqual([]);
  expect(analyticsNote({ ...read(), analytics_engine_datasets: [{ binding: "ANALYTICS" }] }, POLICY)).toEqual([]);
});

it("wants the admin token and whatever the policy names, and finds what is written for all to read", () => {
  const wanted = wantedSecrets(POLICY);
  expect(wanted.map(({ name }) => name)).toEqual(["ADMIN_TOKEN", "UPSTASH_TOKEN", "OPENAI_KEY"]);
  const missing = missingSecrets(wanted, new Set(["OPENAI_KEY", "ADMIN_TOKEN"]), "staging");
  expect(missing.map(({ what }) => what)).toEqual(["secret UPSTASH_TOKEN (cache.redis.token)"]);
  expect(missing[0]!.how).toContain("npm run wrangler -- secret put UPSTASH_TOKEN --env staging");
  const written = writtenSecrets({ ...read(), vars: { OPENAI_KEY: "sk-1" } }, wanted);
  expect(written.map(({ what }) => what)).toEqual([
    "OPENAI_KEY stands in the configuration's vars, where everybody can read it",
  ]);
  expect(JSON.stringify(written)).not.toContain("sk-1");
});
