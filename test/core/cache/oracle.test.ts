// http-cache-semantics, the library that HTTP clients in JavaScript cache by, beside our own functions over random answers.
// Where the two differ on purpose the generator stays away, and says why.
import CachePolicy from "http-cache-semantics";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseRequestDirectives } from "../../../worker/core/cache/directives.ts";
import { storing } from "../../../worker/core/cache/storing.ts";
import { usability } from "../../../worker/core/cache/usability.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const at = (seconds: number): string => new Date(NOW + seconds * 1000).toUTCString();

/**
 * Left out: `must-revalidate`, `proxy-revalidate` (the oracle takes a fresh answer with either for stale, §5.2.2.2 does not);
 * duplicates (it takes the first); quoted and malformed values (it takes what `parseInt` makes of them); `immutable`, which it
 * gives a lifetime; targeted fields and must-understand (unknown to it); an Age that is no number; statuses outside of its own
 * list, which it never stores; s-maxage with stale-while-revalidate (§4.2.4 forbids stale then, it does not look).
 */
const directive = fc.oneof(
  fc.constantFrom("no-store", "private", "no-cache", "public", "x-unknown"),
  fc.nat(200).map((seconds) => `max-age=${seconds}`),
  fc.nat(200).map((seconds) => `s-maxage=${seconds}`),
);

const answer = fc.record({
  directives: fc.uniqueArray(directive, { maxLength: 3, selector: (each) => each.split("=")[0] }),
  expires: fc.option(fc.integer({ min: -200, max: 200 }), { nil: undefined }),
  age: fc.option(fc.nat(100), { nil: undefined }),
  status: fc.constantFrom(200, 203, 301, 302, 307, 404, 410),
  later: fc.nat(300),
});

function ours(headers: Record<string, string>, status: number, laterSeconds: number): "fresh" | "stale" | "not stored" {
  const decision = storing(
    {
      key: "k",
      url: "https://a.example/",
      path: "/",
      method: "GET",
      fields: new Headers(),
      noStore: false,
      hasCookie: false,
      hasCredential: false,
      influence: undefined,
      requestedAt: NOW,
    },
    { status, statusText: "", headers: new Headers(headers), receivedAt: NOW, upstreamMs: 0 },
    { setCookie: "store" },
  );
  if (!decision.store) return "not stored";
  const nothing = parseRequestDirectives(undefined, undefined);
  const use = usability(decision.meta, nothing, NOW + laterSeconds * 1000, false);
  return use === "fresh" ? "fresh" : "stale";
}

function oracle(
  headers: Record<string, string>,
  status: number,
  laterSeconds: number,
): "fresh" | "stale" | "not stored" {
  const policy = new CachePolicy(
    { method: "GET", url: "/", headers: {} },
    { status, headers },
    // Its heuristic's least lifetime, which RFC 9111 does not know.
    { shared: true, cacheHeuristic: 0.1, immutableMinTimeToLive: 0 },
  );
  // The library keeps its clock in a method that is there to be replaced.
  Object.assign(policy, { _responseTime: NOW, now: () => NOW + laterSeconds * 1000 });
  if (!policy.storable()) return "not stored";
  return policy.satisfiesWithoutRevalidation({ method: "GET", url: "/", headers: {} }) ? "fresh" : "stale";
}

test("what is fresh, what is stale", () => {
  fc.assert(
    fc.property(answer, ({ directives, expires, age, status, later }) => {
      const headers: Record<string, string> = { date: at(0), etag: '"a"' };
      if (directives.length > 0) headers["cache-control"] = directives.join(", ");
      if (expires !== undefined) headers["expires"] = at(expires);
      if (age !== undefined) headers["age"] = String(age);
      const own = ours(headers, status, later);
      const other = oracle(headers, status, later);
      // Neither uses it without asking: whether a validator alone is worth storing is a cache's own affair.
      const usable = (verdict: string): string => (verdict === "fresh" ? "fresh" : "not to be used");
      expect(`${usable(own)} ${JSON.stringify(headers)} ${status} +${later}`).toBe(
        `${usable(other)} ${JSON.stringify(headers)} ${status} +${later}`,
      );
    }),
    { numRuns: 2_000 },
  );
});
