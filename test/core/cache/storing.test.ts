import { describe, expect, test } from "vitest";
import type { EntryMeta } from "../../../worker/core/cache/entry.ts";
import type { LifetimeProposal, RequestInfluence } from "../../../worker/core/cache/influence.ts";
import { storing, type Asked } from "../../../worker/core/cache/storing.ts";
import { httpDate } from "../../../worker/core/http/date.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const DAY = 86_400;
const at = (seconds: number): string => httpDate(NOW + seconds * 1000);

interface Case {
  readonly status?: number;
  readonly asked?: Partial<Asked>;
  readonly request?: Record<string, string>;
  readonly setCookie?: "bypass" | "strip" | "store";
  readonly delayMs?: number;
}

function decide(headers: Record<string, string>, { status = 200, asked, request, setCookie, delayMs = 0 }: Case = {}) {
  const question: Asked = {
    key: "k",
    url: "https://a.example/",
    path: "/",
    method: "GET",
    fields: new Headers(request),
    noStore: false,
    hasCookie: false,
    hasCredential: false,
    influence: undefined,
    requestedAt: NOW - delayMs,
    ...asked,
  };
  const answer = { status, statusText: "", headers: new Headers(headers), receivedAt: NOW, upstreamMs: delayMs };
  return storing(question, answer, { setCookie: setCookie ?? "bypass" });
}

function stored(headers: Record<string, string>, options?: Case): EntryMeta {
  const decision = decide(headers, options);
  if (!decision.store) throw new Error(`not stored: ${decision.why}`);
  return decision.meta;
}

const why = (headers: Record<string, string>, options?: Case): string => {
  const decision = decide(headers, options);
  return decision.store ? "stored" : decision.why;
};

const CC = (value: string): Record<string, string> => ({ "cache-control": value });
const MINUTE = CC("max-age=60");

describe("never stored (§3)", () => {
  test.each<[string, Record<string, string>, Case]>([
    ["no-store", CC("No-Store, max-age=60"), {}],
    ["private", CC("max-age=60, private"), {}],
    ["private", CC('max-age=60, private="x"'), {}],
    ["request-no-store", MINUTE, { asked: { noStore: true } }],
    ["status", MINUTE, { status: 304 }],
    ["status", CC("max-age=60, must-understand"), { status: 599 }],
    ["vary", { ...MINUTE, vary: "Foo, *" }, {}],
    ["partial", MINUTE, { status: 206 }],
    [
      "partial",
      { ...MINUTE, "content-range": "bytes 0-1/9", "content-type": "multipart/byteranges; boundary=x" },
      { status: 206 },
    ],
    ["no-lifetime", {}, {}],
    ["no-lifetime", CC("max-age=0"), {}],
    ["status", { etag: '"a"' }, { status: 201 }],
    ["status", { "last-modified": at(-DAY) }, { status: 503 }],
    ["method", MINUTE, { asked: { method: "POST" } }],
    ["method", { "content-location": "/", etag: '"a"' }, { asked: { method: "POST" } }],
  ])("%s: %j", (expected, headers, options) => {
    expect(why(headers, options)).toBe(expected);
  });

  test("explicit freshness makes any final status storable", () => {
    for (const status of [200, 204, 299, 301, 307, 400, 404, 410, 499, 500, 503, 599]) {
      expect(why(MINUTE, { status })).toBe("stored");
    }
  });

  test("must-understand lifts no-store for a status that is understood (§5.2.2.3)", () => {
    expect(why(CC("max-age=60, must-understand, no-store"))).toBe("stored");
    expect(why(CC("max-age=60, must-understand, no-store"), { status: 299 })).toBe("status");
  });

  test("a POST's answer with its own URL and a lifetime is a GET's", () => {
    const meta = stored({ ...MINUTE, "content-location": "/" }, { asked: { method: "POST" } });
    expect(meta.lifetimeMs).toBe(60_000);
  });
});

describe("a request with a credential (§3.5)", () => {
  const credential = { asked: { hasCredential: true } };
  test.each([
    ["max-age=60", "authorization"],
    ["max-age=60, public", "stored"],
    ["s-maxage=60", "stored"],
    ["max-age=60, must-revalidate", "stored"],
    ["max-age=60, proxy-revalidate", "authorization"],
  ])("%s: %s", (value, expected) => {
    expect(why(CC(value), credential)).toBe(expected);
  });

  test("gets no heuristic lifetime, and neither does one with a cookie", () => {
    const heuristic = { "last-modified": at(-10 * DAY), etag: '"a"' };
    expect(why(heuristic, { asked: { hasCookie: true } })).toBe("cookie");
    expect(why(MINUTE, { asked: { hasCookie: true } })).toBe("stored");
    expect(why({ ...CC("public"), ...heuristic }, credential)).toBe("stored");
  });
});

