// A19: an instance that recovers gets its share back by and by, not at once.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { atRate, guarded, untilBreaker } from "../support/breaker.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const PER_SECOND = 100;
/** Of `guarded`. */
const RAMP_MS = 5_000;

let steady: Upstream;
let returning: Upstream;
let rig: Rig;

beforeAll(async () => {
  [steady, returning] = await Promise.all([startUpstream({ delayMs: 5 }), startUpstream({ delayMs: 5 })]);
  rig = await startRig({
    policy: guarded([steady, returning], { service: { routing: { algorithm: "intelligent_adaptive" } } }),
  });
});
afterAll(async () => {
  await rig?.close();
  await steady?.close();
  await returning?.close();
});

it("A19: at most 20 % in the first second, at least 40 % by the seventh, no step over 20 points", async () => {
  returning.play((exchange) => exchange.reset());
  const seen = { open: false };
  const opened = untilBreaker(rig, "open", 20_000, "web-2").then(() => (seen.open = true));
  while (!seen.open) await atRate(rig.g1, PER_SECOND, 0.25);
  await opened;
  returning.play({ delayMs: 5 });
  // Traffic goes on without a break from before the ramp begins until it is over, however long the machine takes.
  const ramped = { at: 0 };
  const ramps = untilBreaker(rig, "ramp", 30_000, "web-2").then(({ until }) => (ramped.at = until - RAMP_MS));
  const traffic: Promise<unknown>[] = [];
  while (ramped.at === 0 || Date.now() < ramped.at + 9_000) {
    traffic.push(atRate(rig.g1, PER_SECOND, 0.5));
    await sleep(500);
  }
  await ramps;
  await Promise.all(traffic);

  // The ramp's own clock says when it began, the upstreams' when each request arrived: nobody's polling is in between.
  const beginMs = ramped.at - performance.timeOrigin;
  const shares = Array.from({ length: 8 }, (_, second) => {
    const from = beginMs + second * 1_000;
    const within = ({ arrivedMs }: { arrivedMs: number }) => arrivedMs >= from && arrivedMs < from + 1_000;
    const mine = returning.requests.filter(within).length;
    return mine / (mine + steady.requests.filter(within).length);
  });
  const said = shares.map((share) => share.toFixed(2)).join(" ");
  expect(shares[0], said).toBeLessThanOrEqual(0.2);
  expect(Math.max(...shares.slice(0, 7)), said).toBeGreaterThanOrEqual(0.4);
  for (let second = 1; second < 7; second++)
    expect(shares[second]! - shares[second - 1]!, said).toBeLessThanOrEqual(0.2);
}, 90_000);
