// A19 without a clock of the machine's: one isolate, two instances, and one of them comes back from an outage.
import { describe, expect, test } from "vitest";
import { survey } from "../../../worker/core/resilience/available.ts";
import { gate, hear } from "../../../worker/core/resilience/gate.ts";
import { chooseInstance } from "../../../worker/core/routing/choice.ts";
import {
  ended,
  experience,
  refresh,
  sent,
  serviceExperience,
  settle,
} from "../../../worker/core/routing/experience.ts";
import { pace } from "../../../worker/core/routing/pace.ts";
import { strategies } from "../../../worker/core/routing/strategies.ts";
import { candidate, choiceInput } from "../../../worker/core/routing/strategy.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";
import { BREAKER } from "../resilience/fleet.ts";
import { scoreOptions } from "./defaults.ts";

const BEGIN = 1_000_000;
const EVERY_MS = 10;

/** What an answer takes there that is asked for `at` ms after the ramp began; below 0 before it. */
type Takes = (at: number, chance: () => number) => number;

/** Second by second, the returning one's share of a hundred requests a second. */
function recovery(steady: Takes, returning: Takes, seconds: number, seed: number): number[] {
  const chance = seededChance(seed);
  const takes = [steady, returning];
  const candidates = [candidate({ id: "steady" }), candidate({ id: "returning" })];
  const gates = candidates.map(() => gate(BREAKER));
  const known = candidates.map(() => experience(scoreOptions.scoring));
  const service = serviceExperience();
  const input = choiceInput(chance);
  const news = { at: 0, freshMs: 1_500, away: false };
  const pending: { who: number; sentAt: number; endsAt: number }[] = [];
  const chosen: number[] = Array.from({ length: seconds }, () => 0);
  for (let now = BEGIN - 5_000; now < BEGIN + seconds * 1_000; now += EVERY_MS) {
    news.at = now;
    if (now === BEGIN - 3_000)
      hear(
        gates[1]!,
        { state: "open", reason: "consecutive", until: now + 2_000, generation: 1 },
        0,
        now,
        BREAKER,
        chance,
      );
    if (now === BEGIN)
      hear(gates[1]!, { state: "ramp", reason: "", until: now + 5_000, generation: 2 }, 0, now, BREAKER, chance);
    pending.sort((a, b) => a.endsAt - b.endsAt);
    while (pending.length > 0 && pending[0]!.endsAt <= now) {
      const { who, sentAt, endsAt } = pending.shift()!;
      ended(candidates[who]!);
      settle(candidates[who]!, known[who]!, service, "ok", endsAt - sentAt, 0, endsAt, scoreOptions.scoring);
    }
    survey(gates, candidates, news, now, BREAKER);
    for (const c of candidates) pace(c, now, BREAKER);
    if (now % 1_000 === 0)
      candidates.forEach((c, i) => refresh(c, known[i]!, service, scoreOptions.adaptive, now, scoreOptions));
    input.now = now;
    const who = chooseInstance(strategies.intelligent_adaptive, candidates, input);
    sent(candidates[who]!, now);
    pending.push({ who, sentAt: now, endsAt: now + takes[who]!(now - BEGIN, chance) });
    if (now >= BEGIN && who === 1) chosen[Math.floor((now - BEGIN) / 1_000)]!++;
  }
  return chosen.map((count) => (count * EVERY_MS) / 1_000);
}

const quick: Takes = () => 5;
/** Everything that is asked for in this time is answered when it is over, as on a machine that stood still. */
const stalled =
  (from: number, until: number): Takes =>
  (at) =>
    at >= from && at < until ? until - at + 5 : 5;
/** Mostly quick, and at times not: what a busy machine makes of five milliseconds. */
const noisy: Takes = (_, chance) => 5 - 10 * Math.log(1 - chance());

describe.each([1, 2, 3, 4, 5])("an instance that comes back gets its share by and by (seed %i)", (seed) => {
  test.each<[string, Takes, Takes, number]>([
    ["when all goes well", quick, quick, 7],
    ["when its first answer was slow", quick, (at) => (at < 400 ? 120 : 5), 7],
    ["when the machine stood still as it came back", stalled(-50, 300), stalled(-50, 300), 7],
    ["when the machine stood still later", stalled(2_000, 2_400), stalled(2_000, 2_400), 7],
    ["when answer times are noise", noisy, noisy, 7],
    ["when it was slow for two seconds", quick, (at) => (at < 2_000 ? 80 : 5), 12],
    ["when it was slow in the middle of its ramp", quick, (at) => (at > 2_000 && at < 4_000 ? 80 : 5), 12],
  ])("%s", (_, steady, returning, byThen) => {
    const shares = recovery(steady, returning, 12, seed);
    const said = shares.map((share) => share.toFixed(2)).join(" ");
    expect(shares[0], said).toBeLessThanOrEqual(0.2);
    expect(Math.max(...shares.slice(0, byThen)), said).toBeGreaterThanOrEqual(0.4);
    for (let second = 1; second < byThen; second++)
      expect(shares[second]! - shares[second - 1]!, said).toBeLessThanOrEqual(0.2);
  });
});
