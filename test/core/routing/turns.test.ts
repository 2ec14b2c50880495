import { expect, test } from "vitest";
import { candidate, choiceInput } from "../../../worker/core/routing/strategy.ts";
import { leastConnections, roundRobin, weightedRandom } from "../../../worker/core/routing/turns.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";

const letters = (weights: number[]) => weights.map((weight, i) => candidate({ id: "abcdef"[i]!, weight }));

test("round robin is smooth: 5:1:1 is nginx's a a b a c a a, as a cycle", () => {
  const candidates = letters([5, 1, 1]);
  for (const c of candidates) c.turn = 0;
  const input = choiceInput(seededChance(1));
  const chosen = Array.from({ length: 14 }, () => candidates[roundRobin.choose(candidates, input)]!.id);
  expect(chosen.join("")).toBe("aabacaaaabacaa");
});

test("round robin with equal weights alternates, wherever it began", () => {
  for (let seed = 0; seed < 50; seed++) {
    const candidates = letters([1, 1, 1]);
    const input = choiceInput(seededChance(seed));
    const chosen = Array.from({ length: 9 }, () => roundRobin.choose(candidates, input));
    expect(new Set(chosen.slice(0, 3)).size).toBe(3);
    expect(chosen.slice(3, 6)).toEqual(chosen.slice(0, 3));
    expect(chosen.slice(6, 9)).toEqual(chosen.slice(0, 3));
  }
});

test("round robin follows a ramp", () => {
  const candidates = letters([1, 1]);
  candidates[1]!.ramp = 0.25;
  const input = choiceInput(seededChance(1));
  const chosen = Array.from({ length: 100 }, () => roundRobin.choose(candidates, input));
  expect(chosen.filter((i) => i === 1).length).toBe(20);
});

test("an instance that comes back gets no arrears", () => {
  const candidates = letters([1, 1]);
  const input = choiceInput(seededChance(1));
  candidates[1]!.available = false;
  for (let n = 0; n < 1000; n++) roundRobin.choose(candidates, input);
  candidates[1]!.available = true;
  const chosen = Array.from({ length: 10 }, () => roundRobin.choose(candidates, input));
  expect(chosen.filter((i) => i === 1).length).toBe(5);
});

test("weighted random is decided by one draw", () => {
  const candidates = letters([2, 1, 1]);
  const at = (draw: number) =>
    weightedRandom.choose(
      candidates,
      choiceInput(() => draw),
    );
  expect([0, 0.49, 0.5, 0.74, 0.75, 0.999999].map(at)).toEqual([0, 0, 1, 1, 2, 2]);
  candidates[0]!.available = false;
  expect([0, 0.49, 0.5, 0.999999].map(at)).toEqual([1, 1, 2, 2]);
});

test.each([
  { inFlight: [3, 1, 2], weights: [1, 1, 1], chosen: 1 },
  { inFlight: [3, 2, 9], weights: [2, 1, 4], chosen: 0 }, // 1.5, 2, 2.25
  { inFlight: [0, 1, 1], weights: [0.1, 100, 100], chosen: 0 }, // nothing for 0.1 is still less than one for 100
])("least connections: $inFlight in flight for weights $weights", ({ inFlight, weights, chosen }) => {
  const candidates = letters(weights);
  inFlight.forEach((count, i) => (candidates[i]!.inFlight = count));
  expect(leastConnections.choose(candidates, choiceInput(seededChance(1)))).toBe(chosen);
});

test("least connections balances what takes longer away from the slow one", () => {
  const candidates = letters([1, 1]);
  const input = choiceInput(seededChance(1));
  const served = [0, 0];
  const ends: { at: number; who: number }[] = [];
  for (let now = 0; now < 10_000; now += 5) {
    for (const end of ends.filter((one) => one.at <= now)) {
      candidates[end.who]!.inFlight--;
      ends.splice(ends.indexOf(end), 1);
    }
    const who = leastConnections.choose(candidates, input);
    candidates[who]!.inFlight++;
    served[who]!++;
    ends.push({ at: now + (who === 0 ? 10 : 200), who });
  }
  expect(served[0]! / (served[0]! + served[1]!)).toBeGreaterThan(0.8);
});
