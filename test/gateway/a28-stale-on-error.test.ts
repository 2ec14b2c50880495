// A28: while the origin is gone, what is stored is served for as long as `stale-if-error` says, and not a second longer.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { get } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream(({ request }) => ({
    headers: {
      "Cache-Control": "max-age=1, stale-if-error=60",
      // As good as a minute later.
      ...(request.path === "/old" ? { Age: "57" } : {}),
    },
    body: "stored",
  }));
  // With the breaker of a real policy: when it opens, the stale answer still goes before its 503 (SEEDS P4).
  const policy = inFrontOf(upstream, { service: { breaker: {} }, sections: { cache: {} } });
  rig = await startRig({ policy });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

test("A28: with the origin gone 100 of 100 get what is stored, marked as stale; past its time errors appear", async () => {
  for (const target of ["/page", "/old"]) expect((await get(rig.g1, target)).status).toBe(200);
  await upstream.close();
  await sleep(1_100);
  expect((await get(rig.g1, "/old")).status).toBe(200);
  for (let n = 0; n < 100; n++) {
    const answer = await get(rig.g1, "/page");
    expect(`${n}: ${answer.status} ${answer.text}`).toBe(`${n}: 200 stored`);
    expect(Number(answer.header("age"))).toBeGreaterThanOrEqual(1);
    expect(answer.header("cache-status")).toMatch(/^sluice; fwd=stale; ttl=-\d+; detail=stale-if-error$/);
    if (n % 10 === 0) await sleep(50);
  }
  await expect
    .poll(async () => (await get(rig.g1, "/old")).status, { timeout: 8_000, interval: 250 })
    .toBeGreaterThan(500);
  expect((await get(rig.g1, "/page")).status).toBe(200);
});
