// What the upstream receives: any method, the path and query as sent, the client's fields and no others but those of the
// contract, the body byte for byte.
import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { get, letters, open, send } from "../support/client.ts";
import { uploadReceipt } from "../support/misbehaviour.ts";
import { inFrontOf } from "../support/policies.ts";
import { expectProblem } from "../support/problem.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { byPath, startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const CLIENT = "203.0.113.7";
const HOST = "shop.example.com";
let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream(byPath({ "/upload": uploadReceipt, "*": { body: "ok" } }));
  rig = await startRig({ policy: inFrontOf(upstream) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});
beforeEach(() => upstream.clear());

describe("methods", () => {
  it.each(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT", "MKCOL", "PURGE", "SEARCH"])(
    "%s passes",
    async (method) => {
      const answer = await send(rig.g1, { method, target: "/m" });
      expect(answer).toMatchObject({ status: 200, text: "ok" });
      expect(upstream.last.method).toBe(method);
    },
  );

  it("HEAD passes as HEAD and keeps Content-Length", async () => {
    const answer = await send(rig.g1, { method: "HEAD", target: "/m" });
    expect(answer).toMatchObject({ status: 200, bodyBytes: 0 });
    expect(answer.header("content-length")).toBe("2");
    expect(upstream.last.method).toBe("HEAD");
  });

  it("OPTIONS with an Origin is the upstream's to answer", async () => {
    await send(rig.g1, {
      method: "OPTIONS",
      target: "/m",
      headers: { Origin: "https://a.example", "Access-Control-Request-Method": "PUT" },
    });
    expect(upstream.last.header("access-control-request-method")).toBe("PUT");
  });
});

