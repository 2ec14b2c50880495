// What an operator says of an instance: obeyed by every gateway within five seconds, busy or idle, over a crash, and
// whatever the policy says of breakers; and written down.
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { breakerOf, guarded } from "../support/breaker.ts";
import { get } from "../support/client.ts";
import { expectProblem } from "../support/problem.ts";
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

async function stand(count: number, changes: Parameters<typeof guarded>[1] = {}, gateways: 1 | 3 = 3): Promise<void> {
  upstreams = await Promise.all(Array.from({ length: count }, () => startUpstream({ body: "ok" })));
  rig = await startRig({ gateways, policy: guarded(upstreams, changes) });
}

const say = async (what: string): Promise<Response> => {
  const answer = await rig.admin(`services/web/instances/${what}?note=test`, { method: "POST" });
  expect(answer.status, await answer.clone().text()).toBe(200);
  return answer;
};

it("a drained instance gets nothing from anybody within five seconds, and all of its share when it is put back", async () => {
  await stand(2);
  const [first, second] = upstreams as [Upstream, Upstream];
  // G1 and G2 are busy, G3 has served once and idles.
  await Promise.all(rig.origins.map((origin) => get(origin)));
  await say("web-1:drain");
  const drainedMs = performance.now();
  while (performance.now() - drainedMs < 5_000) {
    await Promise.all([get(rig.g1), get(rig.g2)]);
    await sleep(100);
  }
  first.clear();
  second.clear();
  const answers = await Promise.all(rig.origins.flatMap((origin) => [0, 1, 2, 3, 4].map(() => get(origin))));
  expect(answers.map(({ status }) => status)).toEqual(Array<number>(15).fill(200));
  expect(first.count).toBe(0);
  expect(second.count).toBe(15);
  for (const gateway of [1, 2, 3]) {
    expect(await breakerOf(rig, gateway)).toMatchObject({ state: "open", reason: "manual", until: 0 });
  }

  await say("web-1:close");
  await sleep(1_500);
  await Promise.all(rig.origins.flatMap((origin) => [0, 1, 2, 3].map(() => get(origin))));
  expect(first.count).toBeGreaterThan(0);
  expect(await breakerOf(rig)).toMatchObject({ state: "closed" });
  const audit = await (await rig.admin("audit")).text();
  expect(audit).toContain("instance.drain");
  expect(audit).toContain("instance.close");
}, 30_000);

it("the only instance, opened by hand, is refused although the policy has no breaker, and stays so over a crash", async () => {
  await stand(1, { service: { breaker: false } }, 1);
  expect((await get(rig.g1)).status).toBe(200);
  await say("web-1:open");
  expectProblem(await get(rig.g1), 503, [upstreams[0]!.authority]);
  await rig.kill();
  await rig.restart();
  expectProblem(await get(rig.g1), 503, [upstreams[0]!.authority]);
  await say("web-1:reset");
  expect((await get(rig.g1)).status).toBe(200);
}, 30_000);

it("nobody else can say anything", async () => {
  await stand(1, {}, 1);
  const anonymous = await rig.admin("services/web/instances/web-1:drain", {
    method: "POST",
    headers: { authorization: "Bearer wrong" },
  });
  expect(anonymous.status).toBe(401);
  expect((await get(rig.g1)).status).toBe(200);
});
