// SEEDS A16: regions as the gateways see them, by what is sent to their instances and by probes of their endpoints.
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { get } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstreams: Upstream[] = [];
let rig: Rig;
afterEach(async () => {
  await rig?.close();
  await Promise.all(upstreams.map((each) => each.close()));
});

interface RegionView {
  name: string;
  capacity: number | null;
  inFlight: number;
  load: number | null;
  latencyMs: number | null;
  healthy: boolean | null;
  seenFrom: Record<string, { ownInFlight: number; healthy: boolean; endpoint?: { up: boolean; latencyMs: number } }>;
}

const regions = async (): Promise<Map<string, RegionView>> => {
  const { items } = (await (await rig.admin("regions")).json()) as { items: RegionView[] };
  return new Map(items.map((item) => [item.name, item]));
};

it("load is what everybody sends there, health what traffic and probes find", async () => {
  const slow = await startUpstream({ body: "slow", delayMs: 1_500 });
  const endpoint = await startUpstream({ body: "ok" });
  upstreams = [slow, endpoint];
  const policy = inFrontOf([slow], {
    sections: {
      regions: {
        weur: { latitude: 52, longitude: 5, capacity: 10, endpoint: endpoint.origin, probe: { intervalSeconds: 1 } },
        enam: { latitude: 40, longitude: -74, capacity: 100 },
      },
    },
  });
  policy.services!["web"]!.instances![0]!.region = "weur";
  rig = await startRig({ gateways: 2, regions: ["weur", "enam"], policy });
  const stop = new AbortController();
  const load = async (origin: string): Promise<void> => {
    while (!stop.signal.aborted) await get(origin);
  };
  const under = [...Array.from({ length: 3 }, () => load(rig.g1)), ...Array.from({ length: 2 }, () => load(rig.g2))];
  const endMs = Date.now() + 10_000;
  let seen = await regions();
  while (seen.get("weur")?.inFlight !== 5 || seen.get("weur")?.seenFrom["enam"]?.endpoint === undefined) {
    if (Date.now() > endMs) throw new Error(JSON.stringify(Object.fromEntries(seen)));
    await sleep(100);
    seen = await regions();
  }
  const weur = seen.get("weur")!;
  expect(weur).toMatchObject({ capacity: 10, inFlight: 5, load: 0.5, healthy: true });
  expect(weur.seenFrom["weur"]!.ownInFlight + weur.seenFrom["enam"]!.ownInFlight).toBe(5);
  expect(weur.seenFrom["weur"]!.endpoint).toMatchObject({ up: true });
  expect(seen.get("enam")).toMatchObject({ capacity: 100, inFlight: 0, load: 0, healthy: true });
  expect(endpoint.requests.every(({ path }) => path === "/_sluice/health")).toBe(true);

  endpoint.play({ status: 503 });
  while ((await regions()).get("weur")?.healthy !== false) {
    if (Date.now() > endMs + 10_000) throw new Error(JSON.stringify(Object.fromEntries(await regions())));
    await sleep(100);
  }
  stop.abort();
  await Promise.all(under);
}, 40_000);
