// What a region makes of its isolates' rows: whose series each counts for, and that a batch is told until it is confirmed.
import { expect, it } from "vitest";
import type { Report } from "../../worker/core/protocol/reports.ts";
import type { RollupBatch, SliceRow } from "../../worker/core/protocol/rollups.ts";
import type { Env } from "../../worker/platform/env.ts";
import { RegionRollups } from "../../worker/platform/region-rollups.ts";

function region() {
  const told: RollupBatch[] = [];
  let away = false;
  const rollup = async (batch: RollupBatch): Promise<void> => {
    if (away) throw new Error("internal error");
    told.push(structuredClone(batch));
  };
  const env = { INSIGHT: { getByName: () => ({ rollup }) } } as unknown as Env;
  return { rollups: new RegionRollups(env), told, setAway: (is: boolean) => void (away = is) };
}

const report = (...slices: SliceRow[]): Report => ({
  ...{ isolate: "i", region: "weur", sequence: 1, generation: 1, spanMs: 1_000, urgent: false, services: {}, slices },
  requests: { total: 0, failed: 0, refused: 0 },
});

it("counts a request for the fleet, its region, route and service, and a model's call for what it used alone", async () => {
  const { rollups, told } = region();
  rollups.take(report({ route: "/a", service: "web", requests: 2, failed: 1, retries: 1 }));
  rollups.take(
    report({ provider: "openai", model: "m", requests: 1, inputTokens: 5, outputTokens: 7, microdollars: 40 }),
  );
  rollups.take(
    report({ experiment: "e1", group: "faulted", requests: 1 }, { experiment: "e1", group: "neither", requests: 1 }),
  );
  rollups.take(report({ level: "edge", hits: 3 }));
  await rollups.tell("weur");
  const web = { requests: 2, failed: 1, retries: 1 };
  const spent = { inputTokens: 5, outputTokens: 7, microdollars: 40 };
  expect(told[0]?.slices).toEqual({
    ...{ fleet: { ...web, ...spent }, "region weur": { ...web, ...spent }, "route /a": web, "service web": web },
    ...{ "provider openai": { requests: 1, ...spent }, "model openai/m": { requests: 1, ...spent } },
    "level edge": { hits: 3 },
    ...{ "experiment e1": { requests: 2 }, "faulted e1": { requests: 1 } },
  });
});

it("tells a batch that was not confirmed again, under its number, before what came meanwhile", async () => {
  const { rollups, told, setAway } = region();
  setAway(true);
  rollups.take(report({ route: "/a", service: "web", requests: 1 }));
  await rollups.tell("weur");
  rollups.take(report({ route: "/a", service: "web", requests: 2 }));
  setAway(false);
  await rollups.tell("weur");
  expect(told.map(({ slices }) => slices["fleet"]?.requests)).toEqual([1, 2]);
  expect(told[1]!.number).toBeGreaterThan(told[0]!.number);
});
