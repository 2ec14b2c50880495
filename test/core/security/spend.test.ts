import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SpendRule } from "../../../worker/core/protocol/limiter.ts";
import { reserve, settle, spendForgottenAt, type SpendState } from "../../../worker/core/security/spend.ts";

const NOON = Date.UTC(2026, 1, 28, 12);
const DAY_MS = 86_400_000;
const amount = (tokens: number, dollars = 0) => ({ tokens, dollars });
const daily: SpendRule = { tokensPerDay: 1_000, dollarsPerMonth: 2 };

describe("a budget", () => {
  it("reserves all of an estimate or nothing, and says what is short and until when", () => {
    const [first, granted] = reserve({}, amount(800, 0.5), NOON, daily);
    expect(granted).toMatchObject({ granted: true, spent: [], retryMs: 0 });
    expect(granted.left).toEqual({
      tokensPerDay: { left: 200, resetMs: DAY_MS / 2 },
      dollarsPerMonth: { left: 1.5, resetMs: DAY_MS / 2 },
    });
    const [second, refused] = reserve(first, amount(201, 0.1), NOON, daily);
    expect(refused).toMatchObject({ granted: false, spent: ["tokensPerDay"], retryMs: DAY_MS / 2 });
    expect(second).toEqual(first);
    expect(reserve(first, amount(200, 1.5), NOON, daily)[1].granted).toBe(true);
  });

  it("is free again by what a call did not need, and charged for what it needed beyond its estimate", () => {
    let [state] = reserve({}, amount(800), NOON, daily);
    state = settle(state, amount(800), amount(100), NOON, NOON, daily);
    expect(reserve(state, amount(0), NOON, daily)[1].left.tokensPerDay?.left).toBe(900);
    [state] = reserve(state, amount(900), NOON, daily);
    state = settle(state, amount(900), amount(1_200), NOON, NOON, daily);
    const [, refused] = reserve(state, amount(0), NOON, daily);
    expect(refused).toMatchObject({ granted: false, left: { tokensPerDay: { left: 0 } } });
  });

  it("begins anew with its period; a call belongs to the one it began in", () => {
    const late = NOON + DAY_MS / 2 - 1;
    const [state] = reserve({}, amount(800, 0.5), late, daily);
    const after = settle(state, amount(800, 0.5), amount(900, 1), late, late + 2, daily);
    const [, next] = reserve(after, amount(0), late + 2, daily);
    expect(next.left).toMatchObject({ tokensPerDay: { left: 1_000 }, dollarsPerMonth: { left: 2 } });
    expect(next.left.dollarsPerMonth?.resetMs).toBe(31 * DAY_MS - 1);
  });

  it("is forgotten with its last period", () => {
    const [state] = reserve({}, amount(1), NOON, daily);
    expect(spendForgottenAt(state)).toBe(Date.UTC(2026, 2, 1));
    expect(spendForgottenAt({})).toBe(0);
  });

  it("is never overrun by more than calls cost above their estimates, and never negative", () => {
    const call = fc.record({ estimate: fc.nat({ max: 400 }), actual: fc.nat({ max: 600 }), settles: fc.boolean() });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 40 }), (calls) => {
        let state: SpendState = {};
        let cost = 0;
        let above = 0;
        const open: { estimate: number; actual: number }[] = [];
        const close = ({ estimate, actual }: { estimate: number; actual: number }): void => {
          state = settle(state, amount(estimate), amount(actual), NOON, NOON, daily);
          cost += actual;
          above += Math.max(0, actual - estimate);
        };
        for (const each of calls) {
          const [next, answer] = reserve(state, amount(each.estimate), NOON, daily);
          state = next;
          for (const { left } of Object.values(answer.left)) expect(left).toBeGreaterThanOrEqual(0);
          if (answer.granted) open.push(each);
          if (each.settles && open.length > 0) close(open.shift()!);
        }
        open.forEach(close);
        expect(cost).toBeLessThanOrEqual(1_000 + above);
      }),
    );
  });
});
