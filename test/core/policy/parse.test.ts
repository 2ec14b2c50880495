import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parsePolicy } from "../../../worker/core/policy/parse.ts";
import type { Policy, WrittenPolicy } from "../../../worker/core/policy/schema.ts";

const exampleText = readFileSync(new URL("../../fixtures/policy.example.json", import.meta.url), "utf8");

function parsed(document: WrittenPolicy): Policy {
  const result = parsePolicy(JSON.stringify(document));
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

const problems = (text: string): readonly { path: string; message: string }[] => {
  const result = parsePolicy(text);
  return result.ok ? [] : result.error;
};
const paths = (document: unknown): string[] => problems(JSON.stringify(document)).map(({ path }) => path);

const at = (url: string, id = "a"): { id: string; url: string } => ({ id, url });
const services = { users: { instances: [at("http://users.test")] }, orders: { instances: [at("http://orders.test")] } };
const route = { match: { path: "/*" }, service: "users" };

describe("the example", () => {
  it("loads as it is, and stands in the repository", () => {
    expect(problems(exampleText)).toEqual([]);
    expect(readFileSync(new URL("../../../policy.example.json", import.meta.url), "utf8")).toBe(exampleText);
  });

  it("parses to the same again", () => {
    const once = parsePolicy(exampleText);
    expect(once.ok && parsePolicy(JSON.stringify(once.value))).toEqual(once);
  });
});

/** What `path` leads to, dots between names. */
const valueAt = (policy: Policy, path: string): unknown =>
  path.split(".").reduce<unknown>((value, key) => Reflect.get(Object(value), key), policy);

describe("defaults", () => {
  const policy = parsed({
    regions: { weur: { latitude: 52, longitude: 4, endpoint: "https://eu.example.com" } },
    services: { ...services, limited: { ...services.users, concurrency: { algorithm: "gradient2" } } },
    security: { rateLimits: { standard: { requestsPerMinute: 100, requestsPerHour: 1000 } } },
    providers: { p: { adapter: "openai" } },
    models: { m: { targets: ["p/x"], condense: {} } },
    cache: { prefetch: {}, rules: [{ match: "GET /a/*" }] },
    chaos: { experiments: { e: { faults: [{ kind: "error", target: { service: "users" } }] } } },
    alerts: [{ name: "a", when: "metrics.error_rate > 0.1" }],
  });

  it.each([
    // P5-P10
    ["services.users.routing.algorithm", "intelligent_adaptive"],
    [
      "services.users.routing.weights",
      { performance: 0.3, load: 0.25, health: 0.2, compatibility: 0.15, successRate: 0.1 },
    ],
    ["services.users.routing.scoring.loadWeights", { cpu: 0.3, memory: 0.25, connections: 0.25, queue: 0.2 }],
    [
      "services.users.routing.scoring.health",
      {
        healthy: 1,
        degraded: 0.6,
        unhealthy: 0.1,
        unknown: 0.5,
        staleAfterSeconds: 300,
        decaySeconds: 3600,
        floor: 0.1,
      },
    ],
    ["services.users.routing.scoring.fastMs", 100],
    ["services.users.routing.scoring.slowMs", 1000],
    ["services.users.routing.scoring.unknownPerformance", 0.7],
    ["services.users.routing.scoring.unknownSuccess", 0.8],
    ["services.users.routing.scoring.similarShare", 0.7],
    ["services.users.routing.scoring.timesKept", 20],
    ["services.users.routing.scoring.resultsKept", 100],
    ["services.users.routing.adaptive.performance", 0.4],
    ["services.users.routing.adaptive.load", 0.3],
    ["services.users.routing.adaptive.proximity", 0.2],
    ["services.users.routing.adaptive.adaptive", 0.1],
    ["services.users.routing.adaptive.everySeconds", 300],
    ["services.users.routing.exploreShare", 0.02],
    // The breaker, attempts and deadlines of the design
    ["services.users.breaker.consecutiveFailures", 5],
    ["services.users.breaker.minimumRequests", 20],
    ["services.users.breaker.failureRate", 0.5],
    ["services.users.breaker.slowRate", 0.8],
    ["services.users.breaker.windowMs", 10_000],
    ["services.users.breaker.fastWindowMs", 2000],
    ["services.users.breaker.openMs", 2000],
    ["services.users.breaker.maxOpenMs", 10_000],
    ["services.users.breaker.jitter", 0.2],
    ["services.users.breaker.localOpenMs", 1000],
    ["services.users.breaker.halfOpenProbes", 3],
    ["services.users.breaker.successesToClose", 3],
    ["services.users.breaker.rampMs", 5000],
    ["services.users.breaker.rampFrom", 0.1],
    ["services.users.breaker.voteShare", 0.5],
    ["services.users.attempts.max", 3],
    ["services.users.attempts.retryBudget", 0.2],
    ["services.users.attempts.retryFloor", 3],
    ["services.users.attempts.hedgeAfter", false],
    ["services.users.attempts.maxRetryAfterMs", 60_000],
    ["services.users.attempts.bufferBytes", 65_536],
    ["services.users.timeouts", { headersMs: 30_000, idleMs: 30_000 }],
    ["services.users.healthCheck", false],
    ["services.users.discovery", false],
    ["services.users.concurrency", false],
    ["services.users.direct", false],
    ["services.limited.concurrency.ewmaAlpha", 0.1],
    ["services.limited.concurrency.shrinkOverErrorRate", 0.1],
    // A16
    ["regions.weur.location", "weur"],
    ["regions.weur.probe.intervalSeconds", 30],
    ["regions.weur.probe.timeoutMs", 5000],
    ["services.users.routing.regions.loadWeight", 0.6],
    ["services.users.routing.regions.latencyWeight", 0.4],
    ["services.users.routing.regions.ewmaAlpha", 0.1],
    ["services.users.routing.regions.preferredSeconds", 3600],
    // P15, P16, A5, A6
    ["cache.maxEntryBytes", 10_485_760],
    ["cache.decision.storeAbove", 0.6],
    ["cache.decision.base", 0.5],
    ["cache.decision.frequentOver", 10],
    [
      "cache.adaptiveTtl",
      expect.objectContaining({
        baseSeconds: 300,
        json: 0.8,
        html: 1.2,
        large: 1.5,
        slow: 2,
        hitRatio: 1.3,
        minimumSeconds: 60,
        maximumSeconds: 7200,
      }),
    ],
    ["cache.tierTimeoutMs", 100],
    ["cache.setCookie", "bypass"],
    [
      "cache.prefetch",
      expect.objectContaining({
        hotOver: 5,
        hotWindowSeconds: 300,
        sequenceGapSeconds: 300,
        minimumConfidence: 0.6,
        minimumCorrelation: 0.8,
        minimumSimilarity: 0.7,
        maxConcurrent: 3,
        history: 1000,
      }),
    ],
    ["cache.rules.0.strategy", "content_based"],
    ["cache.rules.0.mode", "respect"],
    // A14
    ["security.rateLimits.standard.burst", 100],
    ["security.rateLimits.standard.by", "identity"],
    ["security.rateLimits.standard.leaseTimeoutMs", 250],
    ["security.rateLimits.standard.block", { afterRefusals: 3, minuteSeconds: 60, hourSeconds: 3600 }],
    ["security.direct", false],
    // A2, A7, A11
    ["models.m.weights", { performance: 0.4, cost: 0.3, reliability: 0.2, load: 0.1 }],
    ["models.m.history", { speed: 10, kept: 100, minimum: 10, neutral: 50 }],
    ["models.m.condense.weights", { recency: 0.4, importance: 0.4, position: 0.2 }],
    ["models.m.condense.wholeTopic", 3],
    ["models.m.condense.strategy", "hybrid"],
    ["ai.batch", { embeddings: { maxItems: 10, maxWaitMs: 100 }, modelDiscovery: { maxItems: 20, maxWaitMs: 200 } }],
    ["ai.maxBodyBytes", 16_777_216],
    // A8, A9, A17
    ["chaos.enabled", false],
    ["chaos.experiments.e.success", { maxErrorRate: 0.1, maxP95Ms: 5000, maxRecoverySeconds: 30 }],
    ["chaos.experiments.e.countsForBreaker", false],
    ["alerts.0.severity", "warning"],
    ["alerts.0.cooldownMinutes", 5],
    ["expose", undefined],
  ])("%s", (path, value) => {
    expect(valueAt(policy, path)).toEqual(value);
  });

  it("of an empty document are those of every section", () => {
    expect(parsed({})).toMatchObject({
      regions: {},
      services: {},
      routes: [],
      chaos: false,
      alerts: [],
      cache: { rules: [] },
    });
  });

  it("follow a neighbour that leaves them no room", () => {
    const policy = parsed({
      services: {
        quick: { ...services.users, breaker: { openMs: 200, maxOpenMs: 500, windowMs: 1000 } },
        slow: { ...services.users, breaker: { openMs: 60_000 }, attempts: { backoffMs: 5000 } },
        small: { ...services.users, concurrency: { algorithm: "gradient2", max: 4 } },
      },
      security: { rateLimits: { hourly: { requestsPerHour: 50 } } },
      cache: { adaptiveTtl: { maximumSeconds: 10 } },
    });
    expect(policy.services["quick"]?.breaker).toMatchObject({ localOpenMs: 500, fastWindowMs: 1000 });
    expect(policy.services["slow"]).toMatchObject({ breaker: { maxOpenMs: 60_000 }, attempts: { maxBackoffMs: 5000 } });
    expect(policy.services["small"]?.concurrency).toMatchObject({ initial: 4 });
    expect(policy.security.rateLimits["hourly"]).toMatchObject({ burst: 50 });
    expect(policy.cache).toMatchObject({ adaptiveTtl: { minimumSeconds: 10 } });
  });

  it.each(["healthCheck", "discovery", "concurrency", "breaker", "attempts", "timeouts"] as const)(
    "leave %s off when it is false",
    (block) => {
      expect(parsed({ services: { users: { ...services.users, [block]: false } } }).services["users"]?.[block]).toBe(
        false,
      );
    },
  );

  it.each(["cache", "chaos"] as const)("leave the section %s off when it is false", (section) => {
    expect(parsed({ [section]: false })[section]).toBe(false);
  });
});

describe("refused, with the path of what is wrong", () => {
  const withService = (changes: object): object => ({ services: { users: { ...services.users, ...changes } } });
  const withRoute = (changes: object): object => ({ services, routes: [{ ...route, ...changes }] });
  const instance = (changes: object): object => withService({ instances: [{ ...at("http://a.test"), ...changes }] });
  const longName = "x".repeat(65);

  it.each<[string, unknown, string[]]>([
    // unknown fields
    ["an unknown section", { extra: true }, ["extra"]],
    ["an unknown field of a service", withService({ retries: 3 }), ["services.users.retries"]],
    [
      "an unknown field of a block that may be false",
      withService({ breaker: { open: 1 } }),
      ["services.users.breaker.open"],
    ],
    ["an unknown field of an instance", instance({ port: 80 }), ["services.users.instances[0].port"]],
    [
      "an unknown field of a variant",
      withService({ discovery: { kind: "static", url: "x" } }),
      ["services.users.discovery.url"],
    ],
    // types
    ["a list for a block", withService({ breaker: [] }), ["services.users.breaker"]],
    ["a list for a map", { services: [] }, ["services"]],
    ["a list for the document", [], [""]],
    ["nothing", null, [""]],
    ["text for a number", withService({ timeouts: { headersMs: "1s" } }), ["services.users.timeouts.headersMs"]],
    ["true for a block that may be false", withService({ breaker: true }), ["services.users.breaker"]],
    ["null for a block", withService({ healthCheck: null }), ["services.users.healthCheck"]],
    ["a field that is missing", { services, routes: [{ service: "users" }] }, ["routes[0].match"]],
    // numbers
    ["a share above 1", withService({ breaker: { failureRate: 1.5 } }), ["services.users.breaker.failureRate"]],
    ["a negative time", withService({ timeouts: { idleMs: -1 } }), ["services.users.timeouts.idleMs"]],
    ["a broken count", withService({ attempts: { max: 2.5 } }), ["services.users.attempts.max"]],
    ["more attempts than anyone needs", withService({ attempts: { max: 1000 } }), ["services.users.attempts.max"]],
    ["a weight of 0", instance({ weight: 0 }), ["services.users.instances[0].weight"]],
    ["openMs above maxOpenMs", withService({ breaker: { openMs: 9, maxOpenMs: 8 } }), ["services.users.breaker"]],
    [
      "weights that are all 0",
      withService({ routing: { weights: { performance: 0, load: 0, health: 0, compatibility: 0, successRate: 0 } } }),
      ["services.users.routing.weights"],
    ],
    [
      "a percentage above 100",
      withRoute({ canary: { service: "orders", percent: 101 } }),
      ["routes[0].canary.percent"],
    ],
    // names
    ["a name with a space", { services: { "a b": services.users } }, ['services["a b"]']],
    ["a name too long", { services: { [longName]: services.users } }, [`services["${"x".repeat(64)}…"]`]],
    ["names equal but for case", { services: { ...services, Users: services.users } }, ["services.Users"]],
    [
      "regions equal but for case",
      { regions: { weur: { latitude: 1, longitude: 1 }, WEUR: { latitude: 1, longitude: 1, location: "weur" } } },
      ["regions.WEUR"],
    ],
    [
      "instances equal but for case",
      withService({ instances: [at("http://a.test", "a"), at("http://b.test", "A")] }),
      ["services.users.instances[1].id"],
    ],
    [
      "alerts of one name",
      {
        alerts: [
          { name: "a", when: "true" },
          { name: "a", when: "true" },
        ],
      },
      ["alerts[1].name"],
    ],
    [
      "header fields equal but for case",
      withRoute({ match: { path: "/*", headers: { "X-A": "1", "x-a": "2" } } }),
      ["routes[0].match.headers.x-a"],
    ],
    // references
    ["a route to no service", { services, routes: [{ ...route, service: "user" }] }, ["routes[0].service"]],
    [
      "a route to what every object has",
      { services, routes: [{ ...route, service: "toString" }] },
      ["routes[0].service"],
    ],
    ["a canary to no service", withRoute({ canary: { service: "x", percent: 1 } }), ["routes[0].canary.service"]],
    [
      "a canary to the same service",
      withRoute({ canary: { service: "users", percent: 1 } }),
      ["routes[0].canary.service"],
    ],
    ["a fallback to no service", withService({ fallback: ["x"] }), ["services.users.fallback[0]"]],
    ["a fallback to itself", withService({ fallback: ["users"] }), ["services.users.fallback[0]"]],
    [
      "a fallback twice",
      { services: { ...services, users: { ...services.users, fallback: ["orders", "orders"] } } },
      ["services.users.fallback[1]"],
    ],
    ["a limit that is none", withRoute({ rateLimit: "x" }), ["routes[0].rateLimit"]],
    ["a notifier that is none", { alerts: [{ name: "a", when: "true", notify: ["x"] }] }, ["alerts[0].notify[0]"]],
    ["a target of no provider", { models: { m: { targets: ["p/x"] } } }, ["models.m.targets[0]"]],
    ["a region that is no location", { regions: { mars: { latitude: 0, longitude: 0 } } }, ["regions.mars"]],
    [
      "an instance in no region",
      { ...instance({ region: "enam" }), regions: { weur: { latitude: 0, longitude: 0 } } },
      ["services.users.instances[0].region"],
    ],
    ["an instance in no location", instance({ region: "mars" }), ["services.users.instances[0].region"]],
    ["a service without instances", { services: { users: {} } }, ["services.users.instances"]],
    ["permissions without auth", withRoute({ permissions: ["a:read"] }), ["routes[0].permissions"]],
    [
      "permissions of direct services without auth",
      { security: { direct: { auth: "none", permissions: ["a"] } } },
      ["security.direct"],
    ],
    ["redis as a level and nowhere", { cache: { tiers: ["memory", "redis"] } }, ["cache"]],
    ["an adapter without its address", { providers: { p: { adapter: "vllm" } } }, ["providers.p.baseUrl"]],
    [
      "a fault upon an unknown service",
      { chaos: { experiments: { e: { faults: [{ kind: "reset", target: { service: "x" } }] } } } },
      ["chaos.experiments.e.faults[0].target.service"],
    ],
    [
      "a fault upon everybody",
      { chaos: { experiments: { e: { faults: [{ kind: "reset", target: {} }] } } } },
      ["chaos.experiments.e.faults[0].target"],
    ],
    // addresses
    ["another scheme", instance({ url: "ftp://a.test" }), ["services.users.instances[0].url"]],
    ["a URL with a user", instance({ url: "http://u:p@a.test" }), ["services.users.instances[0].url"]],
    ["a URL with a fragment", instance({ url: "http://a.test/#x" }), ["services.users.instances[0].url"]],
    ["an upstream with a query", instance({ url: "http://a.test/?x" }), ["services.users.instances[0].url"]],
    ["a URL with a space", instance({ url: "http://a.test/ b" }), ["services.users.instances[0].url"]],
    ["a URL without a host", instance({ url: "http://" }), ["services.users.instances[0].url"]],
    [
      "a CIDR block that is none",
      { security: { addresses: { deny: ["10.0.0.0/33"] } } },
      ["security.addresses.deny[0]"],
    ],
    // patterns
    ["a path without a slash", withRoute({ match: { path: "a" } }), ["routes[0].match.path"]],
    ["a regular expression in a path", withRoute({ match: { path: "/{id:\\d+}" } }), ["routes[0].match.path"]],
    ["a parameter in a path", withRoute({ match: { path: "/users/:id" } }), ["routes[0].match.path"]],
    ["a query in a path", withRoute({ match: { path: "/a?b" } }), ["routes[0].match.path"]],
    ["dot segments in a path", withRoute({ match: { path: "/a/../b" } }), ["routes[0].match.path"]],
    ["a port in a host", withRoute({ match: { host: "a.test:80", path: "/" } }), ["routes[0].match.host"]],
    ["a star within a host", withRoute({ match: { host: "a.*.test", path: "/" } }), ["routes[0].match.host"]],
    [
      "a method in small letters",
      withRoute({ match: { path: "/", methods: ["get"] } }),
      ["routes[0].match.methods[0]"],
    ],
    [
      "a prefix that ends in a slash",
      withRoute({ match: { path: "/a/*" }, stripPrefix: "/a/" }),
      ["routes[0].stripPrefix"],
    ],
    [
      "a prefix no path of the route has",
      withRoute({ match: { path: "/a/*" }, stripPrefix: "/b" }),
      ["routes[0].stripPrefix"],
    ],
    [
      "a prefix within a segment",
      withRoute({ match: { path: "/apis/*" }, stripPrefix: "/api" }),
      ["routes[0].stripPrefix"],
    ],
    [
      "two prefixes",
      withRoute({ match: { path: "/a/*" }, stripPrefix: "/a", rewrite: { path: { stripPrefix: "/a" } } }),
      ["routes[0].stripPrefix"],
    ],
    ["a cache rule without a method", { cache: { rules: [{ match: "/a" }] } }, ["cache.rules[0].match"]],
    // header fields
    [
      "a header that breaks its line",
      withRoute({ rewrite: { requestHeaders: { set: { "X-A": "a\r\nX-B: c" } } } }),
      ["routes[0].rewrite.requestHeaders.set.X-A"],
    ],
    [
      "a header name that breaks its line",
      withRoute({ rewrite: { requestHeaders: { set: { "X-A:\r\n": "a" } } } }),
      ['routes[0].rewrite.requestHeaders.set["X-A:\\r\\n"]'],
    ],
    ...["Connection", "transfer-encoding", "Content-Length", "Host", "TE", "Upgrade", "CDN-Loop"].map(
      (name): [string, unknown, string[]] => [
        `setting ${name}`,
        withRoute({ rewrite: { requestHeaders: { set: { [name]: "x" } } } }),
        [`routes[0].rewrite.requestHeaders.set.${name}`],
      ],
    ),
    [
      "removing Content-Encoding",
      withRoute({ rewrite: { responseHeaders: { remove: ["Content-Encoding"] } } }),
      ["routes[0].rewrite.responseHeaders.remove[0]"],
    ],
    // security
    [
      "a shared key with public algorithms",
      {
        security: {
          jwt: { issuers: [{ issuer: "i", audience: "a", algorithms: ["RS256"], sharedKey: { secret: "K" } }] },
        },
      },
      ["security.jwt.issuers[0]"],
    ],
    [
      "a public key with shared algorithms",
      {
        security: {
          jwt: { issuers: [{ issuer: "i", audience: "a", algorithms: ["HS256"], jwksUrl: "https://i.test/k" }] },
        },
      },
      ["security.jwt.issuers[0]"],
    ],
    [
      "alg none",
      {
        security: {
          jwt: { issuers: [{ issuer: "i", audience: "a", algorithms: ["none"], jwksUrl: "https://i.test/k" }] },
        },
      },
      ["security.jwt.issuers[0].algorithms[0]"],
    ],
    ["any origin with credentials", { security: { cors: { origins: ["*"], credentials: true } } }, ["security.cors"]],
    [
      "a path that names another host",
      { regions: { weur: { latitude: 0, longitude: 0, probe: { path: "//evil.test/" } } } },
      ["regions.weur.probe.path"],
    ],
    ["a limit of nothing", { security: { rateLimits: { a: { burst: 5 } } } }, ["security.rateLimits.a"]],
    [
      "matches() in a condition",
      { alerts: [{ name: "a", when: "metrics.x > 1 && name . matches ('(a+)+$')" }] },
      ["alerts[0].when"],
    ],
  ])("%s", (_, document, expected) => {
    expect(paths(document)).toEqual(expected);
  });

  it("several at once, and at most twenty", () => {
    expect(paths({ services: { users: { instances: [{ id: 1, url: 2 }] } }, routes: [{}] })).toEqual([
      "services.users.instances[0].id",
      "services.users.instances[0].url",
      "routes[0].match",
      "routes[0].service",
    ]);
    expect(paths({ routes: Array<number>(5000).fill(0) })).toHaveLength(20);
    expect(paths({ services, routes: Array.from({ length: 50 }, () => ({ ...route, service: "x" })) })).toHaveLength(
      20,
    );
  });

  it("words that may stand in a condition's strings", () => {
    expect(paths({ alerts: [{ name: "a", when: "metrics.requests > 0 && 'matches (all)' != ''" }] })).toEqual([]);
  });
});

describe("names that reach a prototype", () => {
  it.each([
    ['{"__proto__":{"expose":true}}', "__proto__"],
    ['{"services":{"__proto__":{}}}', "services.__proto__"],
    ['{"services":{"\\u005f_proto__":{}}}', "services.__proto__"],
    ['{"services":{"constructor":{}}}', "services.constructor"],
    ['{"security":{"roles":{"prototype":[]}}}', "security.roles.prototype"],
  ])("%s", (text, path) => {
    expect(problems(text)).toEqual([{ path, message: "is not a name that may be used" }]);
    expect(Object.hasOwn(Object.prototype, "expose")).toBe(false);
  });

  it("a name that stands twice is refused, whichever would have won", () => {
    expect(problems('{"services":{"a":{},"b":{},"a":{}}}')).toEqual([
      { path: "services.a", message: "stands twice in the same object" },
    ]);
  });
});

describe("hostile documents are refused before they cost anything", () => {
  const withinMs = (limit: number, text: string): readonly { message: string }[] => {
    // CPU of this thread: what others do on the machine counts for nothing.
    const start = process.threadCpuUsage();
    const found = problems(text);
    expect(process.threadCpuUsage(start).user / 1000).toBeLessThan(limit);
    return found;
  };

  it.each([
    ["10 MB of text", `"${"x".repeat(10_000_000)}"`],
    ["10 MB of objects", `[${"{},".repeat(3_500_000)}{}]`],
    ["a little over 1 MiB in bytes but not in characters", `"${"é".repeat(600_000)}"`],
    ["10,000 lists", "[".repeat(10_000) + "]".repeat(10_000)],
    ["10,000 objects", '{"a":'.repeat(10_000) + "1" + "}".repeat(10_000)],
    ["10,000 that never close", '{"a":['.repeat(10_000)],
  ])("%s", (_, text) => {
    expect(withinMs(100, text)).toHaveLength(1);
  });

  it("a megabyte of mistakes", () => {
    const many = JSON.stringify({
      routes: Array.from({ length: 9000 }, () => ({ match: { path: "/{", methods: [1], headers: { a: 1 } } })),
    });
    expect(withinMs(2000, many)).toHaveLength(20);
  });

  it("a list too long", () => {
    expect(problems(`{"routes":[${"0,".repeat(20_000)}0]}`)).toEqual([
      { path: "routes", message: "must have at most 10000 entries" },
    ]);
  });
});

describe("what is written never comes back", () => {
  const CANARY = "sk-canary-0123456789";
  it.each<[string, object]>([
    ["in the place of a secret", { providers: { p: { adapter: "openai", key: CANARY } } }],
    ["as a secret's name", { providers: { p: { adapter: "openai", key: { secret: CANARY } } } }],
    ["as a field where a secret belongs", { providers: { p: { adapter: "openai", key: { [CANARY]: true } } } }],
    [
      "among several secrets",
      { providers: { p: { adapter: "openai", keys: [CANARY, { secret: "OK", more: CANARY }] } } },
    ],
    ["in a URL", { services: { users: { instances: [at(`http://me:${CANARY}@a.test`)] } } }],
    ["in a header", { providers: { p: { adapter: "openai", headers: { Authorization: `Bearer\n${CANARY}` } } } }],
    ["in a picklist", { providers: { p: { adapter: CANARY } } }],
    ["in a literal", { services: { users: { breaker: CANARY } } }],
    ["in a name to refer to", { services, routes: [{ ...route, service: CANARY }] }],
    ["in a variant", { notifiers: { n: { kind: CANARY } } }],
    ["in a condition", { alerts: [{ name: "a", when: `x.matches("${CANARY}")` }] }],
  ])("%s", (_, document) => {
    const found = problems(JSON.stringify(document));
    expect(found).not.toEqual([]);
    expect(JSON.stringify(found)).not.toContain(CANARY);
  });

  it("not even from text that is no JSON", () => {
    const found = problems(`{"key": "${CANARY}" oops}`);
    expect(found).toEqual([{ path: "", message: "is not JSON: line 1, column 32" }]);
  });
});

describe("parsePolicy, whatever it is given", () => {
  const example: unknown = JSON.parse(exampleText);

  it("never throws on text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parsePolicy(text)));
  });

  it("never throws on JSON, and says where every problem is", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        const result = parsePolicy(text);
        if (!result.ok) for (const { message } of result.error) expect(message).toMatch(/^[a-z]/);
      }),
    );
  });

  /** The example with one value somewhere in it replaced. */
  const spoilt = fc
    .tuple(fc.nat(), fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom<unknown>(null, "", -1, 1e308, [], {})))
    .map(([place, value]) => {
      const document: unknown = structuredClone(example);
      const places: [object, string][] = [];
      const walk = (node: unknown): void => {
        if (typeof node !== "object" || node === null) return;
        for (const key of Object.keys(node)) {
          places.push([node, key]);
          walk(Reflect.get(node, key));
        }
      };
      walk(document);
      const [node, key] = places[place % places.length]!;
      Reflect.set(node, key, value);
      return document;
    });

  it("refuses a spoilt example, or takes it and parses it to the same again", () => {
    fc.assert(
      fc.property(spoilt, (document) => {
        const once = parsePolicy(JSON.stringify(document));
        if (once.ok) expect(parsePolicy(JSON.stringify(once.value))).toEqual(once);
        else expect(once.error.length).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });
});
