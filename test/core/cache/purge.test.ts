import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compilePurges,
  judgePurged,
  NO_PURGES,
  parsePurge,
  purgeKey,
  purgeText,
  readPurge,
  type Purge,
  type Purgeable,
  type PurgeQuestion,
} from "../../../worker/core/cache/purge.ts";

const entry = (url: string, changes: Partial<Purgeable> = {}): Purgeable => ({
  url,
  path: "/",
  rule: "",
  tags: [],
  requestedAt: 100,
  ...changes,
});
const read = (question: PurgeQuestion): Purge => {
  const purge = readPurge(question);
  if (typeof purge === "string") throw new Error(purge);
  return purge;
};
const after = (...questions: PurgeQuestion[]) =>
  compilePurges(
    questions.map((question, at) => ({ number: 200 + at, purge: read(question) })),
    0,
  );
const none = (): undefined => undefined;

test.each<[PurgeQuestion, string, boolean]>([
  [{ url: "https://a.example/x?q=1" }, "https://a.example/x?q=1", true],
  [{ url: "http://A.example/x?q=1#top" }, "https://a.example/x?q=1", true],
  [{ url: "https://a.example/x" }, "https://a.example/x?q=1", false],
  [{ url: "https://a.example/x" }, "https://a.example/x/y", false],
  [{ url: "https://a.example/%78" }, "https://a.example/x", true],
  [{ url: "https://a.example" }, "https://a.example/", true],
  [{ url: "https://b.example/x" }, "https://a.example/x", false],
  [{ url: "https://a.example:8443/x" }, "https://a.example/x", false],
  [{ url: "/x?q=1" }, "https://a.example/x?q=1", true],
  [{ prefix: "https://a.example/im" }, "https://a.example/images/1", true],
  [{ prefix: "/images/" }, "https://a.example/images/1?w=2", true],
  [{ prefix: "/images/" }, "https://a.example/x/images/1", false],
  [{ prefix: "a.example/" }, "https://a.example/x", true],
  [{ prefix: "a.example/" }, "https://aa.example/x", false],
  [{ pattern: "/users/*/orders*" }, "https://a.example/users/7/orders?page=2", true],
  [{ pattern: "*.example/x" }, "https://a.example/x", true],
  [{ pattern: "https://A.example/*" }, "https://a.example/x", true],
  [{ pattern: "/y*" }, "https://a.example/x", false],
  [{ all: true }, "https://a.example/x", true],
])("%j means %s: %s", (question, url, means) => {
  expect(judgePurged(after(question), entry(url), none)).toBe(means ? "gone" : "stands");
  expect(judgePurged(after({ ...question, soft: true }), entry(url), none)).toBe(means ? "stale" : "stands");
});

test("a tag means every entry that has it", () => {
  const tagged = entry("https://a.example/x", { tags: ["users", "u-7"] });
  expect(judgePurged(after({ tag: "u-7" }), tagged, none)).toBe("gone");
  expect(judgePurged(after({ tag: "u-77" }), tagged, none)).toBe("stands");
});

describe("when", () => {
  test("an entry asked for after a purge stands; one asked for in the same millisecond does not", () => {
    const purges = after({ all: true });
    expect(judgePurged(purges, entry("https://a.example/x", { requestedAt: 201 }), none)).toBe("stands");
    expect(judgePurged(purges, entry("https://a.example/x", { requestedAt: 200 }), none)).toBe("gone");
  });

  test("a hard purge counts whether a soft one came before or after it", () => {
    expect(judgePurged(after({ all: true, soft: true }, { url: "/x" }), entry("https://a/x"), none)).toBe("gone");
    expect(judgePurged(after({ url: "/x" }, { all: true, soft: true }), entry("https://a/x"), none)).toBe("gone");
    expect(judgePurged(after({ url: "/x" }, { all: true, soft: true }), entry("https://a/y"), none)).toBe("stale");
  });

  test("what the ledger no longer holds is gone for what came before it", () => {
    const purges = compilePurges([], 150);
    expect(judgePurged(purges, entry("https://a/x"), none)).toBe("gone");
    expect(judgePurged(purges, entry("https://a/x", { requestedAt: 151 }), none)).toBe("stands");
    expect(judgePurged(NO_PURGES, entry("https://a/x"), none)).toBe("stands");
  });
});

test("under a rule that leaves parameters out, a purge of any of the URLs means the entry", () => {
  const queryOf = () => ({ mode: "only", names: new Set(["id"]), sort: false }) as const;
  const shared = entry("https://a.example/x?id=1&utm=mail", { rule: "GET /x" });
  expect(judgePurged(after({ url: "https://a.example/x?id=1" }), shared, queryOf)).toBe("gone");
  expect(judgePurged(after({ url: "https://a.example/x?utm=web&id=1" }), shared, queryOf)).toBe("gone");
  expect(judgePurged(after({ url: "https://a.example/x?id=2" }), shared, queryOf)).toBe("stands");
});

test.each<[PurgeQuestion]>([
  [{}],
  [{ url: "/a", tag: "b" }],
  [{ all: false }],
  [{ all: true, url: "/a" }],
  [{ tag: "" }],
  [{ prefix: "x".repeat(2049) }],
  [{ url: "/%00" }],
])("%j is refused in words", (question) => {
  expect(readPurge(question)).toMatch(/^must /);
});

test("a line of the ledger survives the way; anything else is no purge", () => {
  const purge = read({ prefix: "/a", soft: true });
  expect(parsePurge(purgeText(purge))).toEqual(purge);
  expect(purgeKey(purge)).toBe("soft prefix /a");
  expect(purgeKey({ ...purge, soft: false })).not.toBe(purgeKey(purge));
  for (const text of ["", "{", "null", "[]", '{"kind":"x","target":"","soft":true}', '{"kind":"all"}']) {
    expect(parsePurge(text)).toBeUndefined();
  }
});

test("no pattern makes a judgement slow", () => {
  const purges = after({ pattern: "*a".repeat(1000) });
  const url = `https://a.example/${"a".repeat(4000)}b`;
  const began = performance.now();
  judgePurged(purges, entry(url), none);
  expect(performance.now() - began).toBeLessThan(500);
});

test("a URL purge always means the URL it names", () => {
  fc.assert(
    fc.property(fc.webUrl({ withQueryParameters: true }), (url) => {
      const purge = readPurge({ url });
      if (typeof purge !== "string") expect(judgePurged(after({ url }), entry(url), none)).toBe("gone");
    }),
  );
});
