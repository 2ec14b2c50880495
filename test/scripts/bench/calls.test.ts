import { expect, it } from "vitest";
import { perThousand, type CallsReport } from "../../../scripts/bench/calls.ts";
import { callsText } from "../../../scripts/bench/table.ts";
import { counted, countsAnswer } from "../../../scripts/bench/workers/counting.ts";

it("counts each call to an object and to KV under who made it, and changes nothing", async () => {
  const told: unknown[] = [];
  const stub = {
    name: "weur",
    async report(what: string) {
      told.push(what, this.name);
      return "heard";
    },
  };
  const env = {
    REGION: { idFromName: () => 1, getByName: (_name: string) => stub },
    KV: { getWithMetadata: async (key: string) => key, put: async () => undefined },
    REGION_NAME: "weur",
  };
  const isolate = counted(env, "isolate");
  expect(isolate.REGION_NAME).toBe("weur");
  expect(isolate.REGION.idFromName()).toBe(1);
  expect(await isolate.REGION.getByName("weur").report("load")).toBe("heard");
  expect(await isolate.REGION.getByName("weur").report("more")).toBe("heard");
  expect(await counted(env, "RegionObject").KV.getWithMetadata("policy")).toBe("policy");
  expect(told).toEqual(["load", "weur", "more", "weur"]);
  expect(await countsAnswer().json()).toEqual({ "isolate REGION.report": 2, "RegionObject KV.getWithMetadata": 1 });
});

const report: CallsReport = {
  services: 1,
  callers: 0,
  wanted: 200,
  perSecond: 199.6,
  requests: 2_000,
  calls: [
    { who: "isolate", what: "REGION.report", count: 10 },
    { who: "RegionObject", what: "SERVICE.merge", count: 8 },
    { who: "isolate", what: "KV.getWithMetadata", count: 1 },
  ],
};

it("says how many calls a thousand requests cost, by who makes them", () => {
  expect(perThousand(report, (who) => who === "isolate")).toBe(5.5);
  const text = callsText([report]);
  expect(text).toMatch(/isolates to objects +│ +5\.00/);
  expect(text).toMatch(/objects to objects +│ +4\.00/);
  expect(text).toMatch(/KV reads +│ +0\.50/);
});
