import { describe, expect, test } from "vitest";
import {
  attemptMs,
  attempts,
  EXPIRED,
  isRepeatable,
  next,
  sent,
  SINGLE_ATTEMPT,
  START,
  WAITED,
  worthAnother,
  type AttemptEvent,
  type AttemptOptions,
  type Next,
} from "../../../worker/core/resilience/attempts.ts";
import { retryBudget, type RetryBudget } from "../../../worker/core/resilience/budget.ts";
import type { Chance } from "../../../worker/core/stats/chance.ts";
import { EVENTS, LONG_MS, printedChance } from "./events.ts";

const OPTIONS: AttemptOptions = {
  max: 3,
  retryBudget: 0.2,
  retryFloor: 3,
  budgetWindowMs: 10_000,
  backoffMs: 25,
  maxBackoffMs: 1000,
  retryStatuses: [502, 503, 504],
};
const NOW = 1_700_000_000_000;
const half = () => 0.5;
const lost = (others: boolean, same = true): AttemptEvent => ({ kind: "lost", others, same });
const status = (others: boolean, retryAfterMs = -1, same = true): AttemptEvent => ({
  kind: "status",
  retryAfterMs,
  others,
  same,
});

/** A request that was sent to instance 0. */
function started(
  given: Partial<{ repeatable: boolean; deadlineMs: number; fallbacks: number }> = {},
  options = OPTIONS,
) {
  const { repeatable = true, deadlineMs = 10_000, fallbacks = 0 } = given;
  const state = attempts(repeatable, NOW + deadlineMs, fallbacks);
  const budget = retryBudget(options);
  const ask = (event: AttemptEvent, afterMs = 0, chance: Chance = half): Next =>
    next(state, event, budget, options, NOW + afterMs, chance);
  expect(ask(START)).toEqual({ do: "send" });
  sent(state, 0);
  return { state, budget, ask };
}

describe("A11: what is worth another try", () => {
  test.each([
    [200, false],
    [404, false],
    [408, false],
    [429, false],
    [500, false],
    [501, false],
    [502, true],
    [503, true],
    [504, true],
    [507, false],
  ])("%d: %s", (code, another) => {
    expect(worthAnother(code, OPTIONS)).toBe(another);
  });

  test.each([
    ["GET", false, true],
    ["HEAD", false, true],
    ["OPTIONS", false, true],
    ["PUT", false, true],
    ["DELETE", false, true],
    ["POST", false, false],
    ["PATCH", false, false],
    ["LOCK", false, false],
    ["get", false, false],
    ["POST", true, true],
    ["PATCH", true, true],
  ])("%s, Idempotency-Key %s: %s", (method, key, repeatable) => {
    expect(isRepeatable(method, key, true)).toBe(repeatable);
    expect(isRepeatable(method, key, false)).toBe(false);
  });

  test("a single instance is asked again after a backoff; a request that may not be repeated is not", () => {
    expect(started().ask(status(false))).toEqual({ do: "wait", ms: 13 });
    expect(started().ask(lost(false))).toEqual({ do: "wait", ms: 13 });
    for (const event of [status(true), lost(true)]) {
      expect(started({ repeatable: false }).ask(event)).toEqual({ do: "give", because: "unrepeatable" });
    }
  });

  test("attempts: false sends once", () => {
    expect(started({}, SINGLE_ATTEMPT).ask(lost(true))).toEqual({ do: "give", because: "spent" });
    expect(worthAnother(503, SINGLE_ATTEMPT)).toBe(false);
  });
});

