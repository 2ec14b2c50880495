import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { continueTrace, isTraceparent, startTrace } from "../../../worker/core/http/trace.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const received = `00-${TRACE}-${PARENT}-01`;
const half = (): number => 0.5;

describe("isTraceparent", () => {
  it.each([
    received,
    `00-${TRACE}-${PARENT}-ff`,
    `01-${TRACE}-${PARENT}-00`,
    `cc-${TRACE}-${PARENT}-00-what-comes-later`,
    `00-${"0".repeat(31)}1-${"0".repeat(15)}1-00`,
  ])("%s", (value) => expect(isTraceparent(value)).toBe(true));

  it.each([
    "",
    received.slice(0, -1),
    `${received} `,
    `${received}-x`,
    `ff-${TRACE}-${PARENT}-01`,
    `0g-${TRACE}-${PARENT}-01`,
    `00-${TRACE.toUpperCase()}-${PARENT}-01`,
    `00-${"0".repeat(32)}-${PARENT}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE}-${PARENT}-0x`,
    `00_${TRACE}-${PARENT}-01`,
    `00-${TRACE}_${PARENT}-01`,
    `00-${TRACE}-${PARENT}_01`,
    `cc-${TRACE}-${PARENT}-01.x`,
    `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01`,
  ])("not %s", (value) => expect(isTraceparent(value)).toBe(false));

  it("is the grammar of the recommendation", () => {
    const grammar = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
    const digit = fc.constantFrom(..."0123456789abcdefgA-");
    const mutated = fc
      .tuple(fc.nat(54), digit)
      .map(([at, char]) => received.slice(0, at) + char + received.slice(at + 1));
    fc.assert(
      fc.property(fc.oneof(mutated, fc.string()), (value) => {
        expect(isTraceparent(value)).toBe(grammar.test(value));
      }),
      { numRuns: 3000 },
    );
  });
});

it.each([
  [received, `00-${TRACE}-8000000080000000-01`],
  [`00-${TRACE}-${PARENT}-00`, `00-${TRACE}-8000000080000000-00`],
  [`00-${TRACE}-${PARENT}-02`, `00-${TRACE}-8000000080000000-00`],
  [`00-${TRACE}-${PARENT}-0b`, `00-${TRACE}-8000000080000000-01`],
  [`00-${TRACE}-${PARENT}-fe`, `00-${TRACE}-8000000080000000-00`],
  [`cc-${TRACE}-${PARENT}-09-x`, `00-${TRACE}-8000000080000000-01`],
])("%s goes on as %s", (value, expected) => expect(continueTrace(value, half)).toBe(expected));

it("a new trace is valid whatever chance gives", () => {
  expect(startTrace(() => 0, true)).toBe(`00-${"0".repeat(31)}1-${"0".repeat(15)}1-01`);
  fc.assert(
    fc.property(
      fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
      fc.boolean(),
      (s, sampled) => {
        const chance = (): number => s.next().value as number;
        const started = startTrace(chance, sampled);
        expect(isTraceparent(started)).toBe(true);
        expect(started.endsWith(sampled ? "-01" : "-00")).toBe(true);
        const continued = continueTrace(started, chance);
        expect(isTraceparent(continued)).toBe(true);
        expect(continued.slice(0, 36)).toBe(started.slice(0, 36));
      },
    ),
  );
});
