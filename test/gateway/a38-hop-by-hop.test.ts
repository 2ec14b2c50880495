// A38: what belongs to one connection stays on it, in both directions, also what a Connection field nominates.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { get, send } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { byPath, startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const CLIENT = "203.0.113.7";
let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream(
    byPath({
      "/secret": {
        headers: [
          ["Connection", "X-Secret, keep-alive"],
          ["X-Secret", "for the gateway only"],
          ["Keep-Alive", "timeout=5"],
          ["Proxy-Authenticate", "Basic"],
          ["Proxy-Connection", "keep-alive"],
          ["X-Kept", "yes"],
        ],
        body: "ok",
      },
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

it("A38: the request loses hop-by-hop and nominated fields before the gateway adds its own", async () => {
  const answer = await send(rig.g1, {
    headers: [
      ["Connection", "close, X-Foo, Authorization, X-Forwarded-For"],
      ["X-Foo", "1"],
      ["Authorization", "Bearer canary"],
      ["X-Forwarded-For", "6.6.6.6"],
      ["Proxy-Authorization", "Basic Y2FuYXJ5"],
      ["Proxy-Connection", "keep-alive"],
      ["Keep-Alive", "timeout=5"],
      ["TE", "trailers"],
      ["Upgrade", "h2c"],
      ["CF-Connecting-IP", CLIENT],
      ["X-End-To-End", "kept"],
    ],
  });
  expect(answer.status).toBe(200);
  const seen = upstream.last;
  for (const name of ["X-Foo", "Proxy-Authorization", "Proxy-Connection", "Keep-Alive", "TE", "Upgrade"]) {
    expect(seen.header(name), name).toBeUndefined();
  }
  // RFC 9110 §7.6.1: what is meant for every recipient cannot be nominated, and identity was decided by it.
  expect(seen.header("authorization")).toBe("Bearer canary");
  expect(seen.header("x-end-to-end")).toBe("kept");
  expect(seen.header("x-forwarded-for")).toBe(CLIENT);
});

it("A38: what the gateway adds cannot be nominated away", async () => {
  await send(rig.g1, {
    headers: [
      ["Connection", "close, X-Forwarded-Host, Forwarded, Via, traceparent, X-Correlation-ID, Content-Type, CDN-Loop"],
      ["CF-Connecting-IP", CLIENT],
    ],
  });
  for (const name of ["X-Forwarded-Host", "Forwarded", "Via", "traceparent", "CDN-Loop"]) {
    expect(upstream.last.header(name), name).toBeDefined();
  }
});

it("A38: several Connection fields count as one, names in any case", async () => {
  await send(rig.g1, {
    headers: [
      ["Connection", "close"],
      ["connection", "x-FOO"],
      ["X-Foo", "1"],
      ["X-Bar", "2"],
    ],
  });
  expect(upstream.last.header("x-foo")).toBeUndefined();
  expect(upstream.last.header("x-bar")).toBe("2");
});

it("A38: the response loses hop-by-hop and nominated fields", async () => {
  const answer = await get(rig.g1, "/secret");
  expect(answer).toMatchObject({ status: 200, text: "ok" });
  for (const name of ["X-Secret", "Keep-Alive", "Proxy-Connection"]) expect(answer.header(name), name).toBeUndefined();
  expect(answer.header("connection") ?? "").not.toMatch(/x-secret/i);
  expect(answer.header("x-kept")).toBe("yes");
});
