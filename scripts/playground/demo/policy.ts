// The policy of the demo, as an operator would write it: routes with rewriting and a canary, three ways of choosing an
// instance, the seed's four cache rules, and an AI model that one provider answers and another finishes.
import type { WrittenPolicy } from "../../../worker/core/policy/schema.ts";
import type { Region } from "../regions.ts";
import type { DemoInstance } from "./services.ts";

type WrittenService = NonNullable<WrittenPolicy["services"]>[string];
type WrittenRegion = NonNullable<WrittenPolicy["regions"]>[string];

/** Only regions that run are named: an instance elsewhere stands there all the same. */
export function demoPolicy(demo: readonly DemoInstance[], regions: readonly Region[]): WrittenPolicy {
  const named = new Set(regions.map(({ name }) => name));
  const instancesOf = (service: string, weights: Readonly<Record<string, number>> = {}): WrittenService["instances"] =>
    demo
      .filter((instance) => instance.service === service)
      .map(({ id, url, region }) => ({
        id,
        url,
        weight: weights[id] ?? 1,
        ...(named.has(region) ? { region } : {}),
      }));
  return {
    expose: true,
    regions: Object.fromEntries(
      regions.map(({ name, place, origin }): [string, WrittenRegion] => [
        name,
        { latitude: Number(place.latitude), longitude: Number(place.longitude), endpoint: origin, capacity: 1000 },
      ]),
    ),
    services: {
      users: { instances: instancesOf("users"), routing: { algorithm: "least_connections" } },
      catalog: { instances: instancesOf("catalog"), routing: { algorithm: "round_robin" } },
      "catalog-next": { instances: instancesOf("catalog-next"), routing: { algorithm: "round_robin" } },
      files: { instances: instancesOf("files", { "files-1": 3 }), routing: { algorithm: "weighted_random" } },
      stream: { instances: instancesOf("stream"), routing: { algorithm: "least_connections" } },
      flaky: { instances: instancesOf("flaky"), routing: { algorithm: "round_robin" } },
      backstage: { instances: instancesOf("backstage"), routing: { algorithm: "round_robin" } },
    },
    routes: [
      { match: { path: "/api/v1/users/*" }, service: "users", stripPrefix: "/api/v1" },
      { match: { path: "/api/v1/config/*" }, service: "catalog", stripPrefix: "/api/v1" },
      { match: { path: "/api/v1/reports/*" }, service: "catalog", stripPrefix: "/api/v1" },
      { match: { path: "/api/v1/query", methods: ["POST"] }, service: "catalog", stripPrefix: "/api/v1" },
      {
        match: { path: "/files/*" },
        service: "files",
        stripPrefix: "/files",
        rewrite: { responseHeaders: { set: { "X-Content-Type-Options": "nosniff" } } },
      },
      { match: { path: "/stream/*" }, service: "stream", stripPrefix: "/stream" },
      {
        match: { path: "/flaky/*" },
        service: "flaky",
        stripPrefix: "/flaky",
        rewrite: { requestHeaders: { set: { "X-Edge": "sluice" } } },
      },
      { match: { path: "/demo/*" }, service: "backstage", stripPrefix: "/demo" },
      { match: { path: "/*" }, service: "catalog", canary: { service: "catalog-next", percent: 10 } },
    ],
    ai: { auth: "none" },
    providers: {
      lumen: { adapter: "openai", baseUrl: `${urlOf(demo, "lumen")}/v1`, models: [priced("lumen", 0.5, 2)] },
      ember: { adapter: "anthropic", baseUrl: urlOf(demo, "ember"), models: [priced("ember", 3, 15)] },
    },
    models: {
      tale: {
        targets: ["lumen/lumen", "ember/ember"],
        strategy: "priority",
        stream: { firstTokenMs: 3000, idleMs: 3000, recovery: "continue" },
        budget: { by: "address", tokensPerDay: 2_000_000, dollarsPerDay: 5 },
      },
    },
    cache: {
      rules: [
        {
          match: "GET /api/v1/users/*",
          ttlSeconds: 300,
          varyBy: ["Authorization"],
          strategy: "user_context",
          priority: 10,
          tags: ["users"],
        },
        { match: "GET /api/v1/config/*", ttlSeconds: 3600, strategy: "content_based", priority: 20 },
        {
          match: "POST /api/v1/query",
          ttlSeconds: 60,
          varyBy: ["payload_hash"],
          strategy: "content_based",
          conditions: { maxPayloadBytes: 10_240 },
          priority: 5,
        },
        {
          match: "GET /api/v1/reports/*",
          ttlSeconds: 1800,
          varyBy: ["Authorization", "date_range"],
          strategy: "temporal_patterns",
          priority: 15,
        },
      ],
    },
  };
}

/** Dollars per million tokens: of no model there is, so that the dashboard has something to add up. */
const priced = (id: string, input: number, output: number) => ({ id, price: { input, output } });

const urlOf = (demo: readonly DemoInstance[], service: string): string =>
  demo.find((instance) => instance.service === service)?.url ?? "";
