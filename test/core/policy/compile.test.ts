import { describe, expect, it } from "vitest";
import { compileInstance, compilePolicy, compileTimeouts } from "../../../worker/core/policy/compile.ts";
import type { CompiledPolicy, HeaderSource } from "../../../worker/core/policy/compiled.ts";
import { parsePolicy } from "../../../worker/core/policy/parse.ts";
import type { WrittenPolicy } from "../../../worker/core/policy/schema.ts";

type WrittenService = NonNullable<WrittenPolicy["services"]>[string];
type WrittenRoute = NonNullable<WrittenPolicy["routes"]>[number];

function compiled(document: WrittenPolicy): CompiledPolicy {
  const result = parsePolicy(JSON.stringify(document));
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return compilePolicy(result.value, 7);
}

const service = (name: string, more: WrittenService = {}): WrittenService => ({
  instances: [{ id: `${name}-1`, url: `http://${name}.test` }],
  ...more,
});
const services = { a: service("a"), b: service("b"), c: service("c") };
const headers = (fields: Record<string, string> = {}): HeaderSource => ({ get: (name) => fields[name] ?? null });

/** Id of the route taken. */
const taken = (policy: CompiledPolicy, path: string, { host = "x.test", method = "GET", fields = {} } = {}) =>
  policy.route(host, path, method, headers(fields))?.id;

const routed = (...routes: WrittenRoute[]): CompiledPolicy => compiled({ services, routes });

describe("routes", () => {
  it("are taken by host, then path, then method, then headers, then the order of the file", () => {
    const policy = routed(
      { name: "all", match: { path: "/*" }, service: "a" },
      { name: "prefix", match: { path: "/users/*" }, service: "a" },
      { name: "longer", match: { path: "/users/admin/*" }, service: "a" },
      { name: "exact", match: { path: "/users/admin/me" }, service: "a" },
      { name: "method", match: { path: "/users/*", methods: ["POST"] }, service: "a" },
      { name: "header", match: { path: "/users/*", headers: { "X-Version": "2" } }, service: "a" },
      { name: "again", match: { path: "/users/*" }, service: "b" },
      { name: "wildcard-host", match: { host: "*.example.com", path: "/u/*" }, service: "a" },
      { name: "host", match: { host: "api.example.com", path: "/*" }, service: "a" },
    );
    expect(taken(policy, "/")).toBe("all");
    expect(taken(policy, "/users")).toBe("prefix");
    expect(taken(policy, "/users/7")).toBe("prefix");
    expect(taken(policy, "/users/admin/you")).toBe("longer");
    expect(taken(policy, "/users/admin/me")).toBe("exact");
    expect(taken(policy, "/users/7", { method: "POST" })).toBe("method");
    expect(taken(policy, "/users/7", { fields: { "x-version": "2" } })).toBe("header");
    expect(taken(policy, "/users/7", { method: "POST", fields: { "x-version": "2" } })).toBe("method");
    expect(taken(policy, "/u/7", { host: "w.example.com" })).toBe("wildcard-host");
    expect(taken(policy, "/users/7", { host: "api.example.com" })).toBe("host");
    expect(taken(policy, "/users/7", { host: "other.test" })).toBe("prefix");
  });

  it("take nothing where none fits", () => {
    const policy = routed({ match: { path: "/a", methods: ["GET"] }, service: "a" });
    expect(taken(policy, "/a", { method: "POST" })).toBeUndefined();
    expect(taken(policy, "/b")).toBeUndefined();
    expect(taken(compiled({}), "/")).toBeUndefined();
  });

  it("have ids that tell them apart: a name, or the match in words", () => {
    const policy = routed(
      { match: { host: "orders.example.com", path: "/*", methods: ["GET", "POST"] }, service: "a" },
      { name: "mine", match: { path: "/m" }, service: "a" },
      { match: { path: "/v", headers: { "X-Key": "hidden" } }, service: "a" },
      { match: { path: "/v", headers: { "X-Key": "other" } }, service: "b" },
      { match: { path: `/${"long".repeat(100)}` }, service: "a" },
    );
    expect(policy.routes.map((route) => route.id)).toEqual([
      "GET,POST orders.example.com/*",
      "mine",
      "/v [X-Key]",
      "/v [X-Key] #3",
      expect.stringMatching(/^.{121}$/),
    ]);
  });

  it("carry what their policy says, with what it does not say as no limit", () => {
    const policy = compiled({
      services,
      security: { rateLimits: { standard: { requestsPerMinute: 1 } } },
      routes: [
        {
          match: { path: "/api/v1/*" },
          service: "a",
          auth: "required",
          permissions: ["a:read"],
          rateLimit: "standard",
          maxBodyBytes: 5,
          stripPrefix: "/api",
          rewrite: {
            path: { addPrefix: "/new" },
            requestHeaders: { remove: ["X-Gone"], set: { "X-Edge": "1" }, add: { "X-Many": ["a", "b"] } },
            responseHeaders: {},
          },
          canary: { service: "b", percent: 10 },
        },
        { match: { path: "/*" }, service: "c", canary: { service: "b", percent: 0 } },
      ],
    });
    const [first, last] = policy.routes;
    expect(first).toMatchObject({
      kind: "listed",
      service: { name: "a" },
      canary: { service: { name: "b" }, percent: 10 },
      stripPrefix: "/api",
      addPrefix: "/new",
      maxBodyBytes: 5,
      auth: "required",
      permissions: ["a:read"],
      rateLimit: "standard",
      requestHeaders: {
        remove: ["x-gone"],
        set: [["x-edge", "1"]],
        add: [
          ["x-many", "a"],
          ["x-many", "b"],
        ],
      },
    });
    expect(first?.responseHeaders).toBeUndefined();
    expect(last).toMatchObject({
      kind: "fallback",
      maxBodyBytes: Infinity,
      auth: "none",
      stripPrefix: "",
      addPrefix: "",
    });
    expect(last?.canary).toBeUndefined();
  });
});

