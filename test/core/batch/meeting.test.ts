import fc from "fast-check";
import { expect, it } from "vitest";
import { fits, join, meeting, shareOut } from "../../../worker/core/batch/meeting.ts";
import type { BatchAsk } from "../../../worker/core/protocol/batch.ts";

const ask = (items: readonly unknown[], weights = items.map(() => 1)): BatchAsk => ({
  key: "k",
  items,
  weights,
  maxItems: 10,
  maxWaitMs: 100,
});

it("is full at its limit, and over when its most impatient caller says so", () => {
  const open = meeting();
  expect(join(open, ask([1, 2, 3]), 1_000)).toBe(false);
  expect(open.endsAt).toBe(1_100);
  expect(fits(open, ask([1, 2, 3, 4, 5, 6, 7]))).toBe(true);
  expect(fits(open, ask([1, 2, 3, 4, 5, 6, 7, 8]))).toBe(false);
  expect(join(open, ask([1, 2, 3, 4, 5, 6, 7]), 1_050)).toBe(true);
});

it("gives everybody his own, and shares the usage to the last token", () => {
  const sizes = fc.array(fc.array(fc.nat(500), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(sizes, fc.nat(10_000), (weights, tokens) => {
      const open = meeting();
      weights.forEach((own, caller) =>
        join(
          open,
          ask(
            own.map((_, at) => `${caller}.${at}`),
            own,
          ),
          0,
        ),
      );
      const results = open.asks.flatMap(({ items }) => items);
      const shares = shareOut(open, { ok: true, results, tokens })!;
      shares.forEach((share, caller) => {
        expect(share.ok && share.results).toEqual(open.asks[caller]!.items);
        expect(share.ok && share.tokens).toBeGreaterThanOrEqual(0);
      });
      expect(shares.reduce((sum, share) => sum + (share.ok ? share.tokens : 0), 0)).toBe(tokens);
    }),
  );
});

it("shares out no outcome that does not fit the question", () => {
  const open = meeting();
  join(open, ask([1, 2]), 0);
  expect(shareOut(open, { ok: true, results: [1], tokens: 0 })).toBeUndefined();
});
