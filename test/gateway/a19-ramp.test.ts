// A19: an instance that recovers gets its share back by and by, not at once. (`recovery.test.ts` has what accidents do to it.)
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { BC, guarded, untilBreaker } from "../support/breaker.ts";
import { get } from "../support/client.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const EVERY_MS = 10;
/** A machine that cannot serve a hundred a second is asked less, not flooded. */
const MOST_AT_ONCE = 30;
/** So long that what a busy machine adds is little beside it: choice is by answer times. */
const ANSWERS_IN_MS = 30;
/** Fewer say nothing of shares. */
const ENOUGH = 40;
const SECONDS = 9;

let steady: Upstream;
let returning: Upstream;
let rig: Rig;

beforeAll(async () => {
  [steady, returning] = await Promise.all([
    startUpstream({ delayMs: ANSWERS_IN_MS }),
    startUpstream({ delayMs: ANSWERS_IN_MS }),
  ]);
  // What ejects here are failures: a machine that stands still is not to open breakers for slowness.
  const breaker = { ...BC, slowMs: 60_000 };
  rig = await startRig({
    policy: guarded([steady, returning], { service: { breaker, routing: { algorithm: "intelligent_adaptive" } } }),
  });
});
afterAll(async () => {
  await rig?.close();
  await steady?.close();
  await returning?.close();
});

/** A hundred a second, until it is told to stop. */
function traffic(): { stop(): Promise<void> } {
  const going = { on: true };
  const underWay = new Set<Promise<unknown>>();
  const sending = (async () => {
    while (going.on) {
      if (underWay.size < MOST_AT_ONCE) {
        const one = get(rig.g1).finally(() => underWay.delete(one));
        underWay.add(one);
      }
      await sleep(EVERY_MS);
    }
    await Promise.all(underWay);
  })();
  return {
    stop: () => {
      going.on = false;
      return sending;
    },
  };
}

/** Second by second, or over as many as it took to serve enough. */
function sharesOf(beginMs: number): { from: number; to: number; share: number }[] {
  const between = ({ requests }: Upstream, from: number, to: number) =>
    requests.filter(({ arrivedMs }) => arrivedMs >= beginMs + from * 1_000 && arrivedMs < beginMs + to * 1_000).length;
  const windows = [];
  let from = 0;
  for (let to = 1; to <= SECONDS; to++) {
    const mine = between(returning, from, to);
    const all = mine + between(steady, from, to);
    if (all < ENOUGH) continue;
    windows.push({ from, to, share: mine / all });
    from = to;
  }
  return windows;
}

it("A19: at most 20 % in the first second, at least 40 % by the seventh, no step over 20 points", async () => {
  returning.play((exchange) => exchange.reset());
  const asked = traffic();
  await untilBreaker(rig, "open", 20_000, "web-2");
  returning.play({ delayMs: ANSWERS_IN_MS });
  const { until } = await untilBreaker(rig, "ramp", 30_000, "web-2");
  const beganAt = until - BC.rampMs;
  await sleep(Math.max(0, beganAt + SECONDS * 1_000 - Date.now()));
  await asked.stop();

  // The ramp's own clock says when it began, the upstreams' when each request arrived: nobody's polling is in between.
  const windows = sharesOf(beganAt - performance.timeOrigin);
  const said = windows.map(({ from, to, share }) => `${from}-${to} s: ${share.toFixed(2)}`).join(", ");
  expect(windows.length).toBeGreaterThan(0);
  // No step over 20 points a second, from nothing: so at most 20 % in the first.
  let before = { from: -1, to: 0, share: 0 };
  for (const window of windows.filter(({ from }) => from < 7)) {
    const apart = (window.from + window.to - before.from - before.to) / 2;
    expect(window.share - before.share, said).toBeLessThanOrEqual(0.2 * apart);
    before = window;
  }
  const byThen = windows.filter(({ from }) => from < 7).map(({ share }) => share);
  expect(Math.max(...byThen), said).toBeGreaterThanOrEqual(0.4);
}, 90_000);
