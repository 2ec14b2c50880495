// 200 MB pass in either direction with flat memory, and a client that does not read holds the upstream back.
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { get, letters, open, send } from "../support/client.ts";
import { large, uploadReceipt } from "../support/misbehaviour.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { byPath, startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const BYTES = 200 * 1024 * 1024;
const FLAT_BYTES = 64 * 1024 * 1024;
/** Larger than what the sockets on the way hold: writing waits while the client does. */
const VARIED = randomBytes(48 * 1024 * 1024);
const noProc = !existsSync("/proc/self/status");

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream(
    byPath({ "/down": large(BYTES), "/varied": { body: VARIED }, "/up": uploadReceipt, "*": {} }),
  );
  rig = await startRig({ policy: inFrontOf(upstream) });
  // Everything that is only loaded once is loaded before memory is measured.
  await get(rig.g1, "/");
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});
beforeEach(() => upstream.clear());

/** The most resident memory workerd had over what it had before, sampled while `work` ran. */
async function growthDuring(work: () => Promise<void>): Promise<number> {
  const before = rig.residentBytes();
  let most = before;
  const sampling = setInterval(() => (most = Math.max(most, rig.residentBytes())), 20);
  await work().finally(() => clearInterval(sampling));
  return most - before;
}

it.skipIf(noProc)("200 MB down, with flat memory", async () => {
  const growth = await growthDuring(async () => {
    const answer = await send(rig.g1, { target: "/down", keepBytes: 0 });
    expect(answer).toMatchObject({ status: 200, bodyBytes: BYTES, whole: true });
    expect(answer.header("content-length")).toBe(String(BYTES));
  });
  expect(growth).toBeLessThan(FLAT_BYTES);
});

it.skipIf(noProc).each([
  ["with a Content-Length", { "Content-Length": String(BYTES) }],
  ["in chunks", { "Transfer-Encoding": "chunked" }],
])("200 MB up %s, with flat memory", async (_, headers) => {
  const growth = await growthDuring(async () => {
    const answer = await send(rig.g1, { method: "POST", target: "/up", headers, body: letters(BYTES) });
    expect(answer.json()).toMatchObject({ bytes: BYTES });
  });
  expect(growth).toBeLessThan(FLAT_BYTES);
});

it("a client that reads by fits and starts gets every byte in its place", async () => {
  const conversation = open(rig.g1, { target: "/varied", keepBytes: 0 });
  for (let part = 1; part <= 4; part++) {
    await conversation.until(() => conversation.bodyBytes >= (part * VARIED.length) / 5, `part ${part}`);
    conversation.socket.pause();
    await sleep(200);
    conversation.socket.resume();
  }
  const answer = await conversation.answer();
  expect(answer.bodySha256).toBe(createHash("sha256").update(VARIED).digest("hex"));
});

it("a client that does not read holds the upstream back", async () => {
  // The connection to the upstream may have served before: what it had carried by then does not count.
  const carried = new Map(upstream.connections.map((connection) => [connection, connection.writtenBytes]));
  const conversation = open(rig.g1, { target: "/down", keepBytes: 0 });
  await conversation.head;
  conversation.socket.pause();
  const { connection } = upstream.last;
  const takenOf = (): number => connection.writtenBytes - (carried.get(connection) ?? 0);
  // Held back means: nothing more was taken for a whole half second.
  for (let before = -1; before !== takenOf();) {
    before = takenOf();
    await sleep(500);
  }
  expect(takenOf()).toBeLessThan(FLAT_BYTES);
  conversation.socket.resume();
  expect(await conversation.answer()).toMatchObject({ bodyBytes: BYTES, whole: true });
});
