import { describe, expect, test } from "vitest";
import { chooseInstance } from "../../../worker/core/routing/choice.ts";
import {
  ended,
  experience,
  refresh,
  sent,
  serviceExperience,
  settle,
} from "../../../worker/core/routing/experience.ts";
import { strategies } from "../../../worker/core/routing/strategies.ts";
import {
  EXPERT_ADAPTIVE,
  EXPERT_LOAD,
  EXPERT_PERFORMANCE,
  EXPERT_PROXIMITY,
  candidate,
  choiceInput,
} from "../../../worker/core/routing/strategy.ts";
import { scoreOptions } from "./defaults.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";

const adaptive = strategies.intelligent_adaptive;

interface Upstream {
  tookMs: number;
  ok: boolean;
}

/**
 * One isolate in front of upstreams, `concurrency` requests always under way or one every `everyMs`. Choice, settling and
 * the refresh of every second are the real ones; there is no breaker.
 */
function drive(
  upstreams: Upstream[],
  load: { concurrency?: number; everyMs?: number; requests: number; seed?: number },
) {
  const candidates = upstreams.map((_, i) => candidate({ id: `u${i + 1}` }));
  const known = upstreams.map(() => experience(scoreOptions.scoring));
  const service = serviceExperience();
  const input = choiceInput(seededChance(load.seed ?? 1));
  const log: { at: number; who: number }[] = [];
  const pending: { at: number; who: number; startedAt: number }[] = [];
  let now = 1_000_000;
  let refreshedAt = now;
  const start = (): void => {
    input.now = now;
    const who = chooseInstance(adaptive, candidates, input);
    sent(candidates[who]!, now);
    pending.push({ at: now + upstreams[who]!.tookMs, who, startedAt: now });
    log.push({ at: now - 1_000_000, who });
  };
  const finish = (): void => {
    pending.sort((a, b) => a.at - b.at);
    const done = pending.shift()!;
    now = Math.max(now, done.at);
    const { who } = done;
    ended(candidates[who]!);
    settle(
      candidates[who]!,
      known[who]!,
      service,
      upstreams[who]!.ok ? "ok" : "failed",
      now - done.startedAt,
      0,
      now,
      scoreOptions.scoring,
    );
  };
  while (log.length < load.requests) {
    if (now - refreshedAt >= 1000) {
      candidates.forEach((c, i) => refresh(c, known[i]!, service, scoreOptions.adaptive, now, scoreOptions));
      refreshedAt = now;
    }
    if (load.everyMs !== undefined) {
      const next = now + load.everyMs;
      for (;;) {
        pending.sort((a, b) => a.at - b.at);
        if (pending.length === 0 || pending[0]!.at > next) break;
        finish();
      }
      now = next;
      start();
    } else if (pending.length < load.concurrency!) start();
    else finish();
  }
  return log;
}

const shareOf = (log: { who: number }[], who: number): number =>
  log.filter((one) => one.who === who).length / log.length;

test.each([1, 2, 3, 4, 5])(
  "A16: of 10 ms and 200 ms at concurrency 20, the quick one gets 80 %, the slow one 1 % (seed %i)",
  (seed) => {
    const log = drive(
      [
        { tookMs: 10, ok: true },
        { tookMs: 200, ok: true },
      ],
      { concurrency: 20, requests: 1000, seed },
    );
    expect(shareOf(log, 0)).toBeGreaterThanOrEqual(0.8);
    expect(shareOf(log, 1)).toBeGreaterThanOrEqual(0.01);
  },
);

test.each([1, 2, 3, 4, 5])("A17: failing at once does not attract, even without a breaker (seed %i)", (seed) => {
  const log = drive(
    [
      { tookMs: 1, ok: false },
      { tookMs: 50, ok: true },
    ],
    { everyMs: 50, requests: 400, seed },
  );
  const later = log.filter((one) => one.at > 5000);
  expect(shareOf(later, 0)).toBeLessThanOrEqual(0.05);
});

test("A19: a recovered instance ramps: at most 20 % in its first second, 40 % by the seventh, no step over 20 points", () => {
  for (const tookMs of [5, 20, 40]) {
    const candidates = [candidate({ id: "u1" }), candidate({ id: "u2" })];
    candidates[0]!.ewmaMs = 20;
    candidates[1]!.ewmaMs = tookMs; // quicker than, equal to, and twice as slow as the one that stood
    const input = choiceInput(seededChance(3));
    const shares: number[] = [];
    for (let second = 0; second < 8; second++) {
      let chosen = 0;
      for (let n = 0; n < 100; n++) {
        candidates[1]!.ramp = Math.min(1, 0.1 + (0.9 * (second + n / 100)) / 5);
        if (chooseInstance(adaptive, candidates, input) === 1) chosen++;
      }
      shares.push(chosen / 100);
    }
    expect(shares[0]).toBeLessThanOrEqual(0.2);
    if (tookMs === 20) {
      expect(shares[7]).toBeGreaterThanOrEqual(0.4);
      for (let second = 1; second < 8; second++) expect(shares[second]! - shares[second - 1]!).toBeLessThanOrEqual(0.2);
    }
  }
});