describe("Set-Cookie", () => {
  const cookies = { ...MINUTE, "set-cookie": "a=1" };
  const names = (meta: EntryMeta) => meta.headers.map(([name]) => name);
  test("is never shared unless policy says how", () => {
    expect(why(cookies)).toBe("set-cookie");
    expect(names(stored(cookies, { setCookie: "strip" }))).not.toContain("set-cookie");
    expect(names(stored(cookies, { setCookie: "store" }))).toContain("set-cookie");
    expect(why({ "set-cookie": "a=1", "last-modified": at(-DAY) }, { setCookie: "store" })).toBe("set-cookie");
  });
});

describe("freshness lifetime (§4.2.1)", () => {
  test.each<[Record<string, string>, number, EntryMeta["lifetimeFrom"]]>([
    [MINUTE, 60, "explicit"],
    [CC("max-age=60, s-maxage=10"), 10, "explicit"],
    [CC("max-age=0, s-maxage=10"), 10, "explicit"],
    [{ ...MINUTE, expires: at(-10), date: at(0) }, 60, "explicit"],
    [{ expires: at(30), date: at(0) }, 30, "explicit"],
    [{ expires: at(30), date: at(-10) }, 40, "explicit"],
    [{ expires: at(30), date: "nonsense" }, 30, "explicit"],
    [{ expires: "Fri, 01 Jan 2100 00:00:00 GMT", date: at(0) }, (Date.UTC(2100, 0, 1) - NOW) / 1000, "explicit"],
    [{ "cdn-cache-control": "max-age=5", ...MINUTE, expires: at(90) }, 5, "explicit"],
    [{ "cdn-cache-control": "&", ...MINUTE }, 60, "explicit"],
    [{ "cdn-cache-control": "max-age=5", "cache-control": "no-store" }, 5, "explicit"],
    [{ "last-modified": at(-1000), date: at(0) }, 100, "heuristic"],
    [{ "last-modified": at(-100 * DAY), date: at(0) }, DAY, "heuristic"],
    [{ "last-modified": at(10), date: at(0) }, 0, "none"],
    [{ etag: '"a"' }, 0, "none"],
  ])("%j: %i s, %s", (headers, seconds, from) => {
    expect(stored(headers)).toMatchObject({ lifetimeMs: seconds * 1000, lifetimeFrom: from });
  });

  test("invalid Expires is in the past (§5.3), and a targeted field hides it", () => {
    const etag = { etag: '"a"' };
    expect(stored({ ...etag, expires: "0", "last-modified": at(-DAY) }).lifetimeMs).toBe(0);
    expect(stored({ ...etag, expires: `${at(60)}, ${at(61)}` }).lifetimeMs).toBe(0);
    expect(stored({ ...etag, expires: at(60), "cdn-cache-control": "no-cache" }).lifetimeMs).toBe(0);
  });

  test("heuristics are for the listed statuses, or with public", () => {
    const modified = { "last-modified": at(-DAY), date: at(0) };
    for (const status of [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]) {
      expect(stored(modified, { status }).lifetimeFrom).toBe("heuristic");
    }
    for (const status of [201, 202, 302, 403, 500, 502, 503, 504, 599])
      expect(why(modified, { status })).toBe("status");
    expect(stored({ ...modified, ...CC("public") }, { status: 599 }).lifetimeFrom).toBe("heuristic");
  });
});

describe("age when it came in (§4.2.3)", () => {
  const age = (headers: Record<string, string>, delayMs = 0): number =>
    (NOW - stored({ ...MINUTE, ...headers }, { delayMs }).bornAt) / 1000;
  test.each<[Record<string, string>, number, number]>([
    [{}, 0, 0],
    [{ date: at(0) }, 0, 0],
    [{ date: at(-5) }, 0, 5],
    [{ date: at(5) }, 0, 0],
    [{ age: "30" }, 0, 30],
    [{ age: "30" }, 2_000, 32],
    [{ age: "30, 90" }, 0, 30],
    [{ age: "x" }, 0, 0],
    [{ age: "1", date: at(-20) }, 0, 20],
    [{}, 1_500, 1.5],
  ])("%j after a delay of %i ms: %f s", (headers, delayMs, seconds) => {
    expect(age(headers, delayMs)).toBe(seconds);
  });
});

