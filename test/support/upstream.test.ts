// The rig's own ends are tools others trust: what they record and how they misbehave is tested client against upstream.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { get, letters, open, send } from "./client.ts";
import * as misbehaviour from "./misbehaviour.ts";
import { startSink } from "./sink.ts";
import { byPath, inTurn, startUpstream } from "./upstream.ts";
import type { Upstream } from "./upstream.ts";

let upstream: Upstream;
beforeEach(async () => {
  upstream = await startUpstream();
});
afterEach(async () => {
  await upstream.close();
  expect(upstream.scriptErrors).toEqual([]);
});

describe("the record", () => {
  it("keeps the head byte for byte, and every duplicate field in order", async () => {
    await send(upstream.origin, {
      method: "PURGE",
      target: "/a%2Fb?q=1&q=2",
      headers: [
        ["X-Dup", "1"],
        ["x-dUP", "2"],
      ],
    });
    expect(upstream.last.head).toBe(
      `PURGE /a%2Fb?q=1&q=2 HTTP/1.1\r\nHost: ${upstream.authority}\r\nX-Dup: 1\r\nx-dUP: 2\r\nConnection: close`,
    );
    expect(upstream.last.all("X-DUP")).toEqual(["1", "2"]);
    expect(upstream.last.query.getAll("q")).toEqual(["1", "2"]);
  });

  it.each(["length", "chunked"])("reads a body framed by %s to its end", async (framing) => {
    upstream.play(misbehaviour.uploadReceipt);
    const text = "0123456789".repeat(20_000);
    const body =
      framing === "length"
        ? text
        : (async function* () {
            yield Buffer.from(text.slice(0, 7));
            yield Buffer.from(text.slice(7));
          })();
    const answer = await send(upstream.origin, { method: "POST", body });
    expect(answer.json()).toMatchObject({ bytes: 200_000 });
    expect(upstream.last.body.toString()).toBe(text);
  });

  it("serves several requests of one connection, also when they arrive in one piece", async () => {
    upstream.play(inTurn({ body: "first" }, { body: "second" }));
    const raw = "POST /1 HTTP/1.1\r\nHost: u\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: u\r\n\r\n";
    const conversation = open(upstream.origin, { raw });
    await upstream.received(2);
    conversation.leave();
    expect(
      upstream.requests.map((request) => [request.target, request.body.toString(), request.connection.number]),
    ).toEqual([
      ["/1", "abc", 1],
      ["/2", "", 1],
    ]);
  });

  it("tells when a socket closed, and says what it saw when it did not", async () => {
    upstream.play(misbehaviour.hang);
    const conversation = open(upstream.origin);
    const request = await upstream.received();
    await expect(upstream.closed(1, 20)).rejects.toThrow(
      /no the close of request 1's socket within 20 ms; 1 requests so far/,
    );
    expect(upstream.inFlight).toBe(1);
    conversation.leave();
    expect(await upstream.closed()).toBeGreaterThanOrEqual(request.arrivedMs);
    await upstream.until(() => upstream.inFlight === 0, "rest");
    expect(upstream.maxInFlight).toBe(1);
  });

  it("dies and rises on its port", async () => {
    await upstream.die();
    await expect(get(upstream.origin)).rejects.toThrow(/ECONNREFUSED/);
    await upstream.rise();
    expect((await get(upstream.origin)).status).toBe(200);
  });
});

