import { evictDurableObject, reset, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { INSIGHT_NAME } from "../../worker/core/protocol/names.ts";
import type { LearnSettings } from "../../worker/core/protocol/insight.ts";
import type { ChoiceTally } from "../../worker/core/protocol/reports.ts";
import { observe, tally } from "../../worker/core/routing/learn.ts";
import { EXPERT_LOAD, EXPERT_PERFORMANCE } from "../../worker/core/routing/strategy.ts";

const insight = () => env.INSIGHT.getByName(INSIGHT_NAME);
const START = { performance: 0.4, load: 0.3, proximity: 0.2, adaptive: 0.1 };
const settings = (more: Partial<LearnSettings> = {}): LearnSettings => ({
  ...{ ...START, learn: true, everySeconds: 300, maximumStep: 0.05, minimum: 0.05 },
  ...more,
});

/** Choices in which answer times were right and load was wrong. */
function evidence(level = 0.5): ChoiceTally {
  const sum = tally();
  for (let n = 0; n < 400; n++) {
    const followed = n % 3 !== 0;
    const [right, wrong] = followed ? [EXPERT_PERFORMANCE, EXPERT_LOAD] : [EXPERT_LOAD, EXPERT_PERFORMANCE];
    observe(sum, right, wrong, level + (followed ? 0.2 : -0.2));
  }
  return sum;
}
const learn = (more: Partial<LearnSettings> = {}, sum = evidence(), service = "web") =>
  insight().learn({ [service]: { settings: settings(more), tally: sum } });
const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1_000);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: 2_000_000_000_000 });
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

it("moves a service's mix every five minutes towards what was right, and says so", async () => {
  expect(await learn()).toEqual({});
  pass(299);
  expect(await learn()).toEqual({});
  pass(1);
  const { web } = await learn();
  expect(web!.performance).toBeGreaterThan(START.performance);
  expect(web!.performance).toBeLessThanOrEqual(0.45 + 1e-9);
  expect(web!.load).toBeLessThan(START.load);
  const { learning, suggestions } = await insight().reading();
  expect(learning["web"]).toEqual({ start: START, mix: web, choices: 0, analysedAt: Date.now() });
  expect(suggestions).toMatchObject([
    {
      ...{ id: "web.1", kind: "mix", service: "web", state: "kept", appliedAt: Date.now() },
      ...{
        change: { before: JSON.stringify(START), after: JSON.stringify(web) },
        effect: { measure: "worth", real: null },
      },
    },
  ]);
  expect(suggestions[0]!.effect.expected).toBeGreaterThan(0);
});

it("adds up what several regions saw, and answers each with the same", async () => {
  await learn({}, tally());
  pass(300);
  const half = evidence();
  const first = await learn({}, half);
  const second = await learn({}, tally());
  expect(second).toEqual(first);
  expect((await insight().reading()).suggestions).toHaveLength(1);
});

it("forgets no change when its memory is lost, and no more than a minute of evidence", async () => {
  await learn();
  pass(300);
  const learned = await learn();
  await evictDurableObject(insight());
  expect((await insight().reading()).learning["web"]!.mix).toEqual(learned["web"]);
  await learn();
  pass(60);
  expect(await runDurableObjectAlarm(insight())).toBe(true);
  await evictDurableObject(insight());
  expect((await insight().reading()).learning["web"]!.choices).toBe(400);
});

it("takes a change back, and does it again, at an operator's word", async () => {
  await learn();
  pass(300);
  const learned = await learn();
  expect(await insight().decide("web.1", "rollback", "ada")).toMatchObject({
    outcome: "done",
    suggestion: { id: "web.1", state: "rolled_back" },
  });
  expect(await learn({}, tally())).toEqual({});
  expect(await insight().decide("web.1", "apply", "ada")).toMatchObject({ suggestion: { state: "kept" } });
  expect(await learn({}, tally())).toEqual(learned);
  const { suggestions } = await insight().reading();
  expect(suggestions.map(({ id, kind }) => [id, kind])).toEqual([
    ["web.3", "mix"],
    ["web.2", "mix"],
    ["web.1", "mix"],
  ]);
  for (const id of ["web.9", "web", "none.1", "__proto__.1", ""]) {
    expect(await insight().decide(id, "rollback", "ada")).toMatchObject({ outcome: "unknown", suggestion: null });
  }
});

it("begins anew from another mix in the policy, and tells none where the policy does not learn", async () => {
  await learn();
  pass(300);
  expect(await learn()).toHaveProperty("web");
  expect(await learn({ learn: false }, tally())).toEqual({});
  const other = { performance: 0.1, load: 0.7, proximity: 0.1, adaptive: 0.1 };
  expect(await learn(other, tally())).toEqual({});
  expect((await insight().reading()).learning["web"]).toMatchObject({ start: other, mix: other });
  expect((await insight().reading()).suggestions).toMatchObject([{ id: "web.1", state: "superseded" }]);
});

it("keeps services apart, whatever they are called", async () => {
  await learn({}, evidence(), "constructor");
  await learn({}, evidence(), "web.v2");
  pass(300);
  await learn({}, evidence(), "web.v2");
  expect((await insight().reading()).suggestions.map(({ id }) => id)).toEqual(["web.v2.1"]);
  expect(await insight().decide("web.v2.1", "rollback", "ada")).toMatchObject({ suggestion: { service: "web.v2" } });
});

it("shows its health and state over HTTP", async () => {
  await learn();
  expect(await (await insight().fetch("http://object/health")).json()).toEqual({ status: "ok", services: 1 });
  expect(await (await insight().fetch("http://object/state")).json()).toMatchObject({
    learning: { web: { choices: 400 } },
  });
});
