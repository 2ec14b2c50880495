// A2: a rate needs evidence: below the minimum of calls no share of failures opens the breaker.
import { afterAll, beforeAll, expect, it } from "vitest";
import { breakerOf, guarded, inSequence, untilBreaker } from "../support/breaker.ts";
import { get } from "../support/client.ts";
import { expectProblem } from "../support/problem.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  // F,F,F,F,S: four fifths fail, never five in a row.
  upstream = await startUpstream(({ request }) => ({ status: request.number % 5 === 0 ? 200 : 503 }));
  rig = await startRig({ policy: guarded(upstream) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

it("A2: closed after nineteen calls, open after twenty", async () => {
  await inSequence(rig.g1, 19);
  expect(upstream.count).toBe(19);
  expect((await breakerOf(rig)).state).toBe("closed");
  expect((await get(rig.g1)).status).toBe(200);
  expect(upstream.count).toBe(20);
  expectProblem(await get(rig.g1), 503);
  expect(upstream.count).toBe(20);
  expect((await untilBreaker(rig, "open")).reason).toBe("rate");
});
