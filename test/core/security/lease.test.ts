import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LeaseAnswer, LeaseAsk, LimitRule, PeriodRule } from "../../../worker/core/protocol/limiter.ts";
import { freshPeriod, level, pass, type PeriodState } from "../../../worker/core/security/gcra.ts";
import { freshLimit, lease, limitForgottenAt, type LimitState } from "../../../worker/core/security/lease.ts";

const NOW = 1_000_000_000;
const minute = (quota: number, burst = quota, more: Partial<PeriodRule> = {}): PeriodRule => ({
  ...{ name: "minute", ms: 60_000, quota, burst, paced: burst < quota, blockMs: burst < quota ? 0 : 60_000 },
  ...more,
});
const hour = (quota: number): PeriodRule => ({
  ...{ name: "hour", ms: 3_600_000, quota, burst: quota, paced: false, blockMs: 3_600_000 },
});
const rule = (...periods: PeriodRule[]): LimitRule => ({ periods, afterRefusals: 3 });

class Object {
  state: LimitState = freshLimit();
  readonly rule: LimitRule;
  constructor(...periods: PeriodRule[]) {
    this.rule = rule(...periods);
  }
  ask(isolate: string, now: number, ask: Partial<LeaseAsk> = {}): LeaseAnswer {
    const all = { isolate, need: 1, want: 0, spanMs: 1_000, used: 0, keep: 0, refusals: 0, ...ask };
    const [state, answer] = lease(this.state, all, now, this.rule);
    this.state = JSON.parse(JSON.stringify(state)) as LimitState;
    return answer;
  }
}

describe("a lease", () => {
  it("takes what waits at once, and all that is left when too many wait", () => {
    const object = new Object(minute(100, 20));
    expect(object.ask("a", NOW)).toMatchObject({ taken: 1, leased: 0, refusedMs: 0, left: [19] });
    expect(object.ask("b", NOW, { need: 30 })).toMatchObject({ taken: 19, refusedMs: 600, left: [0], spent: [0] });
    expect(object.ask("a", NOW + 600)).toMatchObject({ taken: 1, refusedMs: 0 });
  });

  it("is never given beyond the need where the limit is small", () => {
    expect(new Object(minute(100)).ask("a", NOW, { want: 50 })).toMatchObject({ taken: 1, leased: 0 });
  });

  it("is as large as wanted, and no larger than a part of what is free", () => {
    const object = new Object(minute(10_000));
    expect(object.ask("a", NOW, { want: 100 })).toMatchObject({ taken: 1, leased: 100, left: [9_899] });
    expect(object.ask("b", NOW, { want: 5_000 })).toMatchObject({ taken: 1, leased: 1_237 });
  });

  it("gives back what is not kept, and charges what was used", () => {
    const object = new Object(minute(10_000));
    object.ask("a", NOW, { want: 100 });
    expect(object.ask("a", NOW, { used: 60, keep: 0, need: 0 })).toMatchObject({ left: [10_000 - 61] });
    expect(object.state.leases).toEqual([]);
  });

  it("counts as used when its time is over", () => {
    const object = new Object(minute(10_000));
    object.ask("a", NOW, { want: 100, spanMs: 2_000 });
    expect(object.ask("b", NOW + 1_999, { need: 0 }).left).toEqual([9_899]);
    expect(object.state.leases).toHaveLength(1);
    expect(object.ask("b", NOW + 2_100, { need: 0 })).toMatchObject({ left: [9_899], taken: 0 });
    expect(object.state.leases).toEqual([]);
  });

  it("is charged for what was used alone, when its isolate tells of it afterwards", () => {
    const object = new Object(hour(10_000));
    object.ask("a", NOW, { want: 100, spanMs: 1_000 });
    object.ask("c", NOW, { want: 100, spanMs: 1_000 });
    expect(object.ask("b", NOW + 1_000, { need: 0 }).left).toEqual([9_798]);
    expect(object.ask("a", NOW + 2_000, { need: 0, used: 30 }).left).toEqual([9_868]);
    expect(object.ask("a", NOW + 3_000, { need: 0, used: 30 }).left).toEqual([9_868]);
    // What time has made up for meanwhile was never missing: of a new window nothing is taken back.
    expect(object.ask("c", NOW + 3_600_000, { need: 0 }).left).toEqual([10_000]);
  });

  it("is refused by the period that is spent, and only that one is told", () => {
    const object = new Object(minute(100, 20), hour(25));
    expect(object.ask("a", NOW, { need: 21 })).toMatchObject({ taken: 20, spent: [0], left: [0, 5] });
    const refused = object.ask("a", NOW + 6_000, { need: 6 });
    expect(refused).toMatchObject({ taken: 5, spent: [1] });
    expect(refused.refusedMs).toBe(3_600_000 - 6_000);
  });

  it("says how often the isolate may refuse before it has to tell, and blocks the third time", () => {
    const object = new Object(minute(10));
    expect(object.ask("a", NOW, { need: 11 })).toMatchObject({ taken: 10, patience: 2, blocked: false });
    expect(object.ask("a", NOW + 9_000, { refusals: 1 })).toMatchObject({
      ...{ taken: 0, blocked: true, patience: 0, refusedMs: 60_000 },
    });
  });

  it("gives back what did not pass after all, less what time has made up for", () => {
    const object = new Object(minute(10, 2));
    expect(object.ask("a", NOW, { need: 2 })).toMatchObject({ taken: 2, left: [0] });
    expect(object.ask("a", NOW + 600, { back: { count: 1, ageMs: 600 }, need: 0 })).toMatchObject({ left: [1] });
    const other = new Object(minute(10));
    other.ask("a", NOW, { need: 9 });
    expect(other.ask("a", NOW + 100, { back: { count: 2, ageMs: 100 }, need: 0 })).toMatchObject({ left: [3] });
    // Its turn was over, and another one has had the next.
    const late = new Object(minute(10, 1));
    late.ask("a", NOW);
    expect(late.ask("b", NOW + 7_000)).toMatchObject({ taken: 1 });
    expect(late.ask("a", NOW + 8_000, { back: { count: 1, ageMs: 8_000 } })).toMatchObject({ taken: 0 });
  });

  it("waits for others' leases where those hold what is left", () => {
    const object = new Object(minute(1_000));
    expect(object.ask("a", NOW, { need: 700, want: 40, spanMs: 1_000 })).toMatchObject({ taken: 700, leased: 37 });
    const refused = object.ask("b", NOW + 100, { need: 300 });
    expect(refused).toMatchObject({ taken: 263, blocked: false, refusedMs: 900, spent: [0] });
    // All of it counts as used when it is over: the quota is spent until its window ends.
    expect(object.ask("b", NOW + 1_000)).toMatchObject({ taken: 0, refusedMs: 59_000 });
  });

  it("is forgotten when nothing is left to remember", () => {
    const object = new Object(minute(10_000));
    object.ask("a", NOW, { want: 100, spanMs: 1_000 });
    expect(limitForgottenAt(object.state, object.rule)).toBe(NOW + 60_000);
  });
});

