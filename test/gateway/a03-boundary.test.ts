// A3: the failure rate's boundary: exactly half opens, a hair less does not.
import { afterEach, expect, it } from "vitest";
import { breakerOf, guarded, inSequence, untilBreaker } from "../support/breaker.ts";
import { get } from "../support/client.ts";
import { expectProblem } from "../support/problem.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream | undefined;
let rig: Rig | undefined;

async function inFrontOf(fails: (call: number) => boolean): Promise<Rig> {
  upstream = await startUpstream(({ request }) => ({ status: fails(request.number) ? 500 : 200 }));
  return (rig = await startRig({ policy: guarded(upstream) }));
}
afterEach(async () => {
  await rig?.close();
  await upstream?.close();
});

it("A3a: ten of twenty open it", async () => {
  const { g1 } = await inFrontOf((call) => call % 2 === 1);
  await inSequence(g1, 20);
  expect(upstream?.count).toBe(20);
  expectProblem(await get(g1), 503);
  expect((await untilBreaker(rig!, "open")).reason).toBe("rate");
});

it("A3b: forty-nine of a hundred do not", async () => {
  const { g1 } = await inFrontOf((call) => call % 2 === 0 && call > 2);
  const answers = await inSequence(g1, 100);
  expect(answers.filter(({ status }) => status === 500)).toHaveLength(49);
  expect((await get(g1)).status).toBe(200);
  expect(upstream?.count).toBe(101);
  expect((await breakerOf(rig!)).state).toBe("closed");
});
