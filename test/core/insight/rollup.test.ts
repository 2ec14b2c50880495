import { expect, it } from "vitest";
import { inSteps, pickSeries } from "../../../worker/core/insight/rollup.ts";

const row = (at: number, requests: number) => ({ at, slices: { fleet: { requests } } });

it("rows become steps that begin where they are asked to, and a step without rows is left out", () => {
  const rows = [row(3_000, 1), row(7_000, 2), row(8_000, 3), row(18_000, 4)];
  expect(inSteps(rows, 3_000, 5_000)).toEqual([row(3_000, 3), row(8_000, 3), row(18_000, 4)]);
  expect(inSteps([], 0, 5_000)).toEqual([]);
});

it("series are asked for by name, empty where there is none, and by kind", () => {
  const slices = { fleet: { requests: 3 }, "service web": { requests: 2 }, "service api": {}, "services x": {} };
  const asked = (...names: string[]) => pickSeries([{ at: 1, slices }], names)[0]!.slices;
  expect(asked("fleet", "service gone", "constructor")).toEqual({
    ...{ fleet: { requests: 3 }, "service gone": {} },
    constructor: {},
  });
  expect(asked("service *")).toEqual({ "service web": { requests: 2 }, "service api": {} });
  expect(asked("*", "fleet *", " *")).toEqual({ "*": {} });
  expect(pickSeries([{ at: 1, slices }], undefined)).toEqual([{ at: 1, slices }]);
});
