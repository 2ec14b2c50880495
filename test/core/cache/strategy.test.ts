import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { noHistory, visited, type ChangeHistory } from "../../../worker/core/cache/change-rate.ts";
import type { AnswerFacts } from "../../../worker/core/cache/influence.ts";
import { cacheOptions } from "../../../worker/core/cache/options.ts";
import { compileRules } from "../../../worker/core/cache/rules.ts";
import { influenceOf, NO_RULE, type Experience, type RuledRequest } from "../../../worker/core/cache/strategy.ts";

type WrittenRule = NonNullable<v.InferInput<typeof cacheOptions>["rules"]>[number];
const HOUR_MS = 3_600_000;
const NOW = 1_000 * HOUR_MS + 1_234_000;

function request(changes: Partial<RuledRequest> & { headers?: Record<string, string> } = {}): RuledRequest {
  const { headers = {}, ...rest } = changes;
  return {
    method: "GET",
    now: NOW,
    payloadBytes: 0,
    identity: "",
    query: "",
    payloadHash: "",
    header: (name) => headers[name] ?? null,
    ...rest,
  };
}

function answer(changes: Partial<AnswerFacts> & { headers?: Record<string, string> } = {}): AnswerFacts {
  const { headers = {}, ...rest } = changes;
  return {
    method: "GET",
    status: 200,
    contentType: "application/json",
    bytes: 100,
    upstreamMs: 10,
    isExplicit: false,
    now: NOW,
    header: (name) => headers[name] ?? null,
    ...rest,
  };
}

const NO_EXPERIENCE: Experience = { recentRequests: 0, hitRatio: 0, changes: noHistory };

function influence(rule: Partial<WrittenRule>, asked = request(), experience = NO_EXPERIENCE) {
  const cache = v.parse(cacheOptions, { rules: [{ match: "GET,POST /x/*", ttlSeconds: 100, ...rule }] });
  return influenceOf(compileRules(cache).all[0]!, asked, cache, () => experience);
}

const alice = { authorization: "Bearer alice" };
const bob = { authorization: "Bearer bob" };

describe("keys", () => {
  test("content_based: everybody shares, unless the rule varies", () => {
    expect(influence({}, request({ headers: alice })).extra).toBe(influence({}, request({ headers: bob })).extra);
    expect(influence({}).keysCredential).toBe(false);
    const varied = { varyBy: ["Authorization"] };
    expect(influence(varied, request({ headers: alice })).extra).not.toBe(
      influence(varied, request({ headers: bob })).extra,
    );
    expect(influence(varied).keysCredential).toBe(true);
    // Whoever shows a key instead is somebody too.
    const keys = ["one", "two"].map((key) => influence(varied, request({ headers: { "x-api-key": key } })).extra);
    expect(keys[0]).not.toBe(keys[1]);
  });

  test("user_context: an entry a user, one for all who are nobody, none for a Cookie nobody knows", () => {
    const rule = { strategy: "user_context" } as const;
    const keys = [request(), request({ headers: alice }), request({ headers: bob }), request({ identity: "u-1" })].map(
      (asked) => influence(rule, asked).extra,
    );
    expect(new Set(keys).size).toBe(4);
    expect(keys.join()).not.toMatch(/alice|bob|u-1/);
    expect(influence(rule).extra).toBe(influence(rule, request({ headers: { "accept-language": "fr" } })).extra);
    expect(influence(rule, request({ headers: { cookie: "s=1" } })).bypass).toBe(true);
    expect(influence(rule, request({ identity: "u-1", headers: { cookie: "s=1" } })).bypass).toBe(false);
    expect(influence({ ...rule, varyBy: ["cookie:s"] }, request({ headers: { cookie: "s=1" } })).bypass).toBe(false);
  });

  test("temporal_patterns: a bucket is a key, and no entry outlives it", () => {
    const rule = { strategy: "temporal_patterns", bucketSeconds: 3600 } as const;
    const here = influence(rule);
    expect(here.extra).toBe("bucket=1000;");
    expect(here.propose(answer())).toMatchObject({ ttlSeconds: 100, endsAt: 1_001 * HOUR_MS });
    expect(influence(rule, request({ now: 1_001 * HOUR_MS })).extra).toBe("bucket=1001;");
  });

  test("a POST is keyed by its payload, whether the rule says so or not", () => {
    const one = request({ method: "POST", payloadHash: "aa", payloadBytes: 2 });
    const two = request({ method: "POST", payloadHash: "bb", payloadBytes: 2 });
    expect(influence({}, one).extra).not.toBe(influence({}, two).extra);
    expect(influence({}, one).takesMethod).toBe(true);
    expect(influence({ varyBy: ["payload_hash"] }, one).extra).toBe("payload=2:aa;");
  });

  test("a body that turns out too large passes by; queries are keyed as the rule says", () => {
    const conditions = { maxPayloadBytes: 10 };
    expect(influence({ conditions }, request({ method: "POST", payloadBytes: 11 })).bypass).toBe(true);
    expect(influence({}, request({ query: "?b=1" })).query).toBeUndefined();
    expect(influence({ query: { mode: "only", names: ["a"] } }, request({ query: "?b=1&a=2" })).query).toBe("?a=2");
  });
});

