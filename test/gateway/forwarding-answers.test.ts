// What the client receives: the upstream's status, fields and bytes as they were sent, with the contract's fields added.
import { createHash } from "node:crypto";
import zlib from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { get, open, send } from "../support/client.ts";
import { drip, events, untilClose, webSocketEcho } from "../support/misbehaviour.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const HOST = "shop.example.com";
let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream();
  rig = await startRig({ policy: inFrontOf(upstream) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});
beforeEach(() => {
  upstream.clear();
  upstream.play({});
});

describe("status", () => {
  it.each([
    200, 201, 202, 203, 206, 207, 300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 409, 410, 412, 418, 422,
    425, 428, 429, 451, 499, 500, 501, 503, 511, 599,
  ])("%i passes with its body", async (status) => {
    upstream.play({ status, body: `body of ${status}`, headers: { "X-Own": "1", "Content-Type": "text/plain" } });
    const answer = await get(rig.g1);
    expect(answer).toMatchObject({ status, text: `body of ${status}`, whole: true });
    expect(answer.header("x-own")).toBe("1");
    expect(answer.header("content-type")).toBe("text/plain");
  });

  it.each([204, 304])("%i passes without a body", async (status) => {
    upstream.play({ status, headers: { ETag: '"v1"', "Cache-Control": "max-age=60" } });
    const answer = await get(rig.g1, "/", { "If-None-Match": '"v1"' });
    expect(answer).toMatchObject({ status, bodyBytes: 0, whole: true });
    expect(answer.header("etag")).toBe('"v1"');
    expect(answer.header("cache-control")).toBe("max-age=60");
    expect(answer.header("transfer-encoding")).toBeUndefined();
  });
});

