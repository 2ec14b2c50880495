// The life of an alert over simulated evaluations every five seconds.
import fc from "fast-check";
import { parse } from "valibot";
import { describe, expect, it } from "vitest";
import {
  acknowledge,
  evaluate,
  resolve,
  ruleState,
  scopeInWords,
  type AlertRule,
  type RuleState,
} from "../../../worker/core/insight/alerts.ts";
import type { Judgement } from "../../../worker/core/insight/condition.ts";
import { alertOptions } from "../../../worker/core/insight/options.ts";

const rule = (more: Record<string, unknown> = {}): AlertRule =>
  parse(alertOptions, { name: "high", when: "metrics.error_rate > 0.2", ...more });

const T = 1_000_000;

function run(written: AlertRule, states: readonly Judgement[], everyMs = 5_000): { state: RuleState; turns: string[] } {
  const state = ruleState();
  const turns: string[] = [];
  let number = 1;
  states.forEach((judged, index) => {
    const now = T + index * everyMs;
    const turn = evaluate(state, written, judged, ["error_rate"], { error_rate: 0.5, requests: 9 }, number, now);
    if (turn === "fired") number++;
    if (turn !== undefined) turns.push(`${turn} at ${index}`);
    if (turn === "resolved") state.alert = undefined;
  });
  return { state, turns };
}

const times = (count: number, judged: Judgement): Judgement[] => new Array<Judgement>(count).fill(judged);

describe("an alert", () => {
  it("fires at once without forSeconds, and once", () => {
    expect(run(rule(), times(10, true)).turns).toEqual(["fired at 0"]);
  });

  it("fires once the condition has held for forSeconds, and resolves once", () => {
    const states = [...times(2, false), ...times(6, true), ...times(5, false)];
    expect(run(rule({ forSeconds: 10 }), states).turns).toEqual(["fired at 4", "resolved at 8"]);
  });

  it("starts to count anew when the condition lapses", () => {
    expect(run(rule({ forSeconds: 10 }), [true, true, false, true, true, true]).turns).toEqual(["fired at 5"]);
  });

  it("does not come again within its cooldown", () => {
    const states = [true, false, ...times(11, true), false];
    expect(run(rule({ cooldownMinutes: 1 }), states).turns).toEqual([
      "fired at 0",
      "resolved at 1",
      "fired at 12",
      "resolved at 13",
    ]);
  });

  it("ends when nothing is known any more, and outlives an error", () => {
    expect(run(rule(), [true, "unknown"]).turns).toEqual(["fired at 0", "resolved at 1"]);
    const { state, turns } = run(rule(), [true, { error: "No such key" }]);
    expect(turns).toEqual(["fired at 0"]);
    expect(state).toMatchObject({ status: "error", error: "No such key", alert: { state: "active" } });
  });

  it("is shown with the figures its condition looks at, fired or not", () => {
    expect(run(rule(), [false]).state).toMatchObject({ status: "ok", values: { error_rate: 0.5 } });
    expect(run(rule(), [{ error: "No such key" }]).state.values).toEqual({ error_rate: 0.5 });
  });

  it("is told in the words of its templates, with the figures its condition looks at", () => {
    const written = rule({
      title: "{labels.team}: errors",
      description: "{metrics.error_rate} of requests fail in {scope}; {metrics.requests} {nothing}",
      labels: { team: "core" },
      annotations: { runbook: "see {rule}" },
      severity: "critical",
      scope: { service: "orders" },
    });
    const { alert } = run(written, [true]).state;
    expect(alert).toMatchObject({
      id: "high.1",
      title: "core: errors",
      description: "0.5 of requests fail in service orders; {metrics.requests} {nothing}",
      annotations: { runbook: "see high" },
      values: { error_rate: 0.5 },
      scope: "service orders",
    });
  });

  it("is acknowledged until it is resolved", () => {
    const { state } = run(rule(), [true]);
    const alert = state.alert!;
    expect(acknowledge(alert, "ann", T + 1)).toBe(true);
    expect(acknowledge(alert, "bob", T + 2)).toBe(false);
    expect(alert).toMatchObject({ state: "acknowledged", acknowledgedBy: "ann", acknowledgedAt: T + 1 });
    expect(resolve(state, T + 3)).toBe("resolved");
    expect(alert).toMatchObject({ state: "resolved", acknowledgedBy: "ann" });
    const unseen = run(rule(), [true]).state;
    resolve(unseen, T + 3);
    return expect([acknowledge(unseen.alert!, "ann", T + 4), unseen.alert!.state]).toEqual([true, "resolved"]);
  });

  it("fires and resolves by turns, whatever happens", () => {
    const judgement = fc.constantFrom<Judgement[]>(true, false, "unknown", { error: "e" });
    fc.assert(
      fc.property(
        fc.array(judgement, { maxLength: 60 }),
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 3 }),
        (states, forSeconds, cooldownMinutes) => {
          const { turns } = run(rule({ forSeconds, cooldownMinutes }), states);
          turns.forEach((turn, index) => expect(turn.startsWith(index % 2 === 0 ? "fired" : "resolved")).toBe(true));
          const fired = turns.filter((turn) => turn.startsWith("fired")).map((turn) => Number(turn.slice(9)) * 5);
          fired
            .slice(1)
            .forEach((at, index) => expect(at - fired[index]!).toBeGreaterThanOrEqual(cooldownMinutes * 60));
        },
      ),
    );
  });
});

it.each([
  [undefined, "fleet"],
  [{ service: "orders" }, "service orders"],
  [{ service: "orders", instance: "o1" }, "instance orders/o1"],
  [{ provider: "openai", model: "gpt" }, "model openai/gpt"],
  [{ region: "weur" }, "region weur"],
])("scope %j is %s", (scope, words) => {
  expect(scopeInWords(rule(scope === undefined ? {} : { scope }))).toBe(words);
});
