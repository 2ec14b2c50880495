import { describe, expect, test } from "vitest";
import { Sequences, similarity, type PredictOptions } from "../../../worker/core/cache/sequence.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";

const OPTIONS: PredictOptions = {
  sequenceGapSeconds: 300,
  minimumConfidence: 0.6,
  minimumCorrelation: 0.8,
  minimumSimilarity: 0.7,
  history: 1000,
};
const HUMAN = ["browser", "en", "day"];
const SECOND = 1000;

/** Each client asks for these, one after the other. */
function walk(model: Sequences, walks: readonly (readonly string[])[], gapMs = SECOND, features = HUMAN): void {
  for (const [client, keys] of walks.entries()) {
    for (const [at, key] of keys.entries()) model.saw(client, features, key, at * gapMs, OPTIONS);
  }
}

describe("sequences", () => {
  test("what follows more often than six times in ten is predicted", () => {
    const model = new Sequences();
    walk(model, [...Array.from({ length: 7 }, () => ["a", "b"]), ...Array.from({ length: 3 }, () => ["a", "c"])]);
    expect(model.predict(HUMAN, "a", OPTIONS)).toEqual([{ key: "b", probability: 0.7, reason: "sequence" }]);
  });

  test("six times in ten is not above 0.6", () => {
    const model = new Sequences();
    walk(model, [...Array.from({ length: 6 }, () => ["a", "b"]), ...Array.from({ length: 4 }, () => ["a", "c"])]);
    expect(model.predict(HUMAN, "a", OPTIONS).filter(({ reason }) => reason === "sequence")).toEqual([]);
  });

  test("twice is no habit; the same page again is no step", () => {
    const model = new Sequences();
    walk(model, [
      ["a", "b"],
      ["a", "a", "b"],
    ]);
    expect(model.predict(HUMAN, "a", OPTIONS)).toEqual([]);
    walk(model, [["a", "b"]]);
    expect(model.predict(HUMAN, "a", OPTIONS)).toHaveLength(1);
  });

  test("five minutes and more between two requests are no sequence", () => {
    const far = new Sequences();
    walk(
      far,
      Array.from({ length: 9 }, () => ["a", "b"]),
      301 * SECOND,
    );
    expect(far.predict(HUMAN, "a", OPTIONS)).toEqual([]);
    const near = new Sequences();
    walk(
      near,
      Array.from({ length: 9 }, () => ["a", "b"]),
      300 * SECOND,
    );
    expect(near.predict(HUMAN, "a", OPTIONS)).toHaveLength(1);
  });
});

describe("correlation", () => {
  test("keys of the same sessions, in any order, are predicted above 0.8", () => {
    const model = new Sequences();
    const walks = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? ["a", `x${n}`, "b"] : ["b", `y${n}`, "a"]));
    walk(model, walks);
    expect(model.predict(HUMAN, "a", OPTIONS)[0]).toMatchObject({ key: "b", reason: "correlation" });
  });

  test("a key that everybody asks for anyway is not correlated with a rare one", () => {
    const model = new Sequences();
    const walks = Array.from({ length: 50 }, (_, n) => (n < 4 ? ["rare", `x${n}`, "home"] : [`z${n}`, "home"]));
    walk(model, walks);
    expect(model.predict(HUMAN, "rare", OPTIONS).map(({ key }) => key)).not.toContain("home");
  });
});

describe("context", () => {
  test("classes more alike than 0.7 speak together, others do not", () => {
    const model = new Sequences();
    walk(
      model,
      Array.from({ length: 5 }, () => ["a", "b"]),
      SECOND,
      ["browser", "en", "day", "chrome"],
    );
    expect(model.predict(["browser", "en", "night", "chrome"], "a", OPTIONS)).toHaveLength(1);
    expect(model.predict(["bot", "en", "night", "chrome"], "a", OPTIONS)).toEqual([]);
  });

  test.each([
    [["a", "b"], ["a", "b"], 1],
    [["a", "b"], ["a", "c"], 0.5],
    [[], ["a"], 0],
  ])("similarity of %j and %j", (a, b, expected) => {
    expect(similarity(a, b)).toBe(expected);
  });
});

test("its memory is bounded, whatever comes", () => {
  const model = new Sequences();
  const chance = seededChance(1);
  const options = { ...OPTIONS, history: 50 };
  for (let n = 0; n < 20_000; n++) {
    const features = [`f${Math.floor(chance() * 40)}`];
    model.saw(Math.floor(chance() * 5000), features, `k${Math.floor(chance() * 3000)}`, n * 10, options);
  }
  expect(model.clients).toBeLessThanOrEqual(50);
  expect(model.transitions).toBeLessThanOrEqual(16 * 50 * 8);
});