describe("services named by the request", () => {
  const direct = {
    users: service("users", { direct: true }),
    v1: service("v1", { direct: true }),
    hidden: service("hidden"),
  };
  const rules = { auth: "required" as const, permissions: ["direct"], rateLimit: "standard", maxBodyBytes: 9 };
  const rateLimits = { standard: { requestsPerMinute: 1 } };
  const routes: WrittenRoute[] = [
    { name: "listed", match: { path: "/api/v1/users/me" }, service: "hidden" },
    { name: "host", match: { host: "own.test", path: "/*" }, service: "hidden" },
    { name: "fallback", match: { path: "/*" }, service: "hidden" },
    { name: "fallback-posts", match: { path: "/*", methods: ["POST"] }, service: "hidden" },
  ];
  const policy = compiled({ services: direct, security: { direct: rules, rateLimits }, routes });

  it.each<[string, string, Record<string, string>, string]>([
    ["/api/v1/<service>", "/api/v1/users/7", {}, "direct users"],
    ["/api/v1/<service> without more", "/api/v1/users", {}, "direct users"],
    ["the first segment", "/users/7", {}, "direct users"],
    ["the first segment alone", "/users", {}, "direct users"],
    ["the header", "/other/7", { "x-target-service": "users" }, "direct users"],
    ["the path before the header", "/v1/7", { "x-target-service": "users" }, "direct v1"],
    ["the api path before the first segment", "/api/v1/v1/users", {}, "direct v1"],
    ["a listed route before all of them", "/api/v1/users/me", { "x-target-service": "v1" }, "listed"],
    ["a host's own catch-all before all of them", "/users/7", { host: "own.test" }, "host"],
    ["nothing: a service that is not direct", "/hidden/7", {}, "fallback"],
    ["nothing: the header names one that is not direct", "/x", { "x-target-service": "hidden" }, "fallback"],
    ["nothing: a name in other letters", "/Users/7", { "x-target-service": "USERS" }, "fallback"],
    ["nothing: a part of a segment", "/users-old/7", {}, "fallback"],
    ["nothing: an encoded name", "/%75sers/7", {}, "fallback"],
    ["nothing: what every object has", "/constructor", { "x-target-service": "__proto__" }, "fallback"],
    ["nothing: an empty header", "/x", { "x-target-service": "" }, "fallback"],
  ])("%s", (_, path, { host = "x.test", ...fields }, expected) => {
    expect(taken(policy, path, { host, fields })).toBe(expected);
  });

  it("stand under the rules of security.direct", () => {
    expect(policy.route("x.test", "/users/7", "GET", headers())).toMatchObject({
      kind: "direct",
      service: { name: "users" },
      auth: "required",
      permissions: ["direct"],
      rateLimit: "standard",
      maxBodyBytes: 9,
      stripPrefix: "",
    });
  });

  it("require authentication unless the rules say otherwise", () => {
    const bare = compiled({ services: direct, security: { direct: {} } });
    expect(bare.route("x.test", "/users", "GET", headers())?.auth).toBe("required");
  });

  it.each([undefined, false] as const)("are none without security.direct (%s)", (block) => {
    const without = compiled({ services: direct, security: block === undefined ? {} : { direct: block }, routes });
    expect(taken(without, "/users/7")).toBe("fallback");
    expect(taken(without, "/x", { fields: { "x-target-service": "users" } })).toBe("fallback");
  });

  it("leave the catch-alls their own order", () => {
    expect(taken(policy, "/x", { method: "POST" })).toBe("fallback-posts");
  });
});

