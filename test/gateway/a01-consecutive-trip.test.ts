// A1: five failures in a row open the breaker, at once and for everybody after; the refusal is honest about when to come back.
import { afterAll, beforeAll, expect, it } from "vitest";
import { guarded, inSequence, untilBreaker } from "../support/breaker.ts";
import { expectProblem } from "../support/problem.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream({ status: 500, body: "broken" });
  rig = await startRig({ policy: guarded(upstream) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

it("A1: the first five 500 pass, the other fifteen of twenty are refused without asking", async () => {
  const answers = await inSequence(rig.g1, 20);
  expect(upstream.count).toBe(5);
  for (const answer of answers.slice(0, 5)) {
    expect(answer).toMatchObject({ status: 500, text: "broken" });
    expect(answer.header("x-sluice-attempts")).toBe("1");
  }
  for (const answer of answers.slice(5)) {
    const { type } = expectProblem(answer, 503, [upstream.authority]);
    expect(type).toMatch(/breaker_open$/);
    expect(Number(answer.header("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(answer.header("x-sluice-attempts")).toBeUndefined();
  }
});

it("A1: the read-out says open, why and until when", async () => {
  const breaker = await untilBreaker(rig, "open");
  expect(breaker.reason).toBe("consecutive");
  expect(breaker.until).toBeGreaterThan(Date.now() - 5_000);
});
