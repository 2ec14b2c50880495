// A46: what was acknowledged is acknowledged, though workerd is killed right behind the answer. Fifty rounds.
import { afterAll, beforeAll, expect, it } from "vitest";
import { get } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig, type Rig } from "../support/rig.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

const ROUNDS = 50;

interface AlertShown {
  id: string;
  acknowledgedAt: number;
}

let rig: Rig;
let upstream: Upstream;

beforeAll(async () => {
  upstream = await startUpstream({ body: "well" });
  const alerts = Array.from({ length: ROUNDS }, (_, index) => ({
    name: `traffic-${index}`,
    when: "metrics.requests > 0",
  }));
  rig = await startRig({ policy: inFrontOf(upstream, { sections: { alerts } }) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

async function alerts(): Promise<AlertShown[]> {
  const answer = await rig.admin("alerts?limit=200");
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { items: AlertShown[] }).items;
}

it("A46: no acknowledgement is lost over a SIGKILL", async () => {
  let standing: AlertShown[] = [];
  const end = Date.now() + 20_000;
  while (standing.length < ROUNDS && Date.now() < end) {
    await get(rig.g1);
    await new Promise((resolve) => setTimeout(resolve, 250));
    standing = await alerts();
  }
  expect(standing).toHaveLength(ROUNDS);
  const told: string[] = [];
  for (const { id } of standing) {
    const answer = await rig.admin(`alerts/${id}:ack`, { method: "POST" });
    if (answer.status === 200) told.push(id);
    await rig.kill();
    await rig.restart();
  }
  expect(told).toHaveLength(ROUNDS);
  const after = await alerts();
  // Some were resolved meanwhile, for a minute without requests was over: their acknowledgement is kept all the same.
  const kept = after.filter(({ acknowledgedAt }) => acknowledgedAt > 0).map(({ id }) => id);
  expect(kept.toSorted()).toEqual(told.toSorted());
}, 240_000);
