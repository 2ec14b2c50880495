// Uploads that take their time: the upstream's deadline begins when it has the whole body, a body that stops moving ends the
// request, and the deadline of the whole exchange holds all the while.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { letters, send } from "../support/client.ts";
import { uploadReceipt } from "../support/misbehaviour.ts";
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
      "*": uploadReceipt,
      "/mute": async (exchange) => {
        await exchange.whole();
        await exchange.hold();
      },
    }),
  );
  const plain = inFrontOf(upstream);
  const timeouts = { headersMs: 1_000, idleMs: 1_500 };
  rig = await startRig({
    policy: {
      ...plain,
      routes: [
        {
          match: { path: "/total/*" },
          service: "web",
          stripPrefix: "/total",
          timeouts: { ...timeouts, totalMs: 2_000 },
        },
        { match: { path: "/most/*" }, service: "web", stripPrefix: "/most", timeouts, maxBodyBytes: 1_000_000 },
        { match: { path: "/*" }, service: "web", timeouts },
      ],
    },
  });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});
beforeEach(() => upstream.clear());

const PIECES = 12;
const PIECE_BYTES = 10_000;

/** Three seconds of it. */
async function* slowly(pieces = PIECES, pauseMs = 250): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < pieces; n++) {
    if (n > 0) await sleep(pauseMs);
    yield Buffer.alloc(PIECE_BYTES, "u");
  }
}

const length = { "Content-Length": String(PIECES * PIECE_BYTES) };

it.each([
  ["of declared length", "/", length],
  ["without a length", "/", {}],
  ["without a length, counted on its way", "/most/", {}],
  ["of declared length, under a limit", "/most/", length],
])("an upload %s may take three times as long as the headers' deadline", async (_, target, headers) => {
  const answer = await send(rig.g1, { method: "POST", target, headers, body: slowly() });
  expect(answer.status, answer.text).toBe(200);
  expect(answer.json()).toMatchObject({ bytes: PIECES * PIECE_BYTES });
  const [request] = upstream.requests;
  expect(request?.header("content-length")).toBe("Content-Length" in headers ? length["Content-Length"] : undefined);
});

it("a short one of declared length, too", async () => {
  const headers = { "Content-Length": String(8 * PIECE_BYTES) };
  const answer = await send(rig.g1, { method: "POST", headers, body: slowly(8) });
  expect(answer.json()).toMatchObject({ bytes: 8 * PIECE_BYTES });
});

it("the headers' deadline begins when the upstream has it all", async () => {
  const startedMs = performance.now();
  const answer = await send(rig.g1, { method: "POST", target: "/mute", body: slowly() });
  const tookMs = performance.now() - startedMs;
  expect(answer.status).toBe(504);
  expect(upstream.requests[0]?.bodyBytes).toBe(PIECES * PIECE_BYTES);
  expect(tookMs).toBeGreaterThan(3_600);
  expect(tookMs).toBeLessThan(6_000);
});

it("one that stops moving is ended, and the upstream learns that it was not whole", async () => {
  const startedMs = performance.now();
  const answer = await send(rig.g1, { method: "POST", headers: length, body: slowly(2, 10_000), withinMs: 9_000 });
  expect(answer.status).toBe(504);
  expect(performance.now() - startedMs).toBeLessThan(5_000);
  expect(upstream.requests[0]?.bodyBytes).toBeLessThan(PIECES * PIECE_BYTES);
});

it("the deadline of the whole exchange ends one that moves all the time", async () => {
  const startedMs = performance.now();
  const answer = await send(rig.g1, { method: "POST", target: "/total/", body: slowly(40) });
  expect(answer.status).toBe(504);
  expect(performance.now() - startedMs).toBeGreaterThan(1_900);
  expect(performance.now() - startedMs).toBeLessThan(4_000);
});

it("a large and quick one passes whole", async () => {
  const answer = await send(rig.g1, { method: "POST", body: letters(20 * 1024 * 1024) });
  expect(answer.json()).toMatchObject({ bytes: 20 * 1024 * 1024 });
});
