// A14: a deadline ends a request, for the client with a 504 in time and for the upstream with a closed socket.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { get, open } from "../support/client.ts";
import { hang } from "../support/misbehaviour.ts";
import { inFrontOf } from "../support/policies.ts";
import { expectProblem } from "../support/problem.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { byPath, startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream(
    byPath({
      "*": hang,
      "/quick": {},
      "/stall": async (exchange) => {
        await exchange.head(200, { "Content-Length": "10" });
        await exchange.write("half.");
        await exchange.hold();
      },
      "/drip-on": async (exchange) => {
        await exchange.head(200, { "Transfer-Encoding": "chunked" });
        while (!exchange.gone) {
          await exchange.chunk("d");
          await exchange.wait(100);
        }
      },
    }),
  );
  const plain = inFrontOf(upstream);
  rig = await startRig({
    policy: {
      ...plain,
      services: { ...plain.services, patient: { instances: [{ id: "patient-1", url: upstream.origin }] } },
      routes: [
        { match: { path: "/total/*" }, service: "web", stripPrefix: "/total", timeouts: { totalMs: 1_000 } },
        { match: { path: "/headers/*" }, service: "web", stripPrefix: "/headers", timeouts: { headersMs: 1_000 } },
        { match: { path: "/later/*" }, service: "web", stripPrefix: "/later", timeouts: { headersMs: 1_500 } },
        { match: { path: "/idle/*" }, service: "web", stripPrefix: "/idle", timeouts: { idleMs: 1_000 } },
        // With retries and the breaker as they are by default: more attempts never mean more time.
        { match: { path: "/retried/*" }, service: "patient", stripPrefix: "/retried", timeouts: { totalMs: 1_000 } },
        { match: { path: "/*" }, service: "web" },
      ],
    },
  });
  expect((await get(rig.g1, "/quick")).status).toBe(200);
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});
beforeEach(() => upstream.clear());

/** What this machine takes for nothing at all just now, several times over; next to nothing where it has nothing else to do. */
async function busyMs(): Promise<number> {
  let longest = 0;
  for (let times = 0; times < 5; times++) longest = Math.max(longest, (await get(rig.g1, "/quick")).headMs);
  return longest < 20 ? 0 : 3 * longest;
}

describe.each(["total", "headers", "retried"])("A14: the %s deadline", (kind) => {
  it("answers 504 between 1.0 and 1.3 s and closes the upstream's socket within a second", async () => {
    const answer = await get(rig.g1, `/${kind}/never`);
    expectProblem(answer, 504, [upstream.authority]);
    expect(answer.headMs).toBeGreaterThanOrEqual(990);
    const answeredMs = answer.startedMs + answer.totalMs;
    for (const request of upstream.requests)
      expect((await upstream.closed(request.number)) - answeredMs).toBeLessThanOrEqual(1_000);
    expect(answer.headMs).toBeLessThanOrEqual(1_300 + (await busyMs()));
  });
});

it("A14: the headers deadline holds alone, in company, and when the request that watched over it has lost its client", async () => {
  const first = open(rig.g1, { target: "/later/never" });
  await upstream.received(1);
  const together = [get(rig.g1, "/later/never"), get(rig.g1, "/later/never")];
  await upstream.received(3);
  first.leave();
  const answers = await Promise.all(together);
  answers.push(await get(rig.g1, "/later/never"));
  for (const answer of answers) {
    expectProblem(answer, 504, [upstream.authority]);
    expect(answer.headMs).toBeGreaterThanOrEqual(1_490);
    expect(answer.headMs).toBeLessThanOrEqual(1_900);
  }
});

it("A14: a body that stalls is cut after the idle deadline, visibly, and the upstream's socket with it", async () => {
  const answer = await get(rig.g1, "/idle/stall");
  expect(answer).toMatchObject({ status: 200, text: "half.", whole: false });
  expect(answer.totalMs).toBeGreaterThanOrEqual(990);
  expect(answer.totalMs).toBeLessThanOrEqual(1_500);
  expect((await upstream.closed()) - (answer.startedMs + answer.totalMs)).toBeLessThanOrEqual(1_000);
});

it("A14: a body that keeps coming lives as long as the idle deadline is kept", async () => {
  const conversation = open(rig.g1, { target: "/idle/drip-on" });
  await conversation.until((body) => body.length >= 14, "14 drops over 1.4 s");
  conversation.leave();
});

it("A14: the total deadline ends a body that never ends", async () => {
  const answer = await get(rig.g1, "/total/drip-on");
  expect(answer).toMatchObject({ status: 200, whole: false });
  expect(answer.totalMs).toBeGreaterThanOrEqual(990);
  expect(answer.totalMs).toBeLessThanOrEqual(1_400);
  expect((await upstream.closed()) - (answer.startedMs + answer.totalMs)).toBeLessThanOrEqual(1_000);
});

it("A14: other requests are not touched", async () => {
  const slow = open(rig.g1, { target: "/total/never" });
  await upstream.received(1);
  expect((await get(rig.g1, "/quick")).status).toBe(200);
  expect((await slow.answer()).status).toBe(504);
});
