// Conditions over figures: what they may say, what they may not, and that nothing an operator writes can hold up the others.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileCondition, type Sight } from "../../../worker/core/insight/condition.ts";

const sight: Sight = {
  metrics: { error_rate: 0.2, latency_p95_ms: 800, requests: 100, requests_per_second: 5 },
  usual: { latency_p95_ms: { mean: 200, deviation: 50 } },
};

function judged(source: string, given: Sight = sight): unknown {
  const compiled = compileCondition(source);
  if (!compiled.ok) throw new Error(compiled.error);
  return compiled.value.judge(given);
}

describe("a condition", () => {
  it.each([
    ["metrics.error_rate > 0.05", true],
    ["metrics.error_rate > 0.5", false],
    ["metrics.requests > 20 && metrics.error_rate > 0.1", true],
    ["metrics.requests > 20.0 && metrics.error_rate * 10 > 1", true],
    ["metrics.error_rate > 0.5 || metrics.latency_p95_ms >= 800", true],
    ["!(metrics.error_rate > 0.5)", true],
    ["metrics.latency_p95_ms > 2 * baseline(metrics.latency_p95_ms)", true],
    ["metrics.latency_p95_ms > baseline(metrics.latency_p95_ms) + 3.0 * deviation( metrics.latency_p95_ms )", true],
    ["metrics.latency_p95_ms > baseline(metrics.latency_p95_ms) + 20 * deviation(metrics.latency_p95_ms)", false],
  ])("%s is %s", (source, expected) => expect(judged(source)).toBe(expected));

  it.each([
    ["a figure that was not measured", "metrics.cache_hit_ratio < 0.5"],
    ["what is usual while that is not known", "metrics.error_rate > baseline(metrics.error_rate)"],
  ])("says nothing about %s", (_, source) => expect(judged(source)).toBe("unknown"));

  it("names its figures", () => {
    const compiled = compileCondition("metrics.error_rate > 0.1 && baseline(metrics.latency_p95_ms) < 3.0");
    expect(compiled.ok && compiled.value.measures).toEqual(["error_rate", "latency_p95_ms"]);
  });

  it.each([
    ["metrics.eror_rate > 0.1", "names metrics.eror_rate, which is none of requests"],
    ["metrics.error_rate", "must be true or false, but is of type double"],
    ['metrics.error_rate > "a"', "no such overload"],
    ["metrics.error_rate >", "Unexpected token"],
    ['"aaaa".matches("(a+)+$")', "must not call matches()"],
    ["[1, 2].all(x, x > 0)", "must not call all()"],
    ["timestamp('2026-01-01T00:00:00Z') > timestamp('2026-01-01T00:00:00Z')", "must not call timestamp()"],
    ["baseline(0.5) > 1.0", "must call baseline and deviation with one figure"],
    ["nothing > 1", "Unknown variable"],
    [`${"1 + ".repeat(600)}1 > 0`, "must be at most"],
    [`${"(".repeat(100)}1 > 0${")".repeat(100)}`, ""],
  ])("%s is refused", (source, why) => {
    const compiled = compileCondition(source);
    expect(compiled.ok).toBe(false);
    expect(compiled.ok ? "" : compiled.error.toLowerCase()).toContain(why.toLowerCase());
  });

  it("never throws and never takes long, whatever is written", () => {
    const pieces = fc.constantFrom(
      "metrics.error_rate",
      "(",
      ")",
      ">",
      "0.1",
      "&&",
      "baseline(",
      '"a"',
      "[",
      "]",
      "?",
      ":",
      "x",
      "!",
      "-",
      "'",
      "\\",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 200 }),
          fc.array(pieces, { maxLength: 60 }).map((all) => all.join(" ")),
        ),
        (source) => {
          const started = process.threadCpuUsage();
          const compiled = compileCondition(source);
          if (compiled.ok) expect(["boolean", "string", "object"]).toContain(typeof compiled.value.judge(sight));
          // Of this thread alone: what else the machine does is no matter. In microseconds.
          expect(process.threadCpuUsage(started).user).toBeLessThan(100_000);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
