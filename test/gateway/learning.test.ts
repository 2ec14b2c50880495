// SEEDS P10, P11: `intelligent_adaptive` learns its mix from how its decisions turned out: bounded, shown, and taken back.
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { atOnce } from "../support/breaker.ts";
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

interface Suggestions {
  items: { id: string; kind: string; service: string; state: string }[];
  learning: Record<string, { start: Record<string, number>; mix: Record<string, number>; choices: number }>;
}
const suggestions = async (): Promise<Suggestions> => (await (await rig.admin("suggestions")).json()) as Suggestions;

it("the mix moves with evidence, within its bounds, and goes back at an operator's word", async () => {
  upstreams = await Promise.all([
    startUpstream({ body: "quick", delayMs: 2 }),
    startUpstream({ body: "slow", delayMs: 40 }),
    startUpstream({ body: "middling", delayMs: 15 }),
  ]);
  const routing = { algorithm: "intelligent_adaptive", exploreShare: 0.2, adaptive: { everySeconds: 2 } } as const;
  rig = await startRig({ policy: inFrontOf(upstreams, { service: { routing } }) });
  const endMs = Date.now() + 25_000;
  let said = await suggestions();
  while (said.items.length === 0) {
    if (Date.now() > endMs) throw new Error(`nothing was learned: ${JSON.stringify(said)}`);
    await atOnce(rig.g1, 8);
    said = await suggestions();
  }
  const [newest] = said.items;
  expect(newest).toMatchObject({ service: "web", kind: "mix" });
  const { start, mix } = said.learning["web"]!;
  expect(start).toEqual({ performance: 0.4, load: 0.3, proximity: 0.2, adaptive: 0.1 });
  expect(mix).not.toEqual(start);
  expect(Object.values(mix).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 6);
  for (const weight of Object.values(mix)) expect(weight).toBeGreaterThanOrEqual(0.05 - 1e-9);

  // No traffic, no analysis: what an operator says now stands.
  await sleep(1_500);
  const first = (await suggestions()).items.at(-1)!;
  const answer = await rig.admin(`suggestions/${first.id}:rollback`, { method: "POST" });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ id: first.id, heard: { weur: true } });
  const after = await suggestions();
  expect(after.learning["web"]!.mix).toEqual(start);
  expect(after.items[0]).toMatchObject({ kind: "mix", state: "kept", reason: expect.stringContaining("took it back") });
  expect(await (await rig.admin("audit")).text()).toContain("suggestion.rollback");
  expect((await rig.admin("suggestions/web.99:rollback", { method: "POST" })).status).toBe(404);
}, 60_000);
