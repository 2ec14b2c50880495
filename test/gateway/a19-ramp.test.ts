// A19: an instance that recovers gets its share back by and by, not at once.
import { afterAll, beforeAll, expect, it } from "vitest";
import { atRate, guarded, untilBreaker } from "../support/breaker.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const PER_SECOND = 100;

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
  // Choice avoids it after its first failures, so that it takes a while until there are enough to open the breaker.
  const seen = { open: false };
  const opened = untilBreaker(rig, "open", 20_000, "web-2").then(() => (seen.open = true));
  while (!seen.open) await atRate(rig.g1, PER_SECOND, 0.25);
  await opened;
  returning.play({ delayMs: 5 });
  const ramps = untilBreaker(rig, "ramp", 10_000, "web-2").then(() => performance.now());
  const traffic = atRate(rig.g1, PER_SECOND, 14);
  const beginMs = await ramps;
  await traffic;

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
}, 60_000);
