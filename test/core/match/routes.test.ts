import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compilePathGlob } from "../../../worker/core/match/glob.ts";
import { compileRoutes, routeOrder } from "../../../worker/core/match/routes.ts";
import type { HeaderLookup, RouteSpec } from "../../../worker/core/match/routes.ts";

const none: HeaderLookup = { get: () => null };
const headers = (fields: Record<string, string>): HeaderLookup => ({ get: (name) => fields[name] ?? null });

/** The path of the route that takes the request, for readable tables. */
function taken(specs: readonly RouteSpec[], host: string, path: string, method = "GET", source = none) {
  const index = compileRoutes(specs)(host, path, method, source);
  return index === undefined ? undefined : specs[index];
}

describe("hosts", () => {
  const specs = [
    { path: "/very/long/literal/path/*" },
    { host: "*.example.com", path: "/very/long/*" },
    { host: "*.eu.example.com", path: "/*" },
    { host: "API.example.com", path: "/*" },
    { host: "[::1]", path: "/*" },
  ];
  it.each([
    ["api.example.com", 3],
    ["www.example.com", 1],
    ["a.b.example.com", 1],
    ["a.eu.example.com", 2],
    ["eu.example.com", 1],
    ["example.com", 0],
    ["xexample.com", 0],
    ["[::1]", 4],
    ["", 0],
  ])("%s before a longer path elsewhere", (host, index) => {
    expect(taken(specs, host, "/very/long/literal/path/x")).toBe(specs[index]);
  });

  it("fall back to a less specific host where the better one has no such path", () => {
    const some = [{ host: "a.example.com", path: "/x" }, { host: "*.example.com", path: "/y" }, { path: "/z" }];
    expect(taken(some, "a.example.com", "/y")).toBe(some[1]);
    expect(taken(some, "a.example.com", "/z")).toBe(some[2]);
    expect(taken(some, "a.example.com", "/w")).toBeUndefined();
  });

  it("treat * as every host", () => {
    expect(taken([{ host: "*", path: "/a" }], "x", "/a")).toBeDefined();
  });
});

describe("paths", () => {
  const specs = [
    "/*",
    "/a/*",
    "/a",
    "/a/b/*",
    "/a/*/c",
    "/a/*/c/*",
    "/a/*.js",
    "/ab",
    "/abc*",
    "/caf%c3%a9/*",
    "/mü/x",
    "/*/only/star",
    "/a/long-literal/*",
    "/a/*/*/deep",
  ].map((path): RouteSpec => ({ path }));
  it.each([
    ["/", "/*"],
    ["/zzz", "/*"],
    ["/a", "/a"],
    ["/a/", "/a/*"],
    ["/a/x", "/a/*"],
    ["/ab", "/ab"],
    ["/abx", "/*"],
    ["/abcd/e", "/abc*"],
    ["/a/b", "/a/b/*"],
    ["/a/b/c", "/a/*/c"],
    ["/a/x/c", "/a/*/c"],
    ["/a/x/c/d", "/a/*/c/*"],
    ["/a/x.js", "/a/*.js"],
    ["/a/x.js/y", "/a/*"],
    ["/a/long-literal/c", "/a/long-literal/*"],
    ["/caf%C3%A9/x", "/caf%c3%a9/*"],
    ["/m%C3%BC/x", "/mü/x"],
    ["/q/only/star", "/*/only/star"],
    ["/a/only/star", "/*/only/star"],
    ["/a/1/2/deep", "/a/*/*/deep"],
  ])("%s goes to %s", (path, expected) => {
    expect(taken(specs, "h", path)?.path).toBe(expected);
  });
});

describe("methods and headers", () => {
  const specs: RouteSpec[] = [
    { path: "/a" },
    { path: "/a", methods: ["GET", "post"] },
    { path: "/a", headers: { "X-Beta": "1" } },
    { path: "/a", methods: ["GET"], headers: { "x-beta": "1" } },
    { path: "/a", methods: ["GET"], headers: { "x-beta": "1", "x-team": "*" } },
    { path: "/a", headers: { accept: "*/json*" } },
  ];
  it.each([
    ["DELETE", {}, 0],
    ["GET", {}, 1],
    ["POST", {}, 1],
    ["HEAD", {}, 1],
    ["get", {}, 0],
    ["DELETE", { "x-beta": "1" }, 2],
    ["DELETE", { "x-beta": "11" }, 0],
    ["GET", { "x-beta": "1" }, 3],
    ["GET", { "x-beta": "1", "x-team": "core" }, 4],
    ["DELETE", { accept: "application/json; q=1" }, 5],
    ["POST", { "x-beta": "1" }, 1],
  ])("%s %j goes to route %i", (method, fields, index) => {
    expect(compileRoutes(specs)("h", "/a", method, headers(fields as Record<string, string>))).toBe(index);
  });

  it("a shorter path that fits wins over a longer one whose method does not", () => {
    const some: RouteSpec[] = [{ path: "/a/*" }, { path: "/a/b/*", methods: ["POST"] }];
    expect(compileRoutes(some)("h", "/a/b", "GET", none)).toBe(0);
  });

  it("HEAD goes to a route that lists it before one that lists GET, and to that one before one that lists nothing", () => {
    const get: RouteSpec = { path: "/a", methods: ["GET"] };
    const head: RouteSpec = { path: "/a", methods: ["HEAD"] };
    const any: RouteSpec = { path: "/a" };
    expect(taken([any, get, head], "h", "/a", "HEAD")).toBe(head);
    expect(taken([any, get], "h", "/a", "HEAD")).toBe(get);
    expect(taken([head], "h", "/a", "GET")).toBeUndefined();
  });

  it("file order decides between equals", () => {
    expect(compileRoutes([{ path: "/a" }, { path: "/a" }])("h", "/a", "GET", none)).toBe(0);
    expect(compileRoutes([{ path: "/*/b/*" }, { path: "/a/*/*" }])("h", "/a/b", "GET", none)).toBe(0);
  });
});

