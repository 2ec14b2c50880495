// Bodies on their way into the cache: a miss never waits for storing, a slow client holds up nobody, and what is too large
// to be held passes as if there were no cache.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { get, open, send } from "../support/client.ts";
import { large } from "../support/misbehaviour.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const FRESH = { "Cache-Control": "max-age=60" };

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream();
  rig = await startRig({ policy: inFrontOf(upstream, { sections: { cache: {} } }) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});
beforeEach(() => upstream.clear());

test("the client gets each piece as it comes, and the next one the whole from memory", async () => {
  let go: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  upstream.play(async (exchange) => {
    await exchange.write(
      "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n",
    );
    await gate;
    await exchange.write("6\r\nsecond\r\n0\r\n\r\n");
  });
  const conversation = open(rig.g1, { target: "/pieces" });
  await conversation.until((body) => body.includes("first"), "the first piece");
  go();
  expect((await conversation.answer()).text).toBe("firstsecond");
  const second = await get(rig.g1, "/pieces");
  expect(second.text).toBe("firstsecond");
  expect(second.header("content-length")).toBe("11");
  expect(second.header("cache-status")).toContain("hit");
});

test("a client that has the new answer already is told before the body is whole, and whoever comes then shares it", async () => {
  const body = Promise.withResolvers<void>();
  const date = new Date(Date.now() - 60_000).toUTCString();
  upstream.play({ headers: { Date: date, "Cache-Control": "max-age=1", ETag: '"old"' }, body: "before" });
  await get(rig.g1, "/has-it");
  upstream.play(async (exchange) => {
    await exchange.head(200, { ...FRESH, ETag: '"new"', "Content-Length": "5" });
    await body.promise;
    await exchange.write("after");
  });
  const told = await get(rig.g1, "/has-it", { "If-None-Match": '"new"' });
  expect(told.status).toBe(304);
  const follower = get(rig.g1, "/has-it");
  // Of two requests on the same isolate the first was looked at once the second is answered.
  await get(rig.g1, "/_sluice/ready");
  body.resolve();
  const shared = await follower;
  expect(shared.text).toBe("after");
  expect(shared.header("cache-status")).toMatch(/^sluice; fwd=stale; .*collapsed/);
  expect(upstream.count).toBe(2);
});

test("a client that does not read holds up nobody", async () => {
  const body = "x".repeat(2_000_000);
  upstream.play({ headers: FRESH, body });
  const slow = open(rig.g1, { target: "/slow" });
  slow.socket.pause();
  await upstream.received(1);
  const quick = await get(rig.g1, "/slow");
  expect(quick.bodyBytes).toBe(body.length);
  expect(upstream.count).toBe(1);
  slow.leave();
});

test("what is too large to be held passes whole, is not kept, and costs no memory", async () => {
  const bytes = 100_000_000;
  upstream.play(large(bytes));
  await get(rig.g1, "/warm-up");
  const before = rig.residentBytes();
  for (let n = 0; n < 3; n++) {
    const answer = await send(rig.g1, { target: "/large", keepBytes: 0 });
    expect(answer.bodyBytes).toBe(bytes);
    expect(answer.whole).toBe(true);
  }
  expect(rig.residentBytes() - before).toBeLessThan(150_000_000);
});

test("without a declared length too: it streams on once it has grown too large", async () => {
  const piece = Buffer.alloc(1_000_000, "y");
  upstream.play(async (exchange) => {
    await exchange.write("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (let n = 0; n < 12; n++) {
      await exchange.write("f4240\r\n");
      await exchange.write(piece);
      await exchange.write("\r\n");
    }
    await exchange.write("0\r\n\r\n");
  });
  const expected = createHash("sha256");
  for (let n = 0; n < 12; n++) expected.update(piece);
  const digest = expected.digest("hex");
  for (let n = 0; n < 2; n++) {
    const answer = await send(rig.g1, { target: "/grows", keepBytes: 0 });
    expect(answer.bodyBytes).toBe(12_000_000);
    expect(answer.bodySha256).toBe(digest);
  }
  expect(upstream.count).toBe(2);
});

test("coded bytes that come in chunks are kept coded, whoever asks", async () => {
  const coded = gzipSync("hello ".repeat(100));
  upstream.play({
    headers: { ...FRESH, "Content-Encoding": "gzip", Vary: "Accept-Encoding", ETag: '"z"' },
    body: coded,
  });
  const asks = { "Accept-Encoding": "gzip" };
  for (let n = 0; n < 3; n++) {
    const answer = await get(rig.g1, "/coded", asks);
    expect(answer.body.equals(coded)).toBe(true);
    expect(answer.header("content-length")).toBe(String(coded.length));
    expect(answer.header("etag")).toBe('"z"');
  }
  expect(upstream.count).toBe(1);
});

test("what memory cannot hold streams into the colo's level, and out of it again", async () => {
  const body = Buffer.alloc(6_000_000, "z");
  upstream.play({ headers: { ...FRESH, ETag: '"six"' }, body });
  const first = await send(rig.g1, { target: "/six", keepBytes: 0 });
  expect(first.bodyBytes).toBe(body.length);
  expect(first.header("cache-status")).toContain("; stored");
  await expect
    .poll(async () => (await send(rig.g1, { target: "/six", keepBytes: 0 })).header("cache-status"), { timeout: 5_000 })
    .toMatch(/sluice; hit; ttl=\d+; detail=edge/);
  const again = await send(rig.g1, { target: "/six", keepBytes: 0 });
  expect(again.bodySha256).toBe(createHash("sha256").update(body).digest("hex"));
  expect(again.header("content-length")).toBe("6000000");
  const part = await get(rig.g1, "/six", { Range: "bytes=0-4" });
  expect([200, 206]).toContain(part.status);
  expect((await get(rig.g1, "/six", { "If-None-Match": '"six"' })).status).toBe(304);
});