describe("what is kept of the fields (§3.1)", () => {
  test("all but those of the hop, Age, and what no-cache names", () => {
    const meta = stored({
      ...CC('max-age=60, no-cache="x-secret"'),
      age: "3",
      "keep-alive": "timeout=5",
      "proxy-authenticate": "Basic",
      te: "x",
      "x-secret": "1",
      "x-unknown": "2",
      warning: "199 - x",
    });
    expect(meta.headers.map(([name]) => name)).toEqual(["cache-control", "warning", "x-unknown"]);
    expect(meta.mustValidate).toBe(false);
  });

  test("a part has a name of its own", () => {
    const meta = stored({ ...MINUTE, "content-range": "bytes 0-4/10" }, { status: 206 });
    expect(meta).toMatchObject({ range: { first: 0, last: 4, total: 10 }, variant: "p" });
  });
});

test.each<[string, Partial<EntryMeta>]>([
  ["max-age=60, must-revalidate", { neverStale: true }],
  ["max-age=60, proxy-revalidate", { neverStale: true }],
  ["s-maxage=60", { neverStale: true }],
  ["no-cache, max-age=60, stale-if-error=5", { mustValidate: true, errorMs: 5_000 }],
  ["max-age=60, stale-while-revalidate=5", { revalidateMs: 5_000, errorMs: -1, neverStale: false }],
])("%s", (value, expected) => {
  expect(stored({ ...CC(value), etag: '"a"' })).toMatchObject(expected);
});

describe("a rule", () => {
  const rule = (proposal: Partial<LifetimeProposal>, keys: Partial<RequestInfluence> = {}): Partial<Asked> => ({
    influence: {
      rule: "GET /*",
      bypass: false,
      takesMethod: false,
      query: undefined,
      extra: "",
      keysCookie: false,
      keysCredential: false,
      acrossIsolates: false,
      tiers: undefined,
      propose: () => ({
        store: true,
        ttlSeconds: 300,
        mode: "respect",
        endsAt: Infinity,
        staleWhileRevalidateSeconds: undefined,
        staleIfErrorSeconds: undefined,
        tags: ["t"],
        ...proposal,
      }),
      ...keys,
    },
  });

  test("gives a lifetime where the origin is silent", () => {
    expect(stored({}, { asked: rule({}) })).toMatchObject({ lifetimeMs: 300_000, lifetimeFrom: "rule", tags: ["t"] });
    expect(stored(MINUTE, { asked: rule({}) })).toMatchObject({ lifetimeMs: 60_000, lifetimeFrom: "explicit" });
  });

  test("overrides a lifetime where it says so, but never no-store or private", () => {
    const asked = rule({ mode: "override" });
    expect(stored(MINUTE, { asked }).lifetimeMs).toBe(300_000);
    expect(stored(CC("no-cache"), { asked })).toMatchObject({ lifetimeMs: 300_000, mustValidate: false });
    expect(why(CC("no-store"), { asked })).toBe("no-store");
    expect(why(CC("private"), { asked })).toBe("private");
  });

  test("gives nothing to what a user's own request brought, unless the key tells users apart", () => {
    expect(why({}, { asked: { ...rule({}), hasCookie: true } })).toBe("cookie");
    expect(why({}, { asked: { ...rule({}, { keysCookie: true }), hasCookie: true } })).toBe("stored");
    expect(why({}, { asked: { ...rule({}), hasCredential: true } })).toBe("authorization");
    expect(why({}, { asked: { ...rule({}, { keysCredential: true }), hasCredential: true } })).toBe("stored");
  });

  test("refuses what its conditions leave out, and ends with its bucket", () => {
    expect(why(MINUTE, { asked: rule({ store: false }) })).toBe("rule");
    expect(stored({}, { asked: rule({ endsAt: NOW + 5_000 }) }).lifetimeMs).toBe(5_000);
  });

  test("says how stale where the origin does not", () => {
    const says = { staleWhileRevalidateSeconds: 10, staleIfErrorSeconds: 20 };
    expect(stored({}, { asked: rule(says) })).toMatchObject({ revalidateMs: 10_000, errorMs: 20_000 });
    const origin = CC("max-age=60, stale-while-revalidate=1, stale-if-error=2");
    expect(stored(origin, { asked: rule(says) })).toMatchObject({ revalidateMs: 1_000, errorMs: 2_000 });
    expect(stored(origin, { asked: rule({ ...says, mode: "override" }) }).revalidateMs).toBe(10_000);
  });
});
