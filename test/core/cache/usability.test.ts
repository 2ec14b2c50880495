import { describe, expect, test } from "vitest";
import { parseRequestDirectives } from "../../../worker/core/cache/directives.ts";
import type { EntryMeta } from "../../../worker/core/cache/entry.ts";
import { ageMs, mayStandIn, UNREACHABLE_MS, usability } from "../../../worker/core/cache/usability.ts";
import { entryMeta } from "../../support/entries.ts";

const BORN = 1_000_000;
const asks = (field?: string) => parseRequestDirectives(field, undefined);

describe("usability: fresh for a minute unless said otherwise", () => {
  test.each<[Partial<EntryMeta>, string | undefined, number, string]>([
    [{}, undefined, 0, "fresh"],
    [{}, undefined, 59_999, "fresh"],
    // §4.2: equality is stale.
    [{}, undefined, 60_000, "validate-stale"],
    [{ lifetimeMs: 0 }, undefined, 0, "validate-stale"],
    [{ mustValidate: true }, undefined, 1, "validate-stale"],
    [{ mustValidate: true }, "max-stale", 1, "validate-stale"],
    // What a request wants (§5.2.1).
    [{}, "no-cache", 1, "validate-request"],
    [{}, "max-age=0", 0, "validate-request"],
    [{}, "max-age=1", 1_999, "fresh"],
    [{}, "max-age=1", 2_000, "validate-request"],
    [{}, "min-fresh=30", 29_000, "fresh"],
    [{}, "min-fresh=30", 31_000, "validate-request"],
    [{}, "max-stale", 6_000_000, "max-stale"],
    [{}, "max-stale=10", 70_000, "max-stale"],
    [{}, "max-stale=10", 70_001, "validate-stale"],
    [{ neverStale: true }, "max-stale", 61_000, "validate-stale"],
    // RFC 5861 §3.
    [{ revalidateMs: 5_000 }, undefined, 64_999, "while-revalidating"],
    [{ revalidateMs: 5_000 }, undefined, 65_000, "validate-stale"],
    [{ revalidateMs: 5_000, neverStale: true }, undefined, 61_000, "validate-stale"],
    [{ revalidateMs: 5_000 }, "min-fresh=1", 61_000, "validate-stale"],
    [{ revalidateMs: 5_000, lifetimeMs: 0 }, undefined, 0, "while-revalidating"],
  ])("%j asked with %j after %i ms is %s", (changes, field, ms, expected) => {
    expect(usability(entryMeta({ bornAt: BORN, ...changes }), asks(field), BORN + ms, false)).toBe(expected);
  });

  test("what a purge has made stale is stale, and may still be served while it is asked about", () => {
    const at = (changes: Partial<EntryMeta>) => usability(entryMeta({ bornAt: BORN, ...changes }), asks(), BORN, true);
    expect(at({})).toBe("validate-stale");
    expect(at({ revalidateMs: 1 })).toBe("while-revalidating");
  });

  test("no clock makes an age negative", () => {
    expect(ageMs(entryMeta({ bornAt: BORN }), BORN - 5_000)).toBe(0);
  });
});

describe("standing in for an answer that could not be had", () => {
  const MINUTE = 60_000;
  test.each<[Partial<EntryMeta>, string | undefined, number, boolean, boolean]>([
    // Nobody answered: allowed unless forbidden (RFC 9111 §4.2.4).
    [{}, undefined, MINUTE + 1, false, true],
    [{}, undefined, MINUTE + UNREACHABLE_MS, false, false],
    [{ neverStale: true }, undefined, MINUTE + 1, false, false],
    [{ mustValidate: true }, undefined, 1, false, false],
    [{ errorMs: 10_000 }, undefined, MINUTE + 9_999, false, true],
    [{ errorMs: 10_000 }, undefined, MINUTE + 10_000, false, false],
    [{ errorMs: 0 }, undefined, MINUTE + 1, false, false],
    // With a 5xx: only where stale-if-error says so (RFC 5861 §4).
    [{}, undefined, MINUTE + 1, true, false],
    [{ errorMs: 10_000 }, undefined, MINUTE + 9_999, true, true],
    [{ errorMs: 10_000 }, undefined, MINUTE + 10_000, true, false],
    [{ errorMs: 10_000, neverStale: true }, undefined, MINUTE + 1, true, false],
    [{}, "stale-if-error=10", MINUTE + 9_999, true, true],
    [{}, "stale-if-error=10", MINUTE + 10_000, true, false],
    // Passed by at the client's wish, and fresh.
    [{}, "no-cache", 1, false, true],
    [{}, "no-cache", 1, true, false],
  ])("%j asked with %j after %i ms, answered: %s", (changes, field, ms, answered, may) => {
    expect(mayStandIn(entryMeta({ bornAt: BORN, ...changes }), asks(field), BORN + ms, answered)).toBe(may);
  });
});
