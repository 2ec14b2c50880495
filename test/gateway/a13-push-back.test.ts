// A13: an upstream that says when to come back is not asked before; when that would be too late, its answer stands.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { guarded } from "../support/breaker.ts";
import { get } from "../support/client.ts";
import { service } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { inTurn, startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let other: Upstream;
let rig: Rig;

const attempts = { max: 2 };

beforeAll(async () => {
  upstream = await startUpstream();
  other = await startUpstream({ body: "the other" });
  const policy = guarded(upstream, { service: { attempts } });
  rig = await startRig({
    policy: {
      ...policy,
      services: { ...policy.services, pair: service("pair", [upstream, other], { attempts }) },
      routes: [
        { match: { path: "/patient" }, service: "web", timeouts: { totalMs: 10_000 } },
        { match: { path: "/pressed" }, service: "web", timeouts: { totalMs: 1_000 } },
        { match: { path: "/pair" }, service: "pair", timeouts: { totalMs: 10_000 } },
      ],
    },
  });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
  await other?.close();
});
beforeEach(() => {
  upstream.clear();
  upstream.play(inTurn({ status: 503, headers: { "Retry-After": "2" }, body: "later" }, { body: "now" }));
});

it("A13: the second attempt comes no sooner than 2 s after the first", async () => {
  expect(await get(rig.g1, "/patient")).toMatchObject({ status: 200, text: "now" });
  const [first, second] = upstream.requests;
  expect(second!.arrivedMs - (first!.answeredMs ?? Infinity)).toBeGreaterThanOrEqual(2_000);
  expect(second!.arrivedMs - first!.arrivedMs).toBeLessThan(3_500);
});

it("A13: with a deadline of 1 s there is no second attempt, and the wish is passed on", async () => {
  const answer = await get(rig.g1, "/pressed");
  expect(answer).toMatchObject({ status: 503, text: "later" });
  expect(answer.header("retry-after")).toBe("2");
  expect(answer.headMs).toBeLessThan(900);
  expect(upstream.count).toBe(1);
});

it("A13: the wish is the instance's own: another one is asked at once", async () => {
  for (let sent = 0; sent < 2; sent++) {
    const answer = await get(rig.g1, "/pair");
    expect(answer).toMatchObject({ status: 200, text: "the other" });
    expect(answer.headMs).toBeLessThan(1_500);
  }
  expect(upstream.count).toBe(1);
});
