// A20: a client that leaves takes its upstream exchange with it, within a second, wherever in the exchange it leaves.
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { get, open } from "../support/client.ts";
import { events, hang, large } from "../support/misbehaviour.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { byPath, startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream(
    byPath({
      "/hang": hang,
      "/events": events((index) => (index === 0 ? Promise.resolve("first") : new Promise(() => undefined))),
      "/ticking": events(async (index) => {
        if (index > 0) await sleep(100);
        return `tick ${index}`;
      }),
      "/large": large(1_000_000_000),
      "*": {},
    }),
  );
  rig = await startRig({ policy: inFrontOf(upstream) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});
beforeEach(() => upstream.clear());

async function expectClosedWithinASecond(leave: () => void): Promise<void> {
  const leftMs = performance.now();
  leave();
  expect((await upstream.closed()) - leftMs).toBeLessThanOrEqual(1_000);
}

it("A20: in the middle of an event stream", async () => {
  const conversation = open(rig.g1, { target: "/events" });
  await conversation.until((body) => body.includes("data: first"), "the first event");
  await expectClosedWithinASecond(() => conversation.leave());
});

it("A20: in the middle of an event stream, with a FIN, once there is something to tell it", async () => {
  const conversation = open(rig.g1, { target: "/ticking" });
  await conversation.until((body) => body.includes("data: tick 0"), "the first event");
  await expectClosedWithinASecond(() => conversation.leavePolitely());
});

it("A20: before the response headers", async () => {
  const conversation = open(rig.g1, { target: "/hang" });
  await upstream.received();
  await expectClosedWithinASecond(() => conversation.leave());
});

it("A20: while it watches over the deadlines of others", async () => {
  // Nobody watches longer than a second.
  await sleep(1_050);
  const conversation = open(rig.g1, { target: "/hang" });
  await upstream.received();
  await expectClosedWithinASecond(() => conversation.leave());
});

it("A20: in the middle of a large body", async () => {
  const conversation = open(rig.g1, { target: "/large", keepBytes: 0 });
  await conversation.head;
  await expectClosedWithinASecond(() => conversation.leave());
});

it("A20: in the middle of its own upload", async () => {
  const conversation = open(rig.g1, {
    raw: "POST /hang HTTP/1.1\r\nHost: g\r\nContent-Length: 1000000\r\n\r\nonly a part",
  });
  await upstream.until(() => (upstream.requests[0]?.bodyBytes ?? 0) > 0, "the first bytes of the upload");
  await expectClosedWithinASecond(() => conversation.leave());
});

it("A20: fifty at once, and the gateway keeps serving", async () => {
  const conversations = Array.from({ length: 50 }, () => open(rig.g1, { target: "/hang" }));
  await upstream.received(50);
  const leftMs = performance.now();
  for (const conversation of conversations) conversation.leave();
  for (const { number } of [...upstream.requests])
    expect((await upstream.closed(number)) - leftMs).toBeLessThanOrEqual(1_000);
  expect((await get(rig.g1, "/")).status).toBe(200);
});
