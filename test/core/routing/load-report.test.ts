import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseLoadReport } from "../../../worker/core/routing/load-report.ts";

const NONE = Number.NaN;

describe("parseLoadReport", () => {
  it.each<[string, Partial<Record<"cpu" | "memory" | "connections" | "queue", number>>]>([
    ["0.4", { cpu: 0.4 }],
    ["cpu=0.3,mem=0.8", { cpu: 0.3, memory: 0.8 }],
    ["TEXT cpu_utilization=0.3, mem_utilization=0.8, rps_fractional=10.0", { cpu: 0.3, memory: 0.8 }],
    ["TEXT application_utilization=0.9, cpu_utilization=0.1", { cpu: 0.9 }],
    ["queue=0.5, named_metrics.connections=0.25", { queue: 0.5, connections: 0.25 }],
    ['JSON {"cpu_utilization": 0.3, "named_metrics": {"queue": 0.5}}', { cpu: 0.3, queue: 0.5 }],
    ['{"mem_utilization": 1.2}', { memory: 1.2 }],
    ["cpu=soon, mem=0.2", { memory: 0.2 }],
    ["cpu=-1, mem=0.2", { memory: 0.2 }],
  ])("%s", (field, figures) => {
    expect(parseLoadReport(field)).toEqual({ cpu: NONE, memory: NONE, connections: NONE, queue: NONE, ...figures });
  });

  it.each([
    "",
    "   ",
    "high",
    "cpu",
    "=1",
    "JSON nonsense",
    "JSON [1]",
    "{}",
    "BIN abcd=",
    "__proto__=1",
    "constructor=1",
  ])("%j says nothing", (field) => {
    expect(parseLoadReport(field)).toBeUndefined();
  });

  it("never throws, and every figure is a share of something or unknown", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((json) => `JSON ${json}`),
        ),
        (field) => {
          for (const figure of Object.values(parseLoadReport(field) ?? {})) {
            expect(Number.isNaN(figure) || figure >= 0).toBe(true);
          }
        },
      ),
    );
  });
});