describe("whatever isolates ask for, and whenever they use it", () => {
  const step = fc.record({
    afterMs: fc.nat({ max: 3_000 }),
    isolate: fc.nat({ max: 3 }),
    arrivals: fc.nat({ max: 400 }),
    want: fc.nat({ max: 800 }),
    spanMs: fc.nat({ max: 5_000 }),
    keeps: fc.boolean(),
    vain: fc.nat({ max: 8 }),
  });
  const rules = fc.constantFrom(
    [minute(10_000)],
    [minute(10_000, 1_000)],
    [minute(600, 300), hour(2_000)],
    [minute(100, 20)],
    [minute(1_000, 1_000, { name: "second", ms: 1_000, blockMs: 0 })],
  );

  it("what passes never exceeds the limit", () => {
    fc.assert(
      fc.property(rules, fc.array(step, { maxLength: 60 }), (periods, steps) => {
        const object = new Object(...periods);
        const held = new Map<number, { free: number; used: number; endsAt: number; back: number; askedAt: number }>();
        let truth: PeriodState[] = periods.map(freshPeriod);
        let now = NOW;
        const use = (count: number): void => {
          truth = truth.map((state, index) => pass(state, count, now, periods[index]!));
          truth.forEach((state, index) => {
            expect(level(state, now, periods[index]!)).toBeLessThanOrEqual(periods[index]!.burst + 1e-3);
          });
        };
        for (const each of steps) {
          now += each.afterMs;
          const own = held.get(each.isolate) ?? { free: 0, used: 0, endsAt: 0, back: 0, askedAt: 0 };
          held.set(each.isolate, own);
          if (now >= own.endsAt) own.free = 0;
          const onLease = Math.min(own.free, each.arrivals);
          use(onLease);
          own.free -= onLease;
          own.used += onLease;
          if (each.arrivals === onLease && each.keeps) continue;
          const keep = each.keeps ? own.free : 0;
          const { used } = own;
          const question = { need: each.arrivals - onLease, want: each.want, spanMs: each.spanMs, used, keep };
          const back = own.back === 0 ? {} : { back: { count: own.back, ageMs: now - own.askedAt } };
          const answer = object.ask(String(each.isolate), now, { ...question, ...back });
          // Some of those that were let pass find no place, and are told of with the next question.
          own.back = Math.min(each.vain, answer.taken);
          own.askedAt = now;
          use(answer.taken - own.back);
          own.used = 0;
          own.free = keep + answer.leased;
          if (answer.leased > 0) own.endsAt = now + answer.lifeMs;
        }
      }),
      { numRuns: 500 },
    );
  });
});
