// A45: a breaker that was open when everything died is open until the same moment when everything is back.
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { BC, breakerOf, guarded, inSequence, untilBreaker } from "../support/breaker.ts";
import { get } from "../support/client.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;
afterEach(async () => {
  await rig?.close();
  await upstream?.close();
});

it("A45: it stays open over a SIGKILL, and is probed at its old deadline", async () => {
  upstream = await startUpstream({ status: 500 });
  const breaker = { ...BC, openMs: 10_000, maxOpenMs: 10_000 };
  rig = await startRig({ policy: guarded(upstream, { service: { breaker } }) });
  await inSequence(rig.g1, 20);
  const { until } = await untilBreaker(rig, "open");
  upstream.clear();
  upstream.play({ body: "well again" });

  await sleep(Math.max(0, until - 8_000 - Date.now()));
  await rig.kill();
  const killedMs = Date.now();
  await rig.restart();
  expect(Date.now() - killedMs).toBeLessThanOrEqual(5_000);

  expect(await breakerOf(rig)).toMatchObject({ state: "open", reason: "consecutive", until });
  let answer = await get(rig.g1);
  expect(answer.status).toBe(503);
  expect(Number(answer.header("retry-after"))).toBeGreaterThanOrEqual(1);
  while (answer.status !== 200 && Date.now() < until + 5_000) {
    await sleep(50);
    answer = await get(rig.g1);
  }
  expect(answer.text).toBe("well again");
  const probedMs = performance.timeOrigin + (upstream.requests[0]?.arrivedMs ?? Number.NaN);
  expect(Math.abs(probedMs - until)).toBeLessThanOrEqual(1_000);
}, 60_000);
