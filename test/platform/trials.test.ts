import { describe, expect, it } from "vitest";
import { compilePolicy } from "../../worker/core/policy/compile.ts";
import type { CompiledPolicy } from "../../worker/core/policy/compiled.ts";
import { parsePolicy } from "../../worker/core/policy/parse.ts";
import type { WrittenPolicy } from "../../worker/core/policy/schema.ts";
import type { TrialChange, TrialOrder } from "../../worker/core/protocol/suggestions.ts";
import { seededChance } from "../../worker/core/stats/chance.ts";
import { Orders } from "../../worker/platform/orders.ts";
import { ruleIn, Trials } from "../../worker/platform/trials.ts";

function policy(changes: Partial<WrittenPolicy> = {}): CompiledPolicy {
  const parsed = parsePolicy(
    JSON.stringify({
      services: {
        web: {
          instances: [
            { id: "a", url: "http://a.test" },
            { id: "b", url: "http://b.test" },
          ],
        },
      },
      routes: [
        { name: "all", match: { path: "/*" }, service: "web" },
        { name: "other", match: { path: "/other/*" }, service: "web" },
      ],
      ...changes,
    }),
  );
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return compilePolicy(parsed.value, 1);
}

const order = (change: TrialChange, more: Partial<TrialOrder> = {}): TrialOrder => ({
  ...{ id: "s_1", change, holdoutShare: 0.2, startedAt: 0, ended: false },
  ...more,
});
const TIMEOUT: TrialChange = { kind: "headers_timeout", route: "all", before: 30_000, after: 100 };

let number = 0;
function heard(...orders: TrialOrder[]) {
  const ledger = new Orders();
  const trials = new Trials(ledger, seededChance(3));
  const tell = (...entries: TrialOrder[]): void =>
    ledger.take({
      trials: {
        floor: 0,
        entries: entries.map((each) => ({ number: ++number, key: each.id, text: JSON.stringify(each) })),
      },
    });
  tell(...orders);
  return { trials, tell, ledger };
}

describe("an order", () => {
  it("is drawn for each request of its route, and for no other", () => {
    const { trials } = heard(order(TIMEOUT));
    const drawn = Array.from({ length: 2_000 }, () => trials.overlay(policies.plain, "all", "GET", 0)!);
    const changed = drawn.filter(({ headersMs }) => headersMs === 100);
    expect(changed.length / 2_000).toBeCloseTo(0.8, 1);
    for (const { arms, headersMs } of drawn)
      expect(arms).toEqual([{ id: "s_1", arm: headersMs === undefined ? "holdout" : "changed" }]);
    expect(trials.overlay(policies.plain, "other", "GET", 0)).toBeUndefined();
  });

  it("ends, and is nothing in a policy that says otherwise by now", () => {
    const { trials, tell } = heard(order(TIMEOUT, { holdoutShare: 0 }));
    const other = policy({
      services: { web: { instances: [{ id: "a", url: "http://a.test" }], timeouts: { headersMs: 1_000 } } },
    });
    expect(trials.overlay(other, "all", "GET", 0)).toBeUndefined();
    expect(trials.overlay(policies.plain, "all", "GET", 0)).toMatchObject({ headersMs: 100 });
    tell(order(TIMEOUT, { ended: true }));
    expect(trials.any).toBe(false);
    expect(trials.overlay(policies.plain, "all", "GET", 0)).toBeUndefined();
  });

  it("that went by unheard may have been an end", () => {
    const { trials, ledger } = heard(order(TIMEOUT));
    ledger.take({ trials: { floor: number + 5, entries: [] } });
    expect(trials.any).toBe(false);
  });
});

const policies = { plain: policy() };
const overlayOf = (change: TrialChange, method = "GET", now = 0) =>
  heard(order(change, { holdoutShare: 0 })).trials.overlay(policies.plain, "all", method, now);

describe("what is different", () => {
  it("a rule, read by the policy's schema, for GET alone", () => {
    const rule = JSON.stringify({ match: "GET /items/*", ttlSeconds: 30 });
    const overlay = overlayOf({ kind: "cache_rule", route: "all", rule });
    const ask = { method: "GET", host: "x.test", path: "/items/7", payloadBytes: 0 };
    expect(ruleIn(overlay, ask)).toMatchObject({ id: "s_1", rule: { options: { ttlSeconds: 30, mode: "respect" } } });
    expect(ruleIn(overlay, { ...ask, path: "/else" })).toBeUndefined();
    expect(overlayOf({ kind: "cache_rule", route: "all", rule }, "POST")).toBeUndefined();
    expect(overlayOf({ kind: "cache_rule", route: "all", rule: '{"match":"GET nowhere"}' })).toBeUndefined();
  });

  it("a rule's holdout is compared", () => {
    const rule = JSON.stringify({ match: "GET /items/*", ttlSeconds: 30 });
    const { trials } = heard(order({ kind: "cache_rule", route: "all", rule }, { holdoutShare: 1 }));
    expect(trials.overlay(policies.plain, "all", "GET", 0)).toMatchObject({ isCompared: true, cache: [] });
  });

  it("an instance is avoided as often as its factor says, for its kind of request", () => {
    const change = { kind: "instance_weight", route: "all", method: "GET", service: "web", instance: "b" } as const;
    const { trials } = heard(order({ ...change, factor: 0.25 }, { holdoutShare: 0 }));
    const drawn = Array.from({ length: 2_000 }, () => trials.overlay(policies.plain, "all", "HEAD", 0)!);
    expect(drawn.filter(({ avoids }) => avoids?.instance === "b").length / 2_000).toBeCloseTo(0.75, 1);
    expect(trials.overlay(policies.plain, "all", "POST", 0)).toBeUndefined();
  });

  it("attempts and regions of the service", () => {
    expect(overlayOf({ kind: "retries", route: "all", service: "web", before: 3, after: 1 })!.attempts).toMatchObject({
      service: "web",
      options: { max: 1, backoffMs: 25 },
    });
    expect(
      overlayOf({ kind: "region_spill", route: "all", service: "web", before: 0.8, after: 0.2 })!.regions,
    ).toMatchObject({ service: "web", options: { spillAtLoad: 0.2, loadWeight: 0.6 } });
  });

  it("a breaker's threshold takes turns in time, and is counted in the second half of each", () => {
    const change = {
      kind: "breaker_slow",
      route: "all",
      service: "web",
      before: 2_000,
      after: 5_000,
      sliceMs: 100,
    } as const;
    const { trials } = heard(order(change));
    const at = (now: number) => trials.overlay(policies.plain, "all", "GET", now)!;
    expect(at(10)).toMatchObject({ breaker: { slowMs: 5_000 }, arms: [] });
    expect(at(60)).toMatchObject({ breaker: { slowMs: 5_000 }, arms: [{ arm: "changed" }] });
    expect(at(110)).toMatchObject({ breaker: undefined, arms: [] });
    expect(at(160)).toMatchObject({ breaker: undefined, arms: [{ arm: "holdout" }] });
    const { trials: kept } = heard(order(change, { holdoutShare: 0.01 }));
    expect(kept.overlay(policies.plain, "all", "GET", 160)).toMatchObject({ breaker: { slowMs: 5_000 } });
    expect(kept.overlay(policies.plain, "all", "GET", 1_560)).toMatchObject({ breaker: undefined });
  });
});