it("no routes take nothing", () => expect(compileRoutes([])("h", "/", "GET", none)).toBeUndefined());

it("routeOrder lists every route once, in order of preference", () => {
  const specs = [{ path: "/*" }, { path: "/a", methods: ["GET"] }, { path: "/a" }, { host: "h", path: "/*" }];
  expect(routeOrder(specs)).toEqual([3, 1, 2, 0]);
});

describe("against a reference", () => {
  const segment = fc.constantFrom("a", "b", "ab", "*", "a*", "*b", "c");
  const spec: fc.Arbitrary<RouteSpec> = fc.record(
    {
      host: fc.constantFrom("x.test", "y.test", "*.test", "*.x.test", "*"),
      path: fc.array(segment, { maxLength: 4 }).map((parts) => `/${parts.join("/")}`),
      methods: fc.subarray(["GET", "HEAD", "POST"]),
      headers: fc.constantFrom({}, { "x-a": "1" }, { "x-a": "1", "x-b": "*" }),
    },
    { requiredKeys: ["path"] },
  );
  const request = fc.record({
    host: fc.constantFrom("x.test", "y.test", "z.x.test", "other"),
    path: fc.array(fc.constantFrom("a", "b", "ab", "aab", "c", "d"), { maxLength: 5 }).map((p) => `/${p.join("/")}`),
    method: fc.constantFrom("GET", "HEAD", "POST", "PUT"),
    fields: fc.constantFrom({}, { "x-a": "1" }, { "x-a": "1", "x-b": "z" }),
  });

  /** CONTRACT's order, spelled out without any structure: filter, then compare. */
  function reference(specs: readonly RouteSpec[], r: { host: string; path: string; method: string; fields: object }) {
    const fields = r.fields as Record<string, string>;
    const fit = specs.flatMap((s, index) => {
      const host = s.host ?? "*";
      const hostFits = host === "*" || host === r.host || (host.startsWith("*.") && r.host.endsWith(host.slice(1)));
      const named = s.methods !== undefined && s.methods.length > 0 ? s.methods : undefined;
      const implied = r.method === "HEAD" && named?.includes("GET") === true && !named.includes("HEAD");
      const methodFits = named === undefined || named.includes(r.method) || implied;
      const tests = Object.entries(s.headers ?? {});
      const headersFit = tests.every(([n, v]) => fields[n] !== undefined && (v === "*" || v === fields[n]));
      if (!hostFits || !methodFits || !headersFit || !compilePathGlob(s.path)(r.path)) return [];
      const tail = s.path.endsWith("/*");
      const key = [
        host === "*" ? 0 : host.startsWith("*.") ? host.length : 1000,
        s.path.replace(/\/\*$/, "").replaceAll("*", "").length,
        !s.path.includes("*") ? 3 : !s.path.endsWith("*") ? 2 : tail ? 1 : 0,
        named === undefined ? 0 : implied ? 1 : 2,
        tests.length,
        -index,
      ];
      return [{ index, key }];
    });
    fit.sort((a, b) => {
      const differs = a.key.findIndex((value, i) => value !== b.key[i]);
      return differs < 0 ? 0 : b.key[differs]! - a.key[differs]!;
    });
    return fit[0]?.index;
  }

  it("picks the same route for any policy and request", () => {
    fc.assert(
      fc.property(
        fc.array(spec, { maxLength: 30 }),
        fc.array(request, { minLength: 1, maxLength: 20 }),
        (specs, rs) => {
          const match = compileRoutes(specs);
          for (const r of rs) {
            const found = match(r.host, r.path, r.method, headers(r.fields));
            expect(found).toBe(reference(specs, r));
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
