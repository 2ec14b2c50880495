import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { cacheOptions } from "../../../worker/core/cache/options.ts";
import { compileRules, takesAnswer, type RuleQuestion } from "../../../worker/core/cache/rules.ts";
import { matchPathFrom } from "../../../worker/core/match/glob.ts";

type Written = v.InferInput<typeof cacheOptions>["rules"];
const compile = (rules: Written) => compileRules(v.parse(cacheOptions, { rules }));
const ask = (method: string, path: string, changes: Partial<RuleQuestion> = {}): RuleQuestion => ({
  method,
  host: "api.example.com",
  path,
  payloadBytes: 0,
  ...changes,
});

/** As the seed ships them. */
const SEED: Written = [
  { match: "GET /api/v1/users/*", ttlSeconds: 300, varyBy: ["Authorization"], strategy: "user_context", priority: 10 },
  { match: "GET /api/v1/config/*", ttlSeconds: 3600, priority: 20 },
  {
    match: "POST /api/v1/query",
    ttlSeconds: 60,
    varyBy: ["payload_hash"],
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
];

test.each<[string, string, number, string | undefined]>([
  ["GET", "/api/v1/users/7", 0, "GET /api/v1/users/*"],
  ["HEAD", "/api/v1/users/7", 0, "GET /api/v1/users/*"],
  ["POST", "/api/v1/users/7", 2, undefined],
  ["GET", "/api/v1/users", 0, "GET /api/v1/users/*"],
  ["GET", "/api/v1/usersx", 0, undefined],
  ["GET", "/api/v1/config/a/b", 0, "GET /api/v1/config/*"],
  ["POST", "/api/v1/query", 10_240, "POST /api/v1/query"],
  ["POST", "/api/v1/query", 10_241, undefined],
  ["POST", "/api/v1/query", -1, "POST /api/v1/query"],
  ["GET", "/api/v1/query", 0, undefined],
  ["GET", "/", 0, undefined],
])("the seed's rules: %s %s with %i bytes", (method, path, payloadBytes, rule) => {
  expect(compile(SEED).find(ask(method, path, { payloadBytes }))?.id).toBe(rule);
});

describe("which rule wins", () => {
  test("the highest priority, then the order of the file", () => {
    const rules = compile([
      { match: "GET /a/*", priority: 1 },
      { match: "GET /a/b", priority: 0 },
      { match: "GET /*", priority: 2, host: "other.example.com" },
      { match: "* /a/*", priority: 1 },
    ]);
    expect(rules.find(ask("GET", "/a/b"))?.id).toBe("GET /a/*");
    expect(rules.find(ask("GET", "/a/b", { host: "other.example.com" }))?.id).toBe("GET other.example.com/*");
  });

  test("a condition that does not hold leaves the request to the next rule", () => {
    const rules = compile([
      { match: "POST /q", priority: 2, conditions: { maxPayloadBytes: 10 } },
      { match: "POST /q", priority: 1, ttlSeconds: 1 },
    ]);
    expect(rules.find(ask("POST", "/q", { payloadBytes: 5 }))?.options.priority).toBe(2);
    expect(rules.find(ask("POST", "/q", { payloadBytes: 50 }))?.options.priority).toBe(1);
  });

  test("a disabled rule is none; rules that read alike have a number behind them", () => {
    const rules = compile([{ match: "GET /a" }, { match: "GET /a", enabled: false }, { match: "GET /a" }]);
    expect(rules.all.map(({ id }) => id)).toEqual(["GET /a", "GET /a #2"]);
  });
});

test.each<[string, string, boolean]>([
  ["*", "GET", true],
  ["*", "HEAD", true],
  ["*", "POST", false],
  ["GET,POST", "POST", true],
  ["HEAD", "GET", false],
])("methods: %s takes %s: %s", (methods, method, takes) => {
  expect(compile([{ match: `${methods} /x` }]).find(ask(method, "/x")) !== undefined).toBe(takes);
});

test.each<[string, string, boolean]>([
  ["*.example.com", "a.example.com", true],
  ["*.example.com", "example.com", false],
  ["API.example.com", "api.example.com", true],
  ["*", "anything", true],
])("host %s takes %s: %s", (host, asked, takes) => {
  expect(compile([{ match: "GET /x", host }]).find(ask("GET", "/x", { host: asked })) !== undefined).toBe(takes);
});

test.each<[readonly string[], string, boolean]>([
  [["application/json"], "application/json", true],
  [["text/*"], "text/html", true],
  [["text/*"], "application/json", false],
  [["Application/JSON"], "application/json", true],
])("content types %j take %s: %s", (contentTypes, contentType, takes) => {
  const rule = compile([{ match: "GET /x", conditions: { contentTypes: [...contentTypes] } }]).all[0]!;
  expect(takesAnswer(rule, { status: 200, contentType })).toBe(takes);
});

test("methods whose answers are never reused are refused at the door", () => {
  for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS"]) {
    expect(v.safeParse(cacheOptions, { rules: [{ match: `GET,${method} /x` }] }).success).toBe(false);
  }
});

test("the trie finds what asking every rule would find", () => {
  const segment = fc.constantFrom("a", "b", "*", "a*");
  const pattern = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join("/")}`);
  const path = fc.array(fc.constantFrom("a", "b", "ab", ""), { maxLength: 5 }).map((parts) => `/${parts.join("/")}`);
  const rule = fc.record({ pattern, priority: fc.nat(3) });
  fc.assert(
    fc.property(fc.array(rule, { minLength: 1, maxLength: 8 }), path, (written, asked) => {
      const rules = compile(written.map(({ pattern: glob, priority }) => ({ match: `GET ${glob}`, priority })));
      const expected = rules.all.find(({ options }) => matchPathFrom(options.match.slice(4), 0, asked, 0));
      expect(rules.find(ask("GET", asked))?.id).toBe(expected?.id);
    }),
  );
});
