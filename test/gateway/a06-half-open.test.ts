// A6: a region's breaker lets three probes through at a time, however many gateways and requests want to be one.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { atOnce, atRate, count, guarded, inSequence, untilBreaker } from "../support/breaker.ts";
import { expectProblem } from "../support/problem.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream({ status: 500 });
  rig = await startRig({ gateways: 3, policy: guarded(upstream) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

it("A6: 150 at once after the open time: at most three in flight, the others refused, soon all served", async () => {
  await inSequence(rig.g1, 20);
  const { until } = await untilBreaker(rig, "open");
  upstream.clear();
  upstream.play({ delayMs: 300 });
  const healthyMs = performance.now();
  await sleep(Math.max(0, until - Date.now()) + 50);

  const burst = (await Promise.all(rig.origins.map((origin) => atOnce(origin, 50)))).flat();
  expect(upstream.maxInFlight).toBeLessThanOrEqual(3);
  const refused = burst.filter(({ status }) => status !== 200);
  expect(refused.length).toBeGreaterThanOrEqual(100);
  for (const answer of refused) expectProblem(answer, 503);

  // Until it is closed or ramps, every request is a chance for one more probe, and no more than that.
  const seen = { ramp: false };
  const closing = untilBreaker(rig, "ramp", 10_000).then(() => (seen.ramp = true));
  while (!seen.ramp) {
    await Promise.all(rig.origins.map((origin) => atRate(origin, 20, 0.25)));
    if (!seen.ramp) expect(upstream.maxInFlight).toBeLessThanOrEqual(3);
  }
  await closing;
  await sleep(Math.max(0, healthyMs + 8_000 - performance.now()));
  const late = (await Promise.all(rig.origins.map((origin) => atRate(origin, 20, 1)))).flat();
  expect(performance.now() - healthyMs).toBeLessThan(10_000);
  expect(count(late, 200) / late.length).toBeGreaterThanOrEqual(0.95);
}, 30_000);
