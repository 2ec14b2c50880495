import { describe, expect, it } from "vitest";
import { compilePolicy } from "../../../worker/core/policy/compile.ts";
import { explainRoute } from "../../../worker/core/policy/explain.ts";
import type { RouteExplanation } from "../../../worker/core/policy/explain.ts";
import { parsePolicy } from "../../../worker/core/policy/parse.ts";
import type { WrittenPolicy } from "../../../worker/core/policy/schema.ts";

const instances = [{ id: "i", url: "http://up.test" }];
const document: WrittenPolicy = {
  services: { web: { instances }, orders: { instances }, users: { instances, direct: true } },
  security: { direct: { auth: "none" }, rateLimits: { standard: { requestsPerMinute: 1 } } },
  routes: [
    {
      name: "orders",
      match: { path: "/api/orders/*", methods: ["GET"] },
      service: "orders",
      stripPrefix: "/api",
      rateLimit: "standard",
    },
    { name: "beta", match: { path: "/api/orders/*", headers: { "X-Beta": "*" } }, service: "web" },
    { name: "admin", match: { path: "/admin/*" }, service: "web", auth: "required" },
    { name: "all", match: { path: "/*" }, service: "web", canary: { service: "orders", percent: 5 } },
  ],
};
const parsed = parsePolicy(JSON.stringify(document));
if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
const policy = compilePolicy(parsed.value, 3);

const explain = (url: string, method = "GET", fields: Record<string, string> = {}): RouteExplanation =>
  explainRoute(policy, { method, url, headers: new Headers(fields) });

describe("explainRoute", () => {
  it("tells the route, why, and what the upstream gets", () => {
    expect(explain("http://X.test:80/api/orders/7?q=1")).toEqual({
      generation: 3,
      method: "GET",
      host: "x.test",
      path: "/api/orders/7",
      refused: undefined,
      route: {
        id: "orders",
        kind: "listed",
        index: 0,
        service: "orders",
        canary: undefined,
        forwardedPath: "/orders/7",
        auth: "none",
        permissions: [],
        rateLimit: "standard",
        why: "the most specific of the routes that fit",
      },
      nearMisses: [
        {
          route: "beta",
          index: 1,
          lacks: "headers",
          words: "asks for header fields that the request does not have as written: X-Beta",
        },
        { route: "all", index: 3, lacks: "nothing", words: "fits too, but is less specific" },
      ],
    });
  });

  it("tells what the routes before it lacked", () => {
    const { route, nearMisses } = explain("http://x.test/api/orders/7", "DELETE");
    expect(route).toMatchObject({
      id: "all",
      why: "no other route fits, and no direct service is named",
      canary: { service: "orders", percent: 5 },
    });
    expect(nearMisses.map(({ route: id, lacks }) => [id, lacks])).toEqual([
      ["orders", "method"],
      ["beta", "headers"],
    ]);
  });

  it("tells a service that the path named from one that the header named", () => {
    expect(explain("http://x.test/users/7").route).toMatchObject({
      id: "direct users",
      index: undefined,
      why: "no route fits, and the path names a direct service",
    });
    expect(explain("http://x.test/x", "GET", { "X-Target-Service": "users" }).route?.why).toBe(
      "no route fits, and X-Target-Service names a direct service",
    );
  });

  it.each([
    ["an encoded slash that would lead elsewhere", "http://x.test/a%2f..%2fadmin/x", /^400: an upstream may read/],
    ["a NUL", "http://x.test/a%00", /^400: the path/],
    ["another scheme", "ftp://x.test/", /not an http/],
    ["no URL", "nonsense", /not an http/],
  ])("refuses %s", (_, url, words) => {
    const { refused, route } = explain(url);
    expect(refused).toMatch(words);
    expect(route).toBeUndefined();
  });

  it("says so when no route takes it", () => {
    const none = compilePolicy({ ...parsed.value, routes: [] }, 1);
    expect(explainRoute(none, { method: "GET", url: "http://x.test/a", headers: new Headers() }).refused).toBe(
      "404: no route takes it",
    );
  });
});