describe("answers", () => {
  it("are framed by their length, by chunks, by the end, or not at all", async () => {
    upstream.play(
      byPath({
        "/length": {
          body: "hello",
          headers: [
            ["Set-Cookie", "a=1"],
            ["Set-Cookie", "b=2"],
          ],
        },
        "/chunked": async (exchange) => {
          await exchange.head(200, { "Transfer-Encoding": "chunked" });
          await exchange.chunk("hel");
          await exchange.chunk("lo");
          await exchange.lastChunk([["X-Sum", "1"]]);
        },
        "/close": misbehaviour.untilClose("hello"),
        "/none": { status: 204 },
      }),
    );
    for (const target of ["/length", "/chunked", "/close"]) {
      expect(await get(upstream.origin, target)).toMatchObject({ status: 200, text: "hello", whole: true });
    }
    expect((await get(upstream.origin, "/length")).all("set-cookie")).toEqual(["a=1", "b=2"]);
    expect(await get(upstream.origin, "/none")).toMatchObject({ status: 204, text: "", whole: true });
    expect(await send(upstream.origin, { method: "HEAD", target: "/length" })).toMatchObject({
      bodyBytes: 0,
      whole: true,
    });
    expect(await get(upstream.origin, "/nowhere")).toMatchObject({ status: 404 });
  });

  it("can be cut in every way, and the client knows", async () => {
    upstream.play(
      byPath({
        "/fin": misbehaviour.cut(1_000, 500),
        "/reset": misbehaviour.cut(1_000, 500, "reset"),
        "/chunks": misbehaviour.cutChunked,
      }),
    );
    for (const target of ["/fin", "/reset", "/chunks"]) {
      expect(await get(upstream.origin, target), target).toMatchObject({ status: 200, bodyBytes: 500, whole: false });
    }
  });

  it.each(["resetAtOnce", "closeAtOnce", "halfHead"] as const)("%s gives no answer at all", async (name) => {
    upstream.play(misbehaviour[name]);
    await expect(get(upstream.origin)).rejects.toThrow(/ended before an answer|ECONNRESET/);
  });

  it("keeps interim answers apart from the final one", async () => {
    upstream.play(async (exchange) => {
      await exchange.head(103, { Link: "</a.css>; rel=preload" });
      return { body: "final" };
    });
    const answer = await get(upstream.origin);
    expect(answer.interim.map((head) => head.status)).toEqual([103]);
    expect(answer.text).toBe("final");
  });

  it("streams in both directions with backpressure", async () => {
    upstream.play(byPath({ "/down": misbehaviour.large(5_000_000), "/up": misbehaviour.uploadReceipt }));
    const down = await send(upstream.origin, { target: "/down", keepBytes: 0 });
    expect(down).toMatchObject({ bodyBytes: 5_000_000, whole: true });
    expect(down.body.length).toBe(0);
    const up = await send(upstream.origin, { method: "POST", target: "/up", body: letters(5_000_000) });
    expect(up.json()).toEqual({ bytes: 5_000_000, sha256: down.bodySha256 });
  });

  it("shows an event stream as it happens", async () => {
    let release = (): void => undefined;
    const second = new Promise<void>((resolve) => (release = resolve));
    upstream.play(
      misbehaviour.events(async (index) => {
        if (index === 0) return "one";
        await second;
        return index === 1 ? "two" : undefined;
      }),
    );
    const conversation = open(upstream.origin);
    await conversation.until((body) => body.includes("data: one\n\n"), "the first event");
    release();
    expect(await conversation.answer()).toMatchObject({ text: "data: one\n\ndata: two\n\n", whole: true });
  });

  it("speaks WebSocket", async () => {
    upstream.play(misbehaviour.webSocketEcho);
    const socket = new WebSocket(`ws://${upstream.authority}/`, ["chat"]);
    await new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }));
    expect(socket.protocol).toBe("chat");
    for (const text of ["hi", "x".repeat(300)]) {
      const echoed = new Promise((resolve) =>
        socket.addEventListener("message", (event) => resolve(event.data), { once: true }),
      );
      socket.send(text);
      expect(await echoed).toBe(`echo:${text}`);
    }
    const closed = new Promise((resolve) => socket.addEventListener("close", resolve, { once: true }));
    socket.close(1000);
    await closed;
  });
});

it("a sink counts every connection and byte", async () => {
  const sink = await startSink();
  const conversation = open(sink.origin);
  conversation.socket.end();
  await conversation.ended;
  expect(sink.connections).toBe(1);
  await sink.close();
});