describe("retrying", () => {
  test("goes to another instance while one stands, and to any again when none does", () => {
    const { state, ask } = started();
    expect(ask(lost(true))).toEqual({ do: "wait", ms: 13 });
    expect(state.tried).toEqual([0]);
    expect(ask(WAITED)).toEqual({ do: "send" });
    sent(state, 1);
    expect(ask(lost(false))).toEqual({ do: "wait", ms: 25 });
    expect(state.tried).toEqual([]);
  });

  test("at most max sends", () => {
    const { state, ask } = started();
    for (const instance of [1, 2]) {
      ask(lost(true));
      sent(state, instance);
    }
    expect(ask(lost(true))).toEqual({ do: "give", because: "spent" });
    expect(state.sent).toBe(3);
  });

  test("full jitter: from nothing to backoffMs doubled each time, at most maxBackoffMs", () => {
    const slow = { ...OPTIONS, max: 10, retryFloor: 100 };
    const { state, ask } = started({ deadlineMs: 100_000 }, slow);
    const waits: unknown[] = [];
    for (let n = 0; n < 8; n++) {
      waits.push(ask(lost(true), 0, () => 0.999_999));
      sent(state, n + 1);
    }
    expect(waits.map((wait) => (wait as { ms: number }).ms)).toEqual([25, 50, 100, 200, 400, 800, 1000, 1000]);
    expect(started().ask(lost(true), 0, () => 0)).toEqual({ do: "send" });
  });

  test("nobody left and nobody to ask again: the client gets what there is", () => {
    expect(started().ask(lost(false, false))).toEqual({ do: "give", because: "spent" });
  });

  test("without budget the client gets what there is", () => {
    const { budget, ask } = started();
    budget.tokens = 0;
    expect(ask(lost(true))).toEqual({ do: "give", because: "budget" });
  });

  test("nothing is waited for that would end after the deadline", () => {
    expect(started({ deadlineMs: 1000 }).ask(lost(true), 990)).toEqual({ do: "give", because: "deadline" });
    const { ask } = started({ deadlineMs: 1000 });
    ask(lost(true), 900);
    expect(ask(WAITED, 1000)).toEqual({ do: "give", because: "deadline" });
  });

  test("A14: an attempt lasts until its own deadline or the request's", () => {
    const { state } = started({ deadlineMs: 1000 });
    expect([0, 400, 1000, 2000].map((ms) => attemptMs(state, 700, NOW + ms))).toEqual([700, 600, 0, 0]);
    expect(attemptMs(attempts(true, Number.POSITIVE_INFINITY, 0), 700, NOW)).toBe(700);
  });
});

describe("A13: Retry-After", () => {
  test("is waited for where there is only the instance that sent it", () => {
    expect(started({ deadlineMs: 10_000 }).ask(status(false, 2000))).toEqual({ do: "wait", ms: 2000 });
  });

  test("that reaches past the deadline ends it at once", () => {
    expect(started({ deadlineMs: 1000 }).ask(status(false, 2000))).toEqual({ do: "give", because: "deadline" });
    expect(started({ deadlineMs: 2000 }).ask(status(false, 2000))).toEqual({ do: "give", because: "deadline" });
  });

  test("does not hold back another instance", () => {
    expect(started().ask(status(true, 2000))).toEqual({ do: "wait", ms: 13 });
  });

  test("does not spend budget when it is not waited for", () => {
    const { budget, ask } = started({ deadlineMs: 1000 });
    const before = budget.tokens;
    ask(status(false, 60_000));
    expect(budget.tokens).toBe(before);
  });
});

describe("A15: hedging", () => {
  const slow = (others: boolean, same = true): AttemptEvent => ({ kind: "slow", others, same });

  test("a second try beside the first, elsewhere, once", () => {
    const { state, ask } = started();
    expect(ask(slow(true), 100)).toEqual({ do: "hedge" });
    expect(state.tried).toEqual([0]);
    sent(state, 1);
    expect(ask(slow(true), 200)).toEqual({ do: "hold" });
  });

  test("whichever fails first, the other one is waited for; when both did, there may be a third", () => {
    const { state, ask } = started();
    ask(slow(true), 100);
    sent(state, 1);
    expect(ask(lost(true), 150)).toEqual({ do: "hold" });
    expect(ask(lost(true), 160)).toMatchObject({ do: "wait" });
    expect(state.tried).toEqual([0, 1]);
  });

  test.each<[string, Parameters<typeof started>[0], AttemptEvent]>([
    ["not what may not be repeated", { repeatable: false }, slow(true)],
    ["not where nobody can be asked", {}, slow(false, false)],
    ["not after the deadline", { deadlineMs: 100 }, slow(true)],
  ])("%s", (_name, given, event) => {
    expect(started(given).ask(event, 100)).toEqual({ do: "hold" });
  });

  test("it is paid from the budget, and takes no place that max does not have", () => {
    const broke = started();
    broke.budget.tokens = 0;
    expect(broke.ask(slow(true), 0)).toEqual({ do: "hold" });
    expect(started({}, { ...OPTIONS, max: 1 }).ask(slow(true))).toEqual({ do: "hold" });
  });

  test("one that stands in a queue still counts", () => {
    const { ask } = started({}, { ...OPTIONS, max: 2 });
    expect(ask(slow(true))).toEqual({ do: "hedge" });
    expect(ask(lost(true))).toEqual({ do: "give", because: "spent" });
  });

  test("nobody there after all: the first is waited for", () => {
    const { state, ask } = started();
    ask(slow(true));
    expect(ask({ kind: "unavailable", why: "full" })).toEqual({ do: "hold" });
    expect([state.allowed, state.sent, state.inFlight]).toEqual([1, 1, 1]);
  });
});