describe("the contract's fields", () => {
  it("stand on every answer", async () => {
    const answer = await get(rig.g1);
    expect(answer.header("x-correlation-id")).toMatch(/\S{8}/);
    expect(answer.header("traceparent")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
    expect(answer.header("via")).toMatch(/^1\.1 \S+$/);
    expect(answer.header("server-timing")).toMatch(/\w+;.*dur=[\d.]+/);
    expect(answer.header("cache-status")).toMatch(/^sluice; ?fwd=\w+/);
    expect(answer.header("x-sluice-service")).toBe("web");
    expect(answer.header("x-sluice-instance")).toBe("web-1");
    expect(answer.header("x-sluice-attempts")).toBe("1");
    expect(answer.header("x-sluice-generation")).toMatch(/^\d+$/);
  });

  it("join what the upstream said itself", async () => {
    upstream.play({ headers: { Via: "1.0 origin", "Server-Timing": "db;dur=5", "Cache-Status": "inner; hit" } });
    const answer = await get(rig.g1);
    expect(answer.header("via")).toMatch(/^1\.0 origin, ?1\.1 \S+$/);
    expect(answer.header("server-timing")).toContain("db;dur=5");
    expect(answer.header("server-timing")).toMatch(/,/);
    // RFC 9211 §2: the cache closest to the origin comes first.
    expect(answer.header("cache-status")).toMatch(/^inner; hit, ?sluice;/);
  });

  it("are not there twice, and an upstream cannot speak for us", async () => {
    upstream.play({
      headers: { "X-Correlation-ID": "not-ours", "X-Sluice-Service": "other", "X-Sluice-Instance": "other" },
    });
    const answer = await get(rig.g1, "/", { "X-Correlation-ID": "mine-12345" });
    expect(answer.all("x-correlation-id")).toEqual(["mine-12345"]);
    expect(answer.all("x-sluice-service")).toEqual(["web"]);
  });
});

describe("fields", () => {
  it("several Set-Cookie stay several, in order", async () => {
    const cookies = [
      "a=1; Path=/; HttpOnly",
      "b=2; Expires=Wed, 21 Oct 2037 07:28:00 GMT",
      "c=3; SameSite=None; Secure",
    ];
    upstream.play({ headers: cookies.map((cookie) => ["Set-Cookie", cookie] as const) });
    expect((await get(rig.g1)).all("set-cookie")).toEqual(cookies);
  });

  it("the upstream's own fields arrive unchanged", async () => {
    const own = {
      Age: "7",
      "Access-Control-Allow-Origin": "*",
      "Cache-Control": "public, max-age=5",
      "Content-Disposition": 'attachment; filename="a b.txt"',
      "Content-Language": "de",
      "Content-Security-Policy": "default-src 'self'",
      Date: "Tue, 15 Nov 1994 08:12:31 GMT",
      ETag: '"strong"',
      Expires: "Thu, 01 Dec 1994 16:00:00 GMT",
      "Last-Modified": "Tue, 15 Nov 1994 12:45:26 GMT",
      Server: "origin/1.0",
      "Strict-Transport-Security": "max-age=1",
      Vary: "Accept-Encoding",
      "WWW-Authenticate": 'Basic realm="x"',
      "X-Powered-By": "nothing",
    };
    upstream.play({ headers: own, body: "x" });
    const answer = await get(rig.g1);
    for (const [name, value] of Object.entries(own)) expect(answer.header(name), name).toBe(value);
  });
});

describe("encoded bodies", () => {
  const text = Buffer.from("nothing compresses like repetition; ".repeat(2_000));
  const encodings: [string, Buffer][] = [
    ["gzip", zlib.gzipSync(text)],
    ["deflate", zlib.deflateSync(text)],
    ["br", zlib.brotliCompressSync(text)],
    ["zstd", zlib.zstdCompressSync(text)],
    ["x-unheard-of", Buffer.from("opaque")],
  ];

  describe.each(["gzip, deflate, br, zstd", undefined])("when the client accepts %s", (accepted) => {
    it.each(encodings)("%s passes byte for byte, with length and strong ETag", async (encoding, body) => {
      upstream.play({
        headers: {
          "Content-Encoding": encoding,
          "Content-Type": "text/html",
          ETag: '"strong"',
          Vary: "Accept-Encoding",
        },
        body,
      });
      const answer = await get(rig.g1, "/", accepted === undefined ? {} : { "Accept-Encoding": accepted });
      expect(answer.body.equals(body)).toBe(true);
      expect(answer.header("content-encoding")).toBe(encoding);
      expect(answer.header("content-length")).toBe(String(body.length));
      expect(answer.header("etag")).toBe('"strong"');
    });
  });

  it("chunked and encoded passes byte for byte", async () => {
    const body = zlib.gzipSync(text);
    upstream.play(async (exchange) => {
      await exchange.head(200, { "Content-Encoding": "gzip", "Transfer-Encoding": "chunked" });
      await exchange.chunk(body.subarray(0, 10));
      await exchange.chunk(body.subarray(10));
      await exchange.lastChunk();
    });
    const answer = await get(rig.g1, "/", { "Accept-Encoding": "gzip" });
    expect(answer.body.equals(body)).toBe(true);
    expect(answer.header("content-encoding")).toBe("gzip");
  });
});

describe("redirects", () => {
  const location = async (sent: string, host = HOST): Promise<string | undefined> => {
    upstream.play({ status: 302, headers: { Location: sent } });
    const answer = await get(rig.g1, "/from", { Host: host });
    expect(answer.status).toBe(302);
    return answer.header("location");
  };

  it("to the instance itself point at the public host", async () => {
    expect(await location(`${upstream.origin}/there?q=1#f`)).toBe(`http://${HOST}/there?q=1#f`);
    expect(await location(`${upstream.origin}/there`, `${HOST}:8443`)).toBe(`http://${HOST}:8443/there`);
    expect(await location(`//${upstream.authority}/there`)).toMatch(new RegExp(`^(http:)?//${HOST}/there$`));
  });

  it("to elsewhere, and relative ones, stay as they are", async () => {
    for (const sent of [
      "/there",
      "there?q=1",
      "?q=1",
      "https://elsewhere.example/x",
      `${upstream.origin}0/other-port`,
      "mailto:a@b.example",
    ]) {
      expect(await location(sent)).toBe(sent);
    }
  });

  it("Content-Location follows the same rule", async () => {
    upstream.play({ headers: { "Content-Location": `${upstream.origin}/doc` } });
    expect((await get(rig.g1, "/", { Host: HOST })).header("content-location")).toBe(`http://${HOST}/doc`);
  });

  it("a cookie for the instance's host becomes one for the public host", async () => {
    upstream.play({
      headers: [
        ["Set-Cookie", "a=1; Domain=127.0.0.1; Path=/"],
        ["Set-Cookie", "b=2; Path=/; domain=127.0.0.1"],
        ["Set-Cookie", "c=3; Domain=other.example"],
      ],
    });
    const cookies = (await get(rig.g1, "/", { Host: HOST })).all("set-cookie");
    expect(cookies).toEqual([
      `a=1; Domain=${HOST}; Path=/`,
      `b=2; Path=/; Domain=${HOST}`,
      "c=3; Domain=other.example",
    ]);
  });
});

describe("ranges", () => {
  it("206 and 416 pass with their Content-Range", async () => {
    upstream.play({ status: 206, headers: { "Content-Range": "bytes 2-4/10", "Accept-Ranges": "bytes" }, body: "cde" });
    const part = await get(rig.g1, "/", { Range: "bytes=2-4" });
    expect(part).toMatchObject({ status: 206, text: "cde" });
    expect(part.header("content-range")).toBe("bytes 2-4/10");
    expect(upstream.last.header("range")).toBe("bytes=2-4");
    upstream.play({ status: 416, headers: { "Content-Range": "bytes */10" } });
    const none = await get(rig.g1, "/", { Range: "bytes=99-" });
    expect(none.status).toBe(416);
    expect(none.header("content-range")).toBe("bytes */10");
  });
});

describe("framing", () => {
  it("Content-Length is kept", async () => {
    upstream.play({ body: "x".repeat(12_345) });
    const answer = await get(rig.g1);
    expect(answer.header("content-length")).toBe("12345");
    expect(answer.bodyBytes).toBe(12_345);
  });

  it("a body that ends with its connection is whole", async () => {
    upstream.play(untilClose("until the end"));
    expect(await get(rig.g1)).toMatchObject({ status: 200, text: "until the end", whole: true });
  });

  it("trailers are dropped, and the next request does not suffer from them", async () => {
    upstream.play(async (exchange) => {
      await exchange.head(200, { "Transfer-Encoding": "chunked", Trailer: "X-Sum" });
      await exchange.chunk("summed");
      await exchange.lastChunk([["X-Sum", "1"]]);
    });
    expect(await get(rig.g1)).toMatchObject({ status: 200, text: "summed", whole: true });
    upstream.play({ body: "next" });
    for (let round = 0; round < 3; round++) expect(await get(rig.g1)).toMatchObject({ status: 200, text: "next" });
  });

  it.each([
    ["103 Early Hints", 103, { Link: "</a.css>; rel=preload" }],
    ["100 Continue", 100, {}],
    ["102 Processing", 102, {}],
  ] as const)("an interim %s is not taken for the answer", async (_, status, headers) => {
    upstream.play(async (exchange) => {
      await exchange.head(status, headers);
      return { status: 201, headers: { "X-Final": "yes", "Content-Type": "text/plain" }, body: "the real answer" };
    });
    const answer = await get(rig.g1);
    expect(answer).toMatchObject({ status: 201, text: "the real answer", whole: true });
    expect(answer.header("x-final")).toBe("yes");
    expect(answer.header("content-length")).toBe("15");
  });
});

describe("streams", () => {
  it("an event reaches the client before the next one is sent", async () => {
    const gates = Array.from({ length: 3 }, () => Promise.withResolvers<string>());
    upstream.play(events(async (index) => gates[index]?.promise));
    const conversation = open(rig.g1);
    expect((await conversation.head).header("content-type")).toBe("text/event-stream");
    for (const [index, gate] of gates.entries()) {
      gate.resolve(`event ${index}`);
      await conversation.until((body) => body.includes(`data: event ${index}\n\n`), `event ${index}`);
    }
    expect(await conversation.answer()).toMatchObject({ whole: true });
  });

  it("headers reach the client before the body begins", async () => {
    const gate = Promise.withResolvers<void>();
    upstream.play(async (exchange) => {
      await exchange.head(200, { "Content-Length": "4" });
      await gate.promise;
      await exchange.write("late");
    });
    const conversation = open(rig.g1);
    expect((await conversation.head).status).toBe(200);
    gate.resolve();
    expect(await conversation.answer()).toMatchObject({ text: "late", whole: true });
  });

  it("a slow body arrives in full", async () => {
    upstream.play(drip(20, 10));
    expect(await get(rig.g1)).toMatchObject({ text: "d".repeat(20), whole: true });
  });
});

describe("WebSocket", () => {
  const connect = async (protocols: string[] = []): Promise<WebSocket> => {
    upstream.play(webSocketEcho);
    const socket = new WebSocket(`${rig.g1.replace("http", "ws")}/ws?room=1`, protocols);
    socket.binaryType = "arraybuffer";
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve(), { once: true });
      socket.addEventListener("error", () => reject(new Error("the handshake failed")), { once: true });
    });
    return socket;
  };
  const next = (socket: WebSocket): Promise<unknown> =>
    new Promise((resolve) => socket.addEventListener("message", (event) => resolve(event.data), { once: true }));

  it("echoes text and binary, through path and query", async () => {
    const socket = await connect();
    expect(upstream.last.target).toBe("/ws?room=1");
    expect(upstream.last.header("upgrade")?.toLowerCase()).toBe("websocket");
    for (const text of ["hello", "ü€", "x".repeat(10_000)]) {
      const echoed = next(socket);
      socket.send(text);
      expect(await echoed).toBe(`echo:${text}`);
    }
    const echoed = next(socket);
    socket.send(new Uint8Array([0, 255, 7]));
    expect(Buffer.from((await echoed) as ArrayBuffer)).toEqual(Buffer.from([0, 255, 7]));
    socket.close();
  });

  it("negotiates a subprotocol", async () => {
    const socket = await connect(["chat.v2", "chat.v1"]);
    expect(socket.protocol).toBe("chat.v2");
    socket.close();
  });

  it("closes on both sides with the code", async () => {
    const socket = await connect();
    const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener("close", resolve, { once: true }));
    socket.close(4001, "done");
    expect(await closed).toMatchObject({ code: 4001 });
    await upstream.closed(1, 2_000);
  });

  it("carries forwarding fields like any request", async () => {
    const socket = await connect();
    expect(upstream.last.header("x-forwarded-host")).toBe(new URL(rig.g1).host);
    expect(upstream.last.header("cdn-loop")).toBeDefined();
    socket.close();
  });

  it("an upgrade the upstream refuses is an ordinary answer", async () => {
    upstream.play({ status: 403, body: "no sockets here" });
    const answer = await send(rig.g1, {
      headers: {
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      },
    });
    expect(answer).toMatchObject({ status: 403, text: "no sockets here" });
  });
});

it("a 5 MB body arrives byte for byte", async () => {
  const body = Buffer.alloc(5_000_000, "0123456789abcdef");
  upstream.play({ body });
  const answer = await get(rig.g1);
  expect(answer.bodySha256).toBe(createHash("sha256").update(body).digest("hex"));
});