describe("lifetimes", () => {
  test.each<[string, Partial<WrittenRule>, Partial<AnswerFacts>, object]>([
    ["as the rule has it", {}, {}, { store: true, ttlSeconds: 100, mode: "respect", endsAt: Infinity }],
    ["override", { mode: "override" }, {}, { ttlSeconds: 100, mode: "override" }],
    ["an error is not overridden", { mode: "override" }, { status: 500 }, { ttlSeconds: undefined, mode: "respect" }],
    ["nothing for a redirect that may change", {}, { status: 302 }, { store: true, ttlSeconds: undefined }],
    ["a permanent one", {}, { status: 301 }, { ttlSeconds: 100 }],
    ["404 without a word on it", {}, { status: 404 }, { ttlSeconds: undefined }],
    ["404 with one", { negativeTtlSeconds: 7 }, { status: 404 }, { ttlSeconds: 7 }],
    ["503 never by that word", { negativeTtlSeconds: 7 }, { status: 503 }, { ttlSeconds: undefined }],
    ["statuses that are named", { conditions: { statuses: [302] } }, { status: 302 }, { store: true, ttlSeconds: 100 }],
    ["others then not", { conditions: { statuses: [302] } }, { status: 200 }, { store: false }],
    ["types that are not named", { conditions: { contentTypes: ["text/html"] } }, {}, { store: false }],
    ["too large for the rule", { conditions: { maxEntryBytes: 99 } }, {}, { store: false }],
    ["no lifetime of its own", { ttlSeconds: undefined }, {}, { store: true, ttlSeconds: undefined }],
    [
      "stale directives",
      { staleWhileRevalidateSeconds: 5, staleIfErrorSeconds: 6 },
      {},
      { staleWhileRevalidateSeconds: 5, staleIfErrorSeconds: 6 },
    ],
    ["adaptive: not worth it", { strategy: "intelligent_adaptive" }, {}, { store: false }],
    ["adaptive: worth it", { strategy: "intelligent_adaptive" }, { upstreamMs: 600 }, { store: true, ttlSeconds: 80 }],
    ["adaptive: the origin's own word", { strategy: "intelligent_adaptive" }, { isExplicit: true }, { store: true }],
  ])("%s", (_, rule, came, expected) => {
    expect(influence(rule).propose(answer(came))).toMatchObject(expected);
  });

  test("learned: as long as the changes seen allow, and until then the rule's own", () => {
    let changes: ChangeHistory = noHistory;
    for (let n = 0; n < 32; n++) changes = visited(changes, { elapsedMs: 60_000, changed: n % 4 === 0 });
    const learned = influence({ targetStaleness: 0.1 }, request(), { ...NO_EXPERIENCE, changes }).propose(answer());
    // About one change in 3.5 minutes: 10 % outdated hits allow 45 s.
    expect(learned!.ttlSeconds).toBeGreaterThan(30);
    expect(learned!.ttlSeconds).toBeLessThan(60);
    expect(influence({ targetStaleness: 0.1 }).propose(answer())!.ttlSeconds).toBe(100);
  });
});

describe("tags", () => {
  test("those of the rule and of the origin, bounded", () => {
    const many = Array.from({ length: 100 }, (_, n) => `t${n}`).join(",");
    const headers = { "cache-tag": `a, b,,${"x".repeat(200)},${many}`, "surrogate-key": "b c" };
    const { tags } = influence({ tags: ["own"] }).propose(answer({ headers }))!;
    expect(tags.slice(0, 3)).toEqual(["own", "a", "b"]);
    expect(tags).toHaveLength(64);
    expect(NO_RULE.propose(answer({ headers: { "surrogate-key": "x y x" } }))!.tags).toEqual(["x", "y"]);
    expect(NO_RULE.propose(answer())).toBeUndefined();
  });
});
