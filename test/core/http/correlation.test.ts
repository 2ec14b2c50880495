import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { correlationId, isSaneCorrelationId, newId } from "../../../worker/core/http/correlation.ts";

const NOW = Date.UTC(2026, 10, 21, 12);
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

it.each([
  ["a", true],
  ["abc-DEF_1.2:3", true],
  ["dGVzdA==/+~@", true],
  ["x".repeat(128), true],
  ["", false],
  ["x".repeat(129), false],
  ["a b", false],
  ["a,b", false],
  ['a"b', false],
  ["<script>", false],
  ["a\r\nb", false],
  ["é", false],
  ["a{b}", false],
])("%s is sane: %s", (id, sane) => {
  expect(isSaneCorrelationId(id)).toBe(sane);
  expect(correlationId(id, NOW, () => 0) === id).toBe(sane);
});

it("nothing received is replaced by a new id", () => {
  expect(correlationId(undefined, NOW, Math.random)).toMatch(UUID_V7);
});

describe("newId", () => {
  it("is a UUID version 7 that tells its time, for any time and chance", () => {
    const chances = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }));
    fc.assert(
      fc.property(fc.nat(2 ** 48 - 1), chances, (nowMs, stream) => {
        const id = newId(nowMs, () => stream.next().value as number);
        expect(id).toMatch(UUID_V7);
        expect(isSaneCorrelationId(id)).toBe(true);
        expect(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)).toBe(nowMs);
      }),
    );
  });

  it("never repeats within a millisecond", () => {
    expect(new Set(Array.from({ length: 10_000 }, () => newId(NOW, Math.random))).size).toBe(10_000);
  });
});