describe("exploring", () => {
  test("is exactly its share, at other times in other isolates", () => {
    const explored = (seed: number): number[] => {
      const candidates = [candidate({ id: "u1" }), candidate({ id: "u2" })];
      candidates[0]!.ewmaMs = 10;
      candidates[1]!.ewmaMs = 200;
      const input = choiceInput(seededChance(seed));
      return Array.from({ length: 1000 }, (_, n) =>
        chooseInstance(adaptive, candidates, input) === 1 ? n : -1,
      ).filter((n) => n >= 0);
    };
    expect(explored(1)).toHaveLength(20);
    expect(explored(2)).toHaveLength(20);
    expect(explored(1)).not.toEqual(explored(2));
  });

  test("asks nobody who owes an answer for longer than usual: there is nothing more to learn", () => {
    const candidates = [candidate({ id: "u1" }), candidate({ id: "u2" })];
    candidates[0]!.ewmaMs = 10;
    Object.assign(candidates[1]!, { ewmaMs: 200, inFlight: 1, owed: 1, owedSince: 1000 });
    const input = choiceInput(seededChance(1));
    input.now = 1201;
    for (let n = 0; n < 500; n++) expect(chooseInstance(adaptive, candidates, input)).toBe(0);
  });

  test("can be switched off", () => {
    const candidates = [candidate({ id: "u1" }), candidate({ id: "u2" })];
    candidates[0]!.ewmaMs = 10;
    candidates[1]!.ewmaMs = 200;
    const input = choiceInput(seededChance(1));
    input.explore = 0;
    for (let n = 0; n < 500; n++) expect(chooseInstance(adaptive, candidates, input)).toBe(0);
  });
});

describe("cost", () => {
  const two = () => {
    const candidates = [candidate({ id: "u1" }), candidate({ id: "u2" })];
    candidates.forEach((c) => (c.ewmaMs = 50));
    const input = choiceInput(seededChance(1));
    input.explore = 0;
    return { candidates, input };
  };
  const always = (candidates: ReturnType<typeof two>["candidates"], input: ReturnType<typeof two>["input"]) =>
    new Set(Array.from({ length: 100 }, () => adaptive.choose(candidates, input)));

  test("is time x (in flight + 1) / merit", () => {
    const { candidates, input } = two();
    candidates[1]!.inFlight = 1;
    expect(always(candidates, input)).toEqual(new Set([0]));
    candidates[0]!.ewmaMs = 150;
    expect(always(candidates, input)).toEqual(new Set([1]));
    candidates[1]!.merit = 0.5;
    expect(always(candidates, input)).toEqual(new Set([0]));
  });

  test("counts requests in flight by weight: twice as large is as busy with two", () => {
    const { candidates, input } = two();
    const [small, large] = [candidate({ id: "small", weight: 1 }), candidate({ id: "large", weight: 2 })];
    Object.assign(small, { ewmaMs: 50, inFlight: 1 });
    Object.assign(large, { ewmaMs: 50, inFlight: 2 });
    expect(always([small, large], input)).toEqual(new Set([0, 1]));
    large.inFlight = 1;
    expect(always([small, large], input)).toEqual(new Set([1]));
    expect(candidates).toHaveLength(2);
  });

  test("does not count time twice: the performance factor weighs neither draw nor cost, merit the draw", () => {
    const { candidates, input } = two();
    candidates[1]!.score = 0.3;
    candidates[1]!.performance = 0.1;
    const share = (): number =>
      Array.from({ length: 2000 }, () => adaptive.choose(candidates, input)).filter((index) => index === 1).length /
      2000;
    expect(share()).toBeCloseTo(0.5, 1);
    candidates[1]!.merit = 0.95; // costs still count as the same
    expect(share()).toBeCloseTo(0.95 / 1.95, 1);
    candidates[1]!.merit = 0.5; // and now they do not
    expect(share()).toBe(0);
  });

  test.each([
    [50, 56, true],
    [50, 57, false],
    [500, 551, true],
    [500, 575, false],
    [5, 7, true], // a few milliseconds are no difference at all
    [5, 10, false],
  ])("%i ms and %i ms are as good: %s (10 %, and 15 ms of noise in both)", (quick, slow, same) => {
    const { candidates, input } = two();
    candidates[0]!.ewmaMs = quick;
    candidates[1]!.ewmaMs = slow;
    expect(always(candidates, input)).toEqual(new Set(same ? [0, 1] : [0]));
  });

  test("is at least the time of the answer that it owes", () => {
    const { candidates, input } = two();
    for (const c of candidates) Object.assign(c, { inFlight: 1, owed: 1, owedSince: 1000 });
    candidates[0]!.owedSince = 900;
    input.now = 1040;
    expect(always(candidates, input)).toEqual(new Set([1])); // 140 ms and still nothing, against the usual 50
    candidates[0]!.owedSince = 995;
    expect(always(candidates, input)).toEqual(new Set([0, 1]));
  });

  test("of one that was never measured is its rival's: in flight decides, so a burst does not pile up on it", () => {
    const { candidates, input } = two();
    candidates[1]!.ewmaMs = 0;
    expect(always(candidates, input)).toEqual(new Set([0, 1]));
    candidates[1]!.inFlight = 1;
    expect(always(candidates, input)).toEqual(new Set([0]));
  });

  test("takes off what the request would lose there", () => {
    const { input } = two();
    const demands = { security: 1, maxPayloadBytes: Infinity, methods: 255, supportsComplex: true };
    const candidates = [
      candidate({ id: "plain", demands }),
      candidate({ id: "vault", demands: { ...demands, security: 3 } }),
    ];
    for (const c of candidates) Object.assign(c, { ewmaMs: 50, score: 0.8, merit: 0.8, compatibilityMerit: 0.6 });
    expect(always(candidates, input)).toEqual(new Set([0, 1]));
    input.security = 3;
    expect(always(candidates, input)).toEqual(new Set([1]));
  });
});

