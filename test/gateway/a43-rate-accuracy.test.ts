// A43: 100 a minute, 20 at once, counted once for three gateways.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { send } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig, type Rig } from "../support/rig.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream({ body: "ok" });
  rig = await startRig({
    gateways: 3,
    policy: inFrontOf(upstream, {
      route: { rateLimit: "standard" },
      sections: { security: { rateLimits: { standard: { requestsPerMinute: 100, burst: 20, by: "address" } } } },
    }),
  });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

const from = (gateway: number) => send(rig.origin(gateway), { headers: { "CF-Connecting-IP": "203.0.113.7" } });

/** Requests let pass because the object did not answer in time. */
async function away(): Promise<number> {
  const texts = await Promise.all(rig.origins.map(async (origin) => (await fetch(`${origin}/_sluice/metrics`)).text()));
  const samples = texts.join("\n").matchAll(/^sluice_limit_requests_total\{.*outcome="away".*\} (\d+)$/gm);
  return [...samples].reduce((sum, [, count]) => sum + Number(count), 0);
}

it("A43: no more than the limit in any minute, however it is asked", { timeout: 90_000 }, async () => {
  const started = performance.now();
  const first = await Promise.all(Array.from({ length: 300 }, (_, index) => from((index % 3) + 1)));
  const tookMs = performance.now() - started;
  expect(first.every(({ status }) => status === 200 || status === 429)).toBe(true);
  const atOnce = upstream.requests.length;
  expect(atOnce).toBeGreaterThanOrEqual(20);
  expect(atOnce).toBeLessThanOrEqual(20 + Math.ceil(tookMs / 600));

  await sleep(Math.max(0, 1_000 - tookMs));
  const steady: Promise<unknown>[] = [];
  const begun = performance.now();
  for (let count = 0; count < 300; count++) {
    steady.push(from((count % 3) + 1));
    await sleep(Math.max(0, begun + (count + 1) * 200 - performance.now()));
  }
  await Promise.all(steady);
  const times = upstream.requests.map(({ arrivedMs }) => arrivedMs).toSorted((a, b) => a - b);
  const wholeMs = performance.now() - started;
  expect(times.length).toBeLessThanOrEqual(Math.ceil(20 + wholeMs / 600));
  expect(times.length).toBeGreaterThanOrEqual(119);
  // What is let pass is counted when it arrives upstream: on a machine that takes its time, that much later.
  const late = Math.ceil(Math.max(0, tookMs - 1_000) / 600);
  for (const [index, at] of times.entries()) {
    const minute = times.slice(index).filter((other) => other - at <= 60_000).length;
    expect(minute).toBeLessThanOrEqual(121 + late);
  }
  expect(await away()).toBe(0);
});