describe("P4: falling back", () => {
  test("another instance first, then the alternatives in order, then the end", () => {
    const { state, ask } = started({ fallbacks: 2 }, { ...OPTIONS, max: 10, retryFloor: 10 });
    expect(ask(lost(true))).toMatchObject({ do: "wait" });
    sent(state, 1);
    expect(ask(lost(false))).toEqual({ do: "fallback", to: 0 });
    expect(state.tried).toEqual([]);
    sent(state, 0);
    expect(ask(status(false))).toEqual({ do: "fallback", to: 1 });
    sent(state, 0);
    expect(ask(status(false))).toMatchObject({ do: "wait" });
  });

  test("what could not be sent at all goes elsewhere, costs nothing and may be of any method", () => {
    const state = attempts(false, NOW + 1000, 1);
    const budget = retryBudget({ ...OPTIONS, retryFloor: 0 });
    const ask = (event: AttemptEvent) => next(state, event, budget, OPTIONS, NOW, half);
    ask(START);
    expect(ask({ kind: "unavailable", why: "open" })).toEqual({ do: "fallback", to: 0 });
    expect(ask({ kind: "unavailable", why: "panic" })).toEqual({ do: "refuse", why: "panic" });
    expect(state.allowed).toBe(0);
  });

  test("one max and one budget for all of it", () => {
    const { state, ask } = started({ fallbacks: 5 });
    expect(ask(lost(false))).toEqual({ do: "fallback", to: 0 });
    sent(state, 0);
    expect(ask(lost(false))).toEqual({ do: "fallback", to: 1 });
    sent(state, 0);
    expect(ask(lost(false))).toEqual({ do: "give", because: "spent" });
    const broke = started({ fallbacks: 1 });
    broke.budget.tokens = 0;
    expect(broke.ask(lost(false))).toEqual({ do: "give", because: "budget" });
  });

  test("what the target cannot take goes to another target, of any method, and never back to the same", () => {
    const { state, ask } = started({ fallbacks: 1, repeatable: false });
    expect(ask({ kind: "unfit" })).toEqual({ do: "fallback", to: 0 });
    sent(state, 0);
    expect(ask({ kind: "unfit" })).toEqual({ do: "give", because: "spent" });
  });

  test("429 fails over where the policy names it, as for AI targets", () => {
    const ai = { ...OPTIONS, retryStatuses: [...OPTIONS.retryStatuses, 429] };
    expect(worthAnother(429, ai)).toBe(true);
    expect(started({ fallbacks: 1 }, ai).ask(status(false, 20_000))).toEqual({ do: "fallback", to: 0 });
  });
});

test("the deadline: refused when nothing was sent, else what there is", () => {
  const state = attempts(true, NOW, 0);
  const budget = retryBudget(OPTIONS);
  next(state, START, budget, OPTIONS, NOW, half);
  expect(next(state, EXPIRED, budget, OPTIONS, NOW, half)).toEqual({ do: "refuse", why: "deadline" });
  expect(started().ask(EXPIRED)).toEqual({ do: "give", because: "deadline" });
});