describe("regions", () => {
  const world = () => {
    const candidates = ["weur", "weur", "enam", "apac"].map((region, i) => {
      const c = candidate({ id: `i-${i}`, region });
      c.regionIndex = ["weur", "enam", "apac"].indexOf(region);
      c.ewmaMs = 50;
      return c;
    });
    const input = choiceInput(seededChance(1));
    return { candidates, input };
  };
  test.each(["intelligent_adaptive", "geographic_proximity"] as const)(
    "%s asks the best region first, then the next",
    (name) => {
      const { candidates, input } = world();
      const chosen = () => new Set(Array.from({ length: 300 }, () => strategies[name].choose(candidates, input)));
      input.regionOrder = [0, 2, 1];
      expect(chosen()).toEqual(new Set([0, 1]));
      candidates[0]!.available = false;
      expect(chosen()).toEqual(new Set([1]));
      candidates[1]!.available = false;
      expect(chosen()).toEqual(new Set([3]));
      candidates[3]!.available = false;
      expect(chosen()).toEqual(new Set([2]));
    },
  );

  test("intelligent_adaptive leaves home while it costs more than elsewhere, and for the cheapest place", () => {
    const { candidates, input } = world();
    input.explore = 0;
    input.regionOrder = [0, 1, 2];
    input.elsewhereMs = 150;
    candidates[2]!.ewmaMs = 150;
    candidates[3]!.ewmaMs = 220;
    const chosen = () =>
      new Set(Array.from({ length: 300 }, () => strategies.intelligent_adaptive.choose(candidates, input)));
    for (const homeMs of [50, 170]) {
      candidates[0]!.ewmaMs = candidates[1]!.ewmaMs = homeMs;
      expect(chosen()).toEqual(new Set([0, 1])); // 170 is less than 15 % more than 150
    }
    candidates[0]!.ewmaMs = candidates[1]!.ewmaMs = 300;
    expect(chosen()).toEqual(new Set([2]));
    candidates[2]!.ewmaMs = 400; // full, too
    expect(chosen()).toEqual(new Set([3]));
    input.elsewhereMs = Number.POSITIVE_INFINITY;
    expect(chosen()).toEqual(new Set([0, 1]));
  });

  test("an instance without a region belongs to every one", () => {
    const { candidates, input } = world();
    candidates.push(candidate({ id: "anywhere" }));
    input.regionOrder = [1, 0];
    const chosen = new Set(
      Array.from({ length: 300 }, () => strategies.geographic_proximity.choose(candidates, input)),
    );
    expect(chosen).toEqual(new Set([2, 4]));
  });
});

test("opinions: who would have taken the chosen one, who the rival", () => {
  const candidates = [candidate({ id: "quick" }), candidate({ id: "near" })];
  Object.assign(candidates[0]!, { ewmaMs: 10, score: 0.9, nearness: 0.5, inFlight: 2 });
  Object.assign(candidates[1]!, { ewmaMs: 100, score: 0.8, nearness: 1, inFlight: 1 });
  const input = choiceInput(seededChance(1));
  input.explore = 0;
  expect(chooseInstance(adaptive, candidates, input)).toBe(0);
  expect(input.state.last).toMatchObject({
    rival: 1,
    agreed: EXPERT_PERFORMANCE | EXPERT_ADAPTIVE,
    opposed: EXPERT_LOAD | EXPERT_PROXIMITY,
  });
});
