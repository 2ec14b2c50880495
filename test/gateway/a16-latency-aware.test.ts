// A16: the quicker of two instances gets nearly everything, and the slower one is never forgotten.
import { afterAll, beforeAll, expect, it } from "vitest";
import { count } from "../support/breaker.ts";
import { get } from "../support/client.ts";
import type { Answer } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const REQUESTS = 1_000;
const AT_ONCE = 20;

let quick: Upstream;
let slow: Upstream;
let rig: Rig;

beforeAll(async () => {
  quick = await startUpstream({ delayMs: 10 });
  slow = await startUpstream({ delayMs: 200 });
  rig = await startRig({
    policy: inFrontOf([quick, slow], { service: { routing: { algorithm: "intelligent_adaptive" } } }),
  });
});
afterAll(async () => {
  await rig?.close();
  await quick?.close();
  await slow?.close();
});

it("A16: 1,000 requests, 20 at once: at least 80 % to the quick one, at least 1 % to the slow one", async () => {
  const answers: Answer[] = [];
  let sent = 0;
  const lane = async (): Promise<void> => {
    while (sent++ < REQUESTS) answers.push(await get(rig.g1));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  expect(count(answers, 200)).toBe(REQUESTS);
  expect(quick.count + slow.count).toBe(REQUESTS);
  expect(quick.count).toBeGreaterThanOrEqual(REQUESTS * 0.8);
  expect(slow.count).toBeGreaterThanOrEqual(REQUESTS * 0.01);
});
