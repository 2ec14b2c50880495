// Who is at fault: a client that breaks off its uploads must not be able to open a breaker for everybody else.
import { once } from "node:events";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { BC, breakerOf, guarded } from "../support/breaker.ts";
import { get, open, send } from "../support/client.ts";
import { resetAtOnce } from "../support/misbehaviour.ts";
import { service } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream();
  const policy = guarded(upstream);
  rig = await startRig({
    policy: {
      ...policy,
      services: { ...policy.services, uploads: service("uploads", upstream, { breaker: BC }) },
      routes: [{ match: { path: "/uploads" }, service: "uploads" }, ...policy.routes!],
    },
  });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});
beforeEach(() => {
  upstream.clear();
  upstream.play(async (exchange) => {
    await exchange.whole();
    return { body: "fine" };
  });
});

it.each([
  ["a short body", "Content-Length: 100", "only a part"],
  ["a long body", "Content-Length: 1000000", "only a part"],
  ["a body in chunks", "Transfer-Encoding: chunked", "b\r\nonly a part\r\n"],
  ["a body in broken chunks", "Transfer-Encoding: chunked", "b\r\nonly a part\r\nzz\r\n"],
])("%s broken off ten times says nothing against the instance", async (_, framing, part) => {
  for (let sent = 0; sent < 10; sent++) {
    const conversation = open(rig.g1, {
      raw: `POST / HTTP/1.1\r\nHost: g\r\n${framing}\r\n\r\n${part}`,
      withinMs: 2_000,
    });
    await once(conversation.socket, "connect");
    conversation.socket.end();
    await conversation.ended;
  }
  expect(await get(rig.g1)).toMatchObject({ status: 200, text: "fine" });
  expect((await breakerOf(rig)).state).toBe("closed");
});

it("an upstream that hangs up on short uploads is found out, by one more of them", async () => {
  upstream.play(resetAtOnce);
  const statuses: number[] = [];
  for (let sent = 0; sent < 7; sent++) {
    statuses.push((await send(rig.g1, { method: "POST", target: "/uploads", body: "whole" })).status);
  }
  expect(statuses).toEqual([502, 502, 502, 502, 502, 502, 503]);
  expect(upstream.count).toBe(6);
});