describe("target", () => {
  it.each([
    "/",
    "/plain/path",
    "/trailing/",
    "/double//slash",
    "/semi;colon=1/x",
    "/a%2Fb",
    "/a%2fb",
    "/%C3%BC/%E2%82%AC",
    "/sp%20ace",
    "/?a=1&a=2&b=%2F+x&empty=&flag",
    "/q?url=https://x.example/?y=1#",
    "/colon:and@at!$&()*+,=",
  ])("%s arrives as it was sent", async (target) => {
    await get(rig.g1, target);
    expect(upstream.last.target).toBe(target.replace(/#$/, ""));
  });

  it.each(["/nul%00", "/bad%zz", "/overlong%c0%af"])("%s is 400", async (target) => {
    expectProblem(await get(rig.g1, target), 400);
    expect(upstream.count).toBe(0);
  });

  it("dots are resolved before anything is decided", async () => {
    await get(rig.g1, "/a/../b/./c");
    expect(upstream.last.target).toBe("/b/c");
  });
});

describe("fields", () => {
  it("the upstream sees nothing the client did not send, but for forwarding, correlation and trace", async () => {
    await get(rig.g1, "/", { Host: HOST });
    const ours = new Set(
      "host cdn-loop forwarded traceparent via x-correlation-id x-forwarded-for x-forwarded-host x-forwarded-proto x-forwarded-port x-proxy-correlation-id x-proxy-request-id x-real-ip".split(
        " ",
      ),
    );
    const seen = upstream.last.fields.map(([name]) => name.toLowerCase());
    expect(seen.filter((name) => !ours.has(name))).toEqual([]);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it("the client's own fields arrive unchanged", async () => {
    const own = {
      Accept: "text/html;q=0.9, */*;q=0.1",
      "Accept-Encoding": "gzip;q=0.5, br, zstd",
      "Accept-Language": "en, fr;q=0.5",
      Authorization: "Bearer abc.def",
      "Cache-Control": "no-cache",
      Cookie: 'a=1; b="2"; c=%33',
      "If-None-Match": '"x", W/"y"',
      Origin: "https://a.example",
      Range: "bytes=0-1",
      Referer: "https://a.example/?q",
      "User-Agent": "Test/1.0 (like nothing else)",
      "X-Custom": "  inner  spaces kept",
    };
    await get(rig.g1, "/", own);
    for (const [name, value] of Object.entries(own)) expect(upstream.last.header(name), name).toBe(value.trim());
  });

  it("repeated fields arrive with all their values in order", async () => {
    await get(rig.g1, "/", [
      ["X-Many", "1"],
      ["X-Many", "2"],
      ["x-many", "3, 4"],
    ]);
    expect(upstream.last.header("x-many")?.replaceAll(/\s*,\s*/g, ",")).toBe("1,2,3,4");
  });

  it("the public host travels in X-Forwarded-Host and Forwarded, Host is the instance's", async () => {
    await get(rig.g1, "/", { Host: HOST, "CF-Connecting-IP": CLIENT });
    expect(upstream.last.header("host")).toBe(upstream.authority);
    expect(upstream.last.header("x-forwarded-host")).toBe(HOST);
    expect(upstream.last.header("x-forwarded-proto")).toBe("http");
    expect(upstream.last.header("x-forwarded-for")).toBe(CLIENT);
    const forwarded = upstream.last.header("forwarded") ?? "";
    expect(forwarded).toContain(`for=${CLIENT}`);
    expect(forwarded).toMatch(new RegExp(`host="?${HOST}"?`));
    expect(forwarded).toContain("proto=http");
  });

  it("an IPv6 client is quoted in Forwarded (RFC 7239 §6)", async () => {
    await get(rig.g1, "/", { "CF-Connecting-IP": "2001:db8::7" });
    expect(upstream.last.header("forwarded")).toContain('for="[2001:db8::7]"');
    expect(upstream.last.header("x-forwarded-for")).toBe("2001:db8::7");
  });

  it("a client cannot pretend to be forwarded", async () => {
    await get(rig.g1, "/", {
      Host: HOST,
      "CF-Connecting-IP": CLIENT,
      "X-Forwarded-For": "6.6.6.6",
      "X-Forwarded-Host": "evil.example",
      "X-Forwarded-Proto": "gopher",
      "X-Real-IP": "6.6.6.6",
      Forwarded: "for=6.6.6.6;host=evil.example",
    });
    const seen = upstream.last;
    expect(seen.header("x-forwarded-for")?.split(",")[0]?.trim()).toBe(CLIENT);
    expect(seen.header("x-forwarded-host")).toBe(HOST);
    expect(seen.header("x-forwarded-proto")).toBe("http");
    expect(seen.header("forwarded") ?? "").not.toContain("evil.example");
    expect(seen.header("x-real-ip") ?? CLIENT).toBe(CLIENT);
  });

  it("Via grows by one member, and says the protocol it was received with", async () => {
    await get(rig.g1, "/", { Via: "1.0 fred" });
    expect(upstream.last.header("via")).toMatch(/^1\.0 fred, 1\.1 \S+/);
    await get(rig.g1, "/");
    expect(upstream.last.header("via")).toMatch(/^1\.1 \S+$/);
  });
});

describe("correlation and trace", () => {
  it("a sane correlation id is kept, towards the upstream and back", async () => {
    const answer = await get(rig.g1, "/", { "X-Correlation-ID": "order-42.retry_1" });
    expect(answer.header("x-correlation-id")).toBe("order-42.retry_1");
    expect(upstream.last.header("x-proxy-correlation-id") ?? upstream.last.header("x-correlation-id")).toBe(
      "order-42.retry_1",
    );
  });

  it.each(["", "has space", "<script>alert(1)</script>", "x".repeat(300), 'quo"te', "ünicode"])(
    "an insane one (%j) is replaced",
    async (id) => {
      const answer = await get(rig.g1, "/", { "X-Correlation-ID": id });
      expect(answer.header("x-correlation-id")).not.toBe(id);
      expect(answer.header("x-correlation-id")).toMatch(/^[\w.:-]{8,128}$/);
    },
  );

  it("every request without one gets one of its own", async () => {
    const [a, b] = await Promise.all([get(rig.g1, "/"), get(rig.g1, "/")]);
    expect(a.header("x-correlation-id")).not.toBe(b.header("x-correlation-id"));
  });

  it("a trace is continued: same trace id, a parent of our own, flags kept (W3C Trace Context §4.3)", async () => {
    const sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const answer = await get(rig.g1, "/", { traceparent: sent, tracestate: "vendor=1" });
    const onward = upstream.last.header("traceparent") ?? "";
    expect(onward).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/);
    expect(onward).not.toContain("00f067aa0ba902b7");
    expect(upstream.last.header("tracestate")).toBe("vendor=1");
    expect(answer.header("traceparent")).toContain("4bf92f3577b34da6a3ce929d0e0e4736");
  });

  it.each([
    "garbage",
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01",
  ])("an invalid trace (%s) starts a new one", async (traceparent) => {
    await get(rig.g1, "/", { traceparent });
    const onward = upstream.last.header("traceparent") ?? "";
    expect(onward).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]$/);
    expect(onward.slice(3, 35)).not.toBe(traceparent.slice(3, 35));
  });
});

describe("loops", () => {
  it("a request that came through us already is 508 (RFC 8586)", async () => {
    await get(rig.g1, "/");
    const ours = upstream.last.header("cdn-loop") ?? "";
    expect(ours).not.toBe("");
    upstream.clear();
    for (const loop of [ours, `other.example, ${ours}`, `${ours}; tag=1`]) {
      expectProblem(await get(rig.g1, "/", { "CDN-Loop": loop }), 508);
    }
    expect(upstream.count).toBe(0);
  });

  it("another network's mark is kept, and ours is added", async () => {
    const answer = await get(rig.g1, "/", { "CDN-Loop": "other.example; v=1" });
    expect(answer.status).toBe(200);
    expect(upstream.last.header("cdn-loop")).toMatch(/^other\.example; ?v=1, ?\S+/);
  });

  it("a gateway whose instance is itself ends with 508, not in a circle", async () => {
    const looping = await startRig({ policy: inFrontOf("http://127.0.0.1:1") });
    await looping.publish(inFrontOf(looping.g1));
    const answer = await get(looping.g1, "/");
    expect(answer.status).toBe(508);
    await looping.close();
  });
});

describe("bodies", () => {
  const bytes = randomBytes(300_000);
  const sha256 = createHash("sha256").update(bytes).digest("hex");

  it("with a Content-Length arrive byte for byte, and framed by it", async () => {
    const answer = await send(rig.g1, {
      method: "PUT",
      target: "/upload",
      headers: { "Content-Type": "application/x-odd" },
      body: bytes,
    });
    expect(answer.json()).toEqual({ bytes: bytes.length, sha256 });
    expect(upstream.last.header("content-length")).toBe(String(bytes.length));
    expect(upstream.last.header("content-type")).toBe("application/x-odd");
  });

  it("in chunks arrive byte for byte", async () => {
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 9_999) yield bytes.subarray(at, at + 9_999);
    }
    const answer = await send(rig.g1, { method: "POST", target: "/upload", body: pieces() });
    expect(answer.json()).toEqual({ bytes: bytes.length, sha256 });
  });

  it("that are empty stay empty", async () => {
    const answer = await send(rig.g1, { method: "POST", target: "/upload", headers: { "Content-Length": "0" } });
    expect(answer.json()).toMatchObject({ bytes: 0 });
    expect(upstream.last.header("transfer-encoding")).toBeUndefined();
  });

  it("of a GET and a DELETE are passed on", async () => {
    for (const method of ["DELETE", "PROPFIND"]) {
      const answer = await send(rig.g1, { method, target: "/upload", body: "why not" });
      expect(answer.json(), method).toMatchObject({ bytes: 7 });
    }
  });

  it("behind Expect: 100-continue arrive, and the upstream is not asked to continue", async () => {
    const answer = await send(rig.g1, {
      method: "POST",
      target: "/upload",
      headers: { Expect: "100-continue" },
      body: "patient",
    });
    expect(answer).toMatchObject({ status: 200 });
    expect(answer.json()).toMatchObject({ bytes: 7 });
    expect(upstream.last.header("expect")).toBeUndefined();
  });

  it("stream: the upstream has the first bytes before the client has sent the last", async () => {
    let release = (): void => undefined;
    const arrived = new Promise<void>((resolve) => (release = resolve));
    async function* halves(): AsyncGenerator<Uint8Array> {
      yield* letters(10_000);
      await arrived;
      yield Buffer.from("end");
    }
    const answered = send(rig.g1, { method: "POST", target: "/upload", body: halves() });
    await upstream.until(() => (upstream.requests[0]?.bodyBytes ?? 0) >= 10_000, "the first half of the upload");
    release();
    expect((await answered).json()).toMatchObject({ bytes: 10_003 });
  });

  it.each([
    ["two Content-Lengths that differ", "Content-Length: 3\r\nContent-Length: 5"],
    ["a Content-Length that is no number", "Content-Length: 3x"],
    ["a Transfer-Encoding that is not chunked", "Transfer-Encoding: identity"],
    ["a Content-Length and an obscured Transfer-Encoding", "Content-Length: 3\r\nTransfer-Encoding : chunked"],
  ])("with %s are 400", async (_, framing) => {
    const answer = await send(rig.g1, {
      raw: `POST /upload HTTP/1.1\r\nHost: g\r\nConnection: close\r\n${framing}\r\n\r\n0\r\n\r\n`,
    });
    expect(answer.status).toBe(400);
    expect(upstream.count).toBe(0);
  });

  // workerd takes the Content-Length away before the Worker could see it (RFC 9112 §6.3 lets Transfer-Encoding win), so
  // a 400 cannot be promised here; that nothing is smuggled past the reading of the other one can.
  it.each(["Content-Length: 3\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 60"])(
    "with two framings (%j) are refused, or go on with one of them",
    async (framing) => {
      const smuggled = "GET /smuggled HTTP/1.1\r\nHost: g\r\n\r\n";
      const conversation = open(rig.g1, {
        raw: `POST /upload HTTP/1.1\r\nHost: g\r\nConnection: close\r\n${framing}\r\n\r\n3\r\nabc\r\n0\r\n\r\n${smuggled}`,
      });
      const { status } = await conversation.answer();
      expect([200, 400]).toContain(status);
      for (const request of upstream.requests) {
        expect(request.path).toBe("/upload");
        expect(request.body.toString()).toBe("abc");
        expect(
          [request.header("content-length"), request.header("transfer-encoding")].filter((each) => each !== undefined)
            .length,
        ).toBe(1);
      }
    },
  );
});
