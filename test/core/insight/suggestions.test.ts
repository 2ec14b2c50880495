import { describe, expect, it } from "vitest";
import type { Finding } from "../../../worker/core/insight/findings.ts";
import {
  begin,
  end,
  isAlive,
  judge,
  measure,
  nextToTry,
  orderOf,
  propose,
  whyNotNow,
  type Life,
  type LifeOptions,
} from "../../../worker/core/insight/suggestions.ts";
import type { Slice } from "../../../worker/core/protocol/rollups.ts";
import { bucketOf } from "../../../worker/core/stats/sketch.ts";

const OPTIONS: LifeOptions = {
  ...{ everySeconds: 60, holdoutShare: 0.1, minimumRequests: 30, minimumConfidence: 0.8, trialSeconds: 600 },
  ...{ restSeconds: 3_600, maxTrials: 2, apply: "automatic" },
};
const finding = (route: string, more: Partial<Finding> = {}): Finding => ({
  ...{ target: route, kind: "headers_timeout", service: "web", route, reason: "it hangs" },
  change: { path: `${route}.timeouts.headersMs`, before: 1_000, after: 100 },
  trial: { kind: "headers_timeout", route, before: 1_000, after: 100 },
  effect: { measure: "mean_ms", expected: 0.5 },
  ...{ expected: {}, confidence: 0.9, risk: { share: 0, reason: "" }, leastMs: 0 },
  ...more,
});

let number = 0;
const lives = (...findings: Finding[]): Map<string, Life> => {
  const all = new Map<string, Life>();
  propose(all, findings, OPTIONS, 0, () => `s${++number}`);
  return all;
};
const first = (all: Map<string, Life>): Life => [...all.values()][0]!;
const slice = (requests: number, ms: number): Slice => ({ requests, times: [bucketOf(ms), requests] });
function tried(): Life {
  const life = first(lives(finding("a")));
  begin(life, "ada", OPTIONS, 1_000);
  return life;
}

describe("proposals", () => {
  it("one a target, with its newest figures; what is not found again is forgotten", () => {
    const all = lives(finding("a"), finding("b"));
    const { id } = first(all).shown;
    propose(all, [finding("a", { confidence: 0.99 })], OPTIONS, 60_000, () => "other");
    expect(all.size).toBe(2);
    expect(first(all).shown).toMatchObject({ id, confidence: 0.99, proposedAt: 0, state: "proposed" });
    propose(all, [finding("a")], OPTIONS, 12 * 60_000 + 1, () => "other");
    expect([...all.values()].map(({ shown }) => shown.route)).toEqual(["a"]);
  });

  it("what is tried is not proposed beside itself, what was taken back not for a while", () => {
    const all = lives(finding("a"));
    const life = first(all);
    begin(life, "ada", OPTIONS, 0);
    propose(all, [finding("a")], OPTIONS, 1_000, () => "again");
    expect(all.size).toBe(1);
    end(life, "rolled_back", "ada", "", 2_000);
    propose(all, [finding("a")], OPTIONS, 3_601_000, () => "again");
    expect(all.size).toBe(1);
    propose(all, [finding("a")], OPTIONS, 3_603_000, () => "again");
    expect(all.size).toBe(2);
  });

  it("are bounded, and what is in force is never forgotten for them", () => {
    const all = lives(finding("kept"));
    const kept = first(all);
    begin(kept, "ada", OPTIONS, 0);
    for (let n = 0; n < 500; n++) propose(all, [finding(`r${n}`)], OPTIONS, n, () => `p${n}`);
    expect(all.size).toBe(200);
    expect(all.has(kept.shown.id)).toBe(true);
    expect(all.has("p499")).toBe(true);
  });
});

