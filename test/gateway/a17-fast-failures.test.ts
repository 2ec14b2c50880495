// A17: an instance that fails in a millisecond is not quick: choice must not run to it, with a breaker or without.
import { afterAll, beforeAll, expect, it } from "vitest";
import { atRate, BC } from "../support/breaker.ts";
import { service } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let broken: Upstream;
let sound: Upstream;
let rig: Rig;

beforeAll(async () => {
  broken = await startUpstream({ status: 500, delayMs: 1 });
  sound = await startUpstream({ delayMs: 50 });
  const targets = [broken, sound];
  const routing = { algorithm: "intelligent_adaptive" } as const;
  rig = await startRig({
    policy: {
      expose: true,
      cache: false,
      services: {
        guarded: service("guarded", targets, { breaker: BC, routing }),
        bare: service("bare", targets, { breaker: false, routing }),
      },
      routes: [
        { match: { path: "/guarded" }, service: "guarded" },
        { match: { path: "/bare" }, service: "bare" },
      ],
    },
  });
});
afterAll(async () => {
  await rig?.close();
  await broken?.close();
  await sound?.close();
});

it.concurrent.each(["/guarded", "/bare"])(
  "A17: %s, 20 a second for 20 s: after 5 s at most one in twenty fails",
  async (path) => {
    const startedMs = performance.now();
    const answers = await atRate(rig.g1, 20, 20, path);
    const late = answers.filter((answer) => answer.startedMs - startedMs >= 5_000);
    expect(late.length).toBeGreaterThanOrEqual(295);
    const failed = late.filter(({ status }) => status >= 500);
    expect(failed.length / late.length).toBeLessThanOrEqual(0.05);
    const toBroken = broken.requests.filter(
      (request) => request.path === path && request.arrivedMs - startedMs >= 5_000,
    );
    expect(toBroken.length / late.length).toBeLessThanOrEqual(0.05);
  },
  60_000,
);
