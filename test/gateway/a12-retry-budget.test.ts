// A12: retries may not multiply an outage: a fifth of the requests and three a second, whatever fails.
import { afterAll, beforeAll, expect, it } from "vitest";
import { atRate, count } from "../support/breaker.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream({ status: 503 });
  rig = await startRig({
    policy: inFrontOf(upstream, { service: { attempts: { max: 3, retryBudget: 0.2, retryFloor: 3 } } }),
  });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

it("A12: 1,000 requests over 20 s cost at most 1,260 attempts", async () => {
  const answers = await atRate(rig.g1, 50, 20);
  expect(count(answers, 503)).toBe(1_000);
  expect(upstream.count).toBeGreaterThan(1_100);
  expect(upstream.count).toBeLessThanOrEqual((1_000 * 1.2 + 60) * 1.02);
}, 60_000);