describe("a trial", () => {
  it("begins where there is room: not twice on a route, and not more at once than the policy says", () => {
    const all = lives(finding("a"), finding("a2", { route: "a" }), finding("b"), finding("c"));
    const [a, a2, b, c] = [...all.values()] as [Life, Life, Life, Life];
    begin(a, "ada", OPTIONS, 0);
    expect(whyNotNow(all, a, OPTIONS)).toContain("being tried");
    expect(whyNotNow(all, a2, OPTIONS)).toContain("on this route");
    expect(whyNotNow(all, b, OPTIONS)).toBeUndefined();
    begin(b, "ada", OPTIONS, 0);
    expect(whyNotNow(all, c, OPTIONS)).toContain("maxTrials");
  });

  it("is begun by itself only where the policy says so, the most promising of those that are sure enough first", () => {
    const all = lives(
      finding("a", { effect: { measure: "mean_ms", expected: 0.2 } }),
      finding("b", { effect: { measure: "mean_ms", expected: 0.6 } }),
      finding("c", { confidence: 0.5, effect: { measure: "mean_ms", expected: 0.9 } }),
    );
    expect(nextToTry(all, OPTIONS)!.shown.route).toBe("b");
    expect(nextToTry(all, { ...OPTIONS, apply: "manual" })).toBeUndefined();
  });

  it("is told to isolates with its share, and its end too", () => {
    const life = tried();
    expect(orderOf(life)).toMatchObject({ holdoutShare: 0.1, startedAt: 1_000, ended: false, change: { after: 100 } });
    end(life, "superseded", "insight", "", 2_000);
    expect(orderOf(life)).toMatchObject({ holdoutShare: 0, ended: true });
    expect(isAlive(life)).toBe(false);
  });

  it("is kept when it is better beyond noise, and measured on against a tenth of the holdout", () => {
    const life = tried();
    measure(life, slice(20, 10), slice(10, 50), 2_000, OPTIONS);
    expect(judge(life, "", OPTIONS, 2_000)).toBe("on");
    measure(life, slice(80, 10), slice(40, 50), 3_000, OPTIONS);
    expect(judge(life, "", OPTIONS, 3_000)).toBe("kept");
    expect(life.shown).toMatchObject({ state: "kept", decidedBy: "insight", measured: { verdict: "better" } });
    expect(life.shown.holdoutShare).toBeCloseTo(0.01);
    expect(life.shown.effect.real).toBeCloseTo(0.8, 1);
    expect(life.saidAt).toBe(0);
  });

  it("is not kept before it has lasted as long as it must", () => {
    const life = first(lives(finding("a", { leastMs: 20_000 })));
    begin(life, "ada", OPTIONS, 0);
    measure(life, slice(100, 10), slice(100, 50), 1_000, OPTIONS);
    expect(judge(life, "", OPTIONS, 19_999)).toBe("on");
    expect(judge(life, "", OPTIONS, 20_000)).toBe("kept");
  });

  it("is counted from when those that began first had the time to end, and has its whole time from then on", () => {
    const life = first(lives(finding("a", { settlesMs: 8_000 })));
    begin(life, "ada", OPTIONS, 1_000);
    expect(life.countedTo).toBe(9_000);
    measure(life, slice(100, 10), slice(100, 10), 10_000, OPTIONS);
    expect(judge(life, "", OPTIONS, 608_999)).toBe("on");
    expect(judge(life, "", OPTIONS, 609_000)).toBe("ended");
  });

  it("ends when it is worse, when something speaks against it, and in time", () => {
    const worse = tried();
    measure(worse, slice(100, 50), slice(100, 10), 2_000, OPTIONS);
    expect(judge(worse, "", OPTIONS, 2_000)).toBe("ended");
    expect(worse.shown).toMatchObject({ state: "rolled_back", holdoutShare: 0, decidedBy: "insight" });
    const harmful = tried();
    expect(judge(harmful, "answers differ", OPTIONS, 2_000)).toBe("ended");
    expect(harmful.shown.outcome).toBe("answers differ");
    const alike = tried();
    measure(alike, slice(100, 10), slice(100, 10), 2_000, OPTIONS);
    expect(judge(alike, "", OPTIONS, 600_999)).toBe("on");
    expect(judge(alike, "", OPTIONS, 601_000)).toBe("ended");
    expect(alike.shown.outcome).toContain("no difference");
    const silent = tried();
    expect(judge(silent, "", OPTIONS, 601_000)).toBe("on");
    expect(judge(silent, "", OPTIONS, 2_401_000)).toBe("ended");
    expect(silent.shown.outcome).toContain("too few requests");
  });

  it("what is kept is taken back when traffic changes: what it was weighs less and less", () => {
    const life = tried();
    measure(life, slice(100, 10), slice(100, 50), 2_000, OPTIONS);
    judge(life, "", OPTIONS, 2_000);
    let looks = 0;
    while (life.shown.state === "kept" && looks < 200) {
      measure(life, slice(100, 80), slice(40, 20), 3_000 + looks, OPTIONS);
      judge(life, "", OPTIONS, 3_000 + looks);
      looks++;
    }
    expect(life.shown).toMatchObject({ state: "rolled_back", decidedBy: "insight" });
    expect(looks).toBeLessThan(60);
  });
});
