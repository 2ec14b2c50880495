// An experiment as a form, and back.
import { parse } from "valibot";
import { describe, expect, it } from "vitest";
import { experimentOptions } from "../../worker/core/chaos/options.ts";
import { draftOf, EMPTY, experimentOf, FAULT_KINDS } from "../../worker/dashboard/chaos/draft.ts";
import { headersOf } from "../../worker/dashboard/explain/answer.ts";

describe("the form of an experiment", () => {
  it.each(FAULT_KINDS)("makes one of %s that the gateway takes", (kind) => {
    const written = experimentOf({ ...EMPTY, kind, target: "service web", instance: "web-1", percent: "7" });
    const { faults } = parse(experimentOptions, written);
    expect(faults).toMatchObject([{ kind, probability: 0.07, target: { service: "web", instance: "web-1" } }]);
    expect(draftOf(written)).toMatchObject({ kind, target: "service web", instance: "web-1", percent: "7" });
  });

  it("shows what is written and keeps it", () => {
    const written = {
      name: "slow",
      hypothesis: "nobody minds",
      faults: [
        { kind: "delay" as const, delayMs: 250, jitterMs: 50, probability: 0.29, target: { provider: "lumen" } },
      ],
      durationSeconds: 12,
      success: { maxErrorRate: 0.015, maxP95Ms: 900 },
      controlShare: 0.2,
      countsForBreaker: true,
    };
    const draft = draftOf(written);
    expect(draft).toMatchObject({ target: "provider lumen", percent: "29", maxErrorPercent: "1.5", seconds: "12" });
    expect(experimentOf(draft!)).toEqual(written);
  });

  it("does not pass over what it cannot show", () => {
    const fault = { kind: "reset" as const, target: { service: "web" } };
    expect(draftOf({ faults: [fault] })).toBeDefined();
    expect(draftOf({ faults: [fault, fault] })).toBeUndefined();
    expect(draftOf({ faults: [{ ...fault, durationSeconds: 3 }] })).toBeUndefined();
    expect(draftOf({ faults: [{ ...fault, target: { service: "web", route: "/a/*" } }] })).toBeUndefined();
    expect(draftOf({ faults: [fault], success: { minThroughput: 3 } })).toBeUndefined();
    expect(draftOf({ faults: [fault], rollbackOnFailure: false })).toBeUndefined();
  });
});

it("header fields are read a line each, or the line that is none is named", () => {
  expect(headersOf("Accept: text/html\n\n X-A:b:c ")).toEqual({ Accept: "text/html", "X-A": "b:c" });
  expect(headersOf("Accept: a\nnothing")).toBe("nothing");
  expect(headersOf("A B: c")).toBe("A B: c");
});
