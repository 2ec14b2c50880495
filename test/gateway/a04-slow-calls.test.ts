// A4: an instance that answers, but too slowly, is cut off too: what is under way is answered, what comes after is refused.
import { afterAll, beforeAll, expect, it } from "vitest";
import { atOnce, count, guarded, inSequence, untilBreaker } from "../support/breaker.ts";
import { expectProblem } from "../support/problem.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream({ delayMs: 2_500 });
  rig = await startRig({ policy: guarded(upstream) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

it("A4: twenty slow answers open it for the five that follow", async () => {
  const slow = await atOnce(rig.g1, 20);
  expect(count(slow, 200)).toBe(20);
  for (const answer of await inSequence(rig.g1, 5)) {
    expectProblem(answer, 503);
    expect(answer.headMs).toBeLessThan(500);
  }
  expect(upstream.count).toBe(20);
  expect((await untilBreaker(rig, "open")).reason).toBe("slow");
});
