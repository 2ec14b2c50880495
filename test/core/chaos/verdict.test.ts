// Success criteria, the moment to stop, and what is recommended.
import { parse } from "valibot";
import { describe, expect, it } from "vitest";
import { experimentOptions } from "../../../worker/core/chaos/options.ts";
import {
  criteria,
  mustStop,
  recommendations,
  type GroupFigures,
  type Sight,
} from "../../../worker/core/chaos/verdict.ts";

const figures = (more: Partial<GroupFigures> = {}): GroupFigures => ({
  requests: 100,
  errorRate: 0.01,
  p50Ms: 20,
  p95Ms: 100,
  perSecond: 50,
  ...more,
});
const sight = (more: Partial<Sight> = {}): Sight => ({
  ...{
    whole: figures(),
    faulted: figures({ requests: 30 }),
    control: figures({ requests: 30 }),
    blastShare: 0.1,
    recoverySeconds: 2,
  },
  ...more,
});
const spec = (more: Record<string, unknown> = {}) =>
  parse(experimentOptions, { faults: [{ kind: "error", target: { service: "a" } }], ...more });

describe("criteria", () => {
  it("are met when nothing was measured", () => {
    const none = sight({ whole: figures({ requests: 0 }), recoverySeconds: undefined });
    expect(criteria(spec(), none).every(({ met, value }) => met && value === undefined)).toBe(true);
  });
  it.each<[string, Partial<Sight>, Record<string, unknown>]>([
    ["error_rate", { whole: figures({ errorRate: 0.11 }) }, {}],
    ["p95", { whole: figures({ p95Ms: 5_001 }) }, {}],
    ["throughput", { whole: figures({ perSecond: 9 }) }, { success: { minThroughput: 10 } }],
    ["recovery", { recoverySeconds: 31 }, {}],
    ["blast", { blastShare: 0.6 }, {}],
  ])("%s can be broken", (name, seen, more) => {
    expect(
      criteria(spec(more), sight(seen))
        .filter(({ met }) => !met)
        .map((each) => each.name),
    ).toEqual([name]);
  });
});

describe("an experiment is stopped", () => {
  it.each<[string, Partial<Sight>, Record<string, unknown>, string | undefined]>([
    ["when it strikes too many", { blastShare: 0.6 }, { rollbackOnFailure: false }, "the blast radius is exceeded"],
    ["when clients suffer", { whole: figures({ errorRate: 0.3 }) }, {}, "error rate 30.0 %, at most 10.0 %"],
    ["never for its recovery", { recoverySeconds: 60 }, {}, undefined],
    ["not when it may fail", { whole: figures({ errorRate: 0.3 }) }, { rollbackOnFailure: false }, undefined],
    ["not for a handful of requests", { whole: figures({ requests: 19, errorRate: 1 }) }, {}, undefined],
  ])("%s", (_, seen, more, why) => {
    const reason = mustStop(spec(more), sight(seen));
    if (why === undefined) expect(reason).toBeUndefined();
    else expect(reason).toContain(why);
  });
});

describe("recommendations", () => {
  it.each<[string, Partial<Sight>]>([
    ["fallback", { whole: figures({ errorRate: 0.2 }) }],
    ["timeouts.headersMs", { whole: figures({ p95Ms: 6_000 }) }],
    ["hedgeAfter", { whole: figures({ p95Ms: 300 }) }],
    ["maxOpenMs", { recoverySeconds: Infinity }],
    ["hardly noticed", {}],
    ["Criteria were not met: struck 95.0 %", { blastShare: 0.95 }],
    ["run it longer", { whole: figures({ requests: 3 }) }],
  ])("speak of %s", (words, seen) => expect(recommendations(spec(), sight(seen)).join(" ")).toContain(words));
});
