import { expect, test } from "vitest";
import { chooseInstance } from "../../../worker/core/routing/choice.ts";
import { recordDecision } from "../../../worker/core/routing/decision.ts";
import { experience, refresh, serviceExperience, settle } from "../../../worker/core/routing/experience.ts";
import { strategies } from "../../../worker/core/routing/strategies.ts";
import { candidate, choiceInput } from "../../../worker/core/routing/strategy.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";
import { scoreOptions } from "./defaults.ts";

function made(count: number, answers: number) {
  const candidates = Array.from({ length: count }, (_, i) => candidate({ id: `u${i + 1}` }));
  const known = candidates.map(() => experience(scoreOptions.scoring));
  const service = serviceExperience();
  candidates.forEach((c, i) => {
    for (let n = 0; n < answers; n++) settle(c, known[i]!, service, "ok", 100 * (i + 1), 0, 1000, scoreOptions.scoring);
    refresh(c, known[i]!, service, scoreOptions.adaptive, 1000, scoreOptions);
  });
  const input = choiceInput(seededChance(1));
  input.explore = 0;
  input.like = 0;
  input.now = 1000;
  const chosen = chooseInstance(strategies.intelligent_adaptive, candidates, input);
  return recordDecision(
    strategies.intelligent_adaptive,
    candidates,
    known,
    chosen,
    input,
    scoreOptions.adaptive,
    scoreOptions,
    0.02,
  );
}

test("says who, by what, why, how sure, and who else", () => {
  const decision = made(2, 20);
  expect(decision).toMatchObject({
    algorithm: "intelligent_adaptive",
    instance: "u1",
    rival: "u2",
    explored: false,
    panic: false,
    ramp: 1,
    tookMs: 0.02,
    at: 1000,
  });
  expect(decision.factors).toEqual({ performance: 1, successRate: 1 }); // nothing else was reported
  expect(decision.weights.performance).toBeCloseTo(0.75, 10);
  expect(decision.weights.successRate).toBeCloseTo(0.25, 10);
  expect(decision.score).toBe(1);
  expect(decision.cost).toBeCloseTo(100, 0);
  expect(decision.confidence).toBe(1);
  expect(decision.alternatives).toHaveLength(1);
  expect(decision.alternatives[0]!.score).toBeLessThan(1);
});

test("names three alternatives at most, the best first", () => {
  const { alternatives } = made(6, 20);
  expect(alternatives).toHaveLength(3);
  const scores = alternatives.map((one) => one.score);
  expect(scores).toEqual([...scores].sort((a, b) => b - a));
});

test("is less sure with little evidence, and plain JSON", () => {
  const decision = made(2, 0);
  expect(decision.confidence).toBeCloseTo(decision.score / 2, 10);
  expect(JSON.parse(JSON.stringify(decision))).toEqual(decision);
});