describe("instances", () => {
  it.each([
    ["http://a.test", { origin: "http://a.test", authority: "a.test", basePath: "" }],
    ["https://A.test:443/", { origin: "https://a.test", authority: "a.test", basePath: "" }],
    ["http://a.test:8080/base/", { origin: "http://a.test:8080", authority: "a.test:8080", basePath: "/base" }],
    ["http://[::1]:9/x/y", { origin: "http://[::1]:9", authority: "[::1]:9", basePath: "/x/y" }],
  ])("%s", (url, expected) => {
    const { services: all } = compiled({ services: { s: { instances: [{ id: "i", url, weight: 2 }] } } });
    expect(all.get("s")?.instances[0]).toMatchObject({
      ...expected,
      key: "s/i",
      region: "",
      weight: 2,
      capacity: Infinity,
    });
  });

  it("are compiled alike when discovery finds them", () => {
    expect(
      compileInstance("s", { id: "x", url: "http://x.test", weight: 1, priority: 0, metadata: {}, capacity: 4 }),
    ).toMatchObject({
      key: "s/x",
      capacity: 4,
    });
  });
});

describe("deadlines", () => {
  const standard = { headersMs: 30_000, idleMs: 30_000 };
  const never = { headersMs: Infinity, idleMs: Infinity, attemptsMs: Infinity, totalMs: Infinity };

  it.each<[string, Parameters<typeof compileTimeouts>, object]>([
    [
      "the defaults bound the attempts and not the body",
      [standard],
      { ...standard, attemptsMs: 30_000, totalMs: Infinity },
    ],
    ["totalMs bounds both", [{ ...standard, totalMs: 1000 }], { attemptsMs: 1000, totalMs: 1000 }],
    [
      "a longer wait for headers lengthens the attempts",
      [{ ...standard, headersMs: 90_000 }],
      { headersMs: 90_000, attemptsMs: 90_000 },
    ],
    ["attemptsMs is its own", [{ ...standard, attemptsMs: 5000 }], { attemptsMs: 5000, totalMs: Infinity }],
    ["attempts never outlive the whole", [{ ...standard, attemptsMs: 5000, totalMs: 1000 }], { attemptsMs: 1000 }],
    ["false is never", [false], never],
    [
      "a route goes before its service",
      [{ ...standard, totalMs: 9000 }, { totalMs: 1000 }],
      { ...standard, attemptsMs: 1000, totalMs: 1000 },
    ],
    ["a route's false goes before its service", [standard, false], never],
    [
      "a route of a service without deadlines has its own only",
      [false, { idleMs: 5 }],
      { headersMs: Infinity, idleMs: 5, totalMs: Infinity },
    ],
  ])("%s", (_, args, expected) => {
    expect(compileTimeouts(...args)).toMatchObject(expected);
  });
});