/** A driver in simulated time, over instances and alternatives that fail as they like; checks the laws as it goes. */
function drive(
  chance: Chance,
  budget: RetryBudget,
  options: AttemptOptions,
  began: number,
  problems: string[],
): number {
  const must = (held: boolean, law: string) => held || problems.push(law);
  const repeatable = chance() < 0.7;
  const deadlineAt = began + Math.floor(chance() * 3000);
  const fallbacks = Math.floor(chance() * 3);
  const state = attempts(repeatable, deadlineAt, fallbacks);
  const anInstance = () => chance() < 0.8;
  let standing = Array.from({ length: 1 + Math.floor(chance() * 4) }, anInstance);
  /** Instances of the target in use that the request was sent to. */
  let sentTo = new Set<number>();
  let now = began;
  let sends = 0;
  const others = () => standing.some((stands, at) => stands && !sentTo.has(at));
  const same = () => standing.some((stands, at) => stands && sentTo.has(at));

  let step = next(state, START, budget, options, now, chance);
  for (let asked = 0; asked < 100; asked++) {
    must(state.allowed <= options.max && sends <= options.max, "never more than max");
    switch (step.do) {
      case "give":
      case "refuse":
        must((step.do === "refuse") === (sends === 0), "refused only what was never sent");
        return sends;
      case "wait":
        must(step.ms > 0 && now + step.ms < deadlineAt, "waits end before the deadline");
        now += step.ms;
        step = next(state, WAITED, budget, options, now, chance);
        break;
      case "send":
      case "hedge":
      case "fallback": {
        if (step.do === "fallback") {
          must(step.to === state.fallback && step.to < fallbacks, "alternatives in order");
          standing = Array.from({ length: 1 + Math.floor(chance() * 3) }, anInstance);
          sentTo = new Set();
        }
        const free = standing.flatMap((stands, at) => (stands && !state.tried.includes(at) ? [at] : []));
        if (free.length === 0 || chance() < 0.05) {
          step = next(state, { kind: "unavailable", why: "open" }, budget, options, now, chance);
          break;
        }
        const chosen = free[Math.floor(chance() * free.length)]!;
        must(!others() || !sentTo.has(chosen), "never the same while another stands");
        must(repeatable || sends === 0, "what may not be repeated is sent once");
        sent(state, chosen);
        sentTo.add(chosen);
        sends++;
        step = { do: "hold" };
        break;
      }
      case "hold": {
        must(state.inFlight === 1 || state.inFlight === 2, "holds for somebody, at most two at once");
        now += Math.floor(chance() * 300);
        const n = chance();
        if (n < 0.2) return sends; // answered
        const told = { others: others(), same: same() };
        if (now >= deadlineAt) step = next(state, EXPIRED, budget, options, now, chance);
        else if (n < 0.5) step = next(state, { kind: "slow", ...told }, budget, options, now, chance);
        else if (n < 0.7) step = next(state, { kind: "lost", ...told }, budget, options, now, chance);
        else if (n < 0.85) step = next(state, { kind: "timeout", ...told }, budget, options, now, chance);
        else
          step = next(state, { kind: "status", retryAfterMs: chance() * 4000, ...told }, budget, options, now, chance);
        break;
      }
    }
  }
  must(false, "every request ends");
  return sends;
}

test(
  "property: whatever upstreams do, every request ends within max sends, paid for, repeated only if it may be",
  () => {
    const { chance } = printedChance("attempts, requests", EVENTS / 10);
    const problems: string[] = [];
    const options = { ...OPTIONS, retryFloor: 0 };
    const budget = retryBudget(options);
    let now = NOW;
    let total = 0;
    const requests = EVENTS / 10;
    for (let n = 0; n < requests && problems.length === 0; n++) {
      now += Math.floor(chance() * 20);
      total += drive(chance, budget, options, now, problems);
    }
    expect(problems).toEqual([]);
    // A12, over the whole run.
    expect(total).toBeLessThanOrEqual(requests * (1 + options.retryBudget) + 1);
  },
  LONG_MS,
);
