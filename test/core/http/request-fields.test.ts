import { describe, expect, it } from "vitest";
import { dropFields, readRequestFields } from "../../../worker/core/http/request-fields.ts";

/** What is left for the upstream. */
function forwardedFields(init: Record<string, string>): Record<string, string> {
  const received = new Headers(init);
  const out = new Headers(received);
  dropFields(out, readRequestFields(received).drop);
  return Object.fromEntries(out);
}

describe("what goes upstream", () => {
  it("is everything that was sent, for an ordinary request", () => {
    const sent = { accept: "*/*", cookie: "a=1", "user-agent": "x", "x-foo": "1", "content-type": "text/plain" };
    expect(forwardedFields(sent)).toEqual(sent);
    expect(readRequestFields(new Headers(sent)).drop).toBeUndefined();
  });

  it("is neither hop-by-hop nor named by Connection, but end-to-end fields stay (A38)", () => {
    const left = forwardedFields({
      Connection: "close, X-Foo, Authorization, X-Forwarded-For",
      "X-Foo": "1",
      Authorization: "Bearer t",
      "X-Forwarded-For": "6.6.6.6",
      "Proxy-Authorization": "p",
      "Keep-Alive": "timeout=5",
      TE: "trailers",
      Upgrade: "h2c",
      "X-Bar": "2",
    });
    expect(left).toEqual({ authorization: "Bearer t", "x-bar": "2" });
  });

  it("holds no claim of the client about where it comes from or where it goes (A26, A39, A40)", () => {
    const left = forwardedFields({
      "X-Forwarded-Host": "evil",
      "X-Real-IP": "1.1.1.1",
      "True-Client-IP": "1.1.1.1",
      Forwarded: "for=1.1.1.1",
      "X-Upstream": "http://sink",
      "X-Target": "http://sink",
      "X-Original-Host": "sink",
      "X-Original-URL": "/admin",
      "X-HTTP-Method-Override": "DELETE",
      "CF-Ray": "1",
      "CF-IPCountry": "NL",
      "X-Sluice-Service": "s",
    });
    expect(left).toEqual({});
  });
});

describe("what one pass finds", () => {
  it("is every value that steers the gateway", () => {
    const fields = readRequestFields(
      new Headers({
        Authorization: "a",
        Cookie: "b=c",
        "CDN-Loop": "x",
        "Content-Length": "3",
        "Transfer-Encoding": "chunked",
        Traceparent: "t",
        Tracestate: "s",
        Via: "1.0 v",
        "X-Correlation-ID": "id",
        Connection: "upgrade",
        Upgrade: "websocket",
        "CF-Connecting-IP": "203.0.113.9",
        "X-Target-Service": "users",
        "Accept-Encoding": "gzip",
        "Cache-Control": "no-cache",
        Pragma: "no-cache",
        Range: "bytes=0-",
        "If-Range": '"r"',
        "If-None-Match": '"n"',
        "If-Modified-Since": "m",
        "Idempotency-Key": "k",
      }),
    );
    expect(fields).toMatchObject({
      acceptEncoding: "gzip",
      cacheControl: "no-cache",
      pragma: "no-cache",
      range: "bytes=0-",
      ifRange: '"r"',
      ifNoneMatch: '"n"',
      ifModifiedSince: "m",
      repeatable: true,
      valid: true,
      authorization: "a",
      cookie: "b=c",
      cdnLoop: "x",
      contentLength: "3",
      transferEncoding: "chunked",
      traceparent: "t",
      tracestate: "s",
      via: "1.0 v",
      correlationId: "id",
      connection: "upgrade",
      upgrade: "websocket",
      clientAddress: "203.0.113.9",
    });
  });

  it("is the size of the fields on the wire", () => {
    expect(readRequestFields(new Headers()).bytes).toBe(0);
    expect(readRequestFields(new Headers({ ab: "cde", f: "" })).bytes).toBe(9 + 5);
    expect(readRequestFields(new Headers({ "x-big": "h".repeat(70_000) })).bytes).toBeGreaterThan(65_536);
  });

  it("is that a request which names dozens of fields is none", () => {
    const connection = Array.from({ length: 40 }, (_, n) => `x-${n}`).join();
    expect(readRequestFields(new Headers({ connection })).valid).toBe(false);
  });
});
