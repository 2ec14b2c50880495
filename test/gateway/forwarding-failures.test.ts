// What the client is told when the upstream is away, or talks nonsense: 502 as problem+json, nothing from the inside, and a
// body that was cut never looks whole.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { get, send } from "../support/client.ts";
import * as misbehaviour from "../support/misbehaviour.ts";
import { inFrontOf } from "../support/policies.ts";
import { expectProblem } from "../support/problem.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Script, Upstream } from "../support/upstream.ts";

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

const nonsense: [name: string, script: Script][] = [
  ["resets the connection", misbehaviour.resetAtOnce],
  ["closes the connection", misbehaviour.closeAtOnce],
  ["does not speak HTTP", misbehaviour.garbage],
  ["sends half a head", misbehaviour.halfHead],
  ["sends a Content-Length that is no number", misbehaviour.badContentLength],
  ["answers with status 999", { status: 999 }],
  ["answers with status 600", { status: 600, body: "six hundred" }],
  ["sends a megabyte of headers", misbehaviour.hugeField(1_000_000)],
];

describe("an upstream that", () => {
  it.each(nonsense)("%s is 502, and the next request is served", async (_, script) => {
    upstream.play(script);
    const answer = await get(rig.g1, "/x?canary=value", { Authorization: "Bearer canary-secret" });
    expectProblem(answer, 502, [upstream.authority, "127.0.0.1", "canary"]);
    upstream.play({ body: "fine" });
    expect(await get(rig.g1)).toMatchObject({ status: 200, text: "fine" });
  });

  it("is not there is 502, and is served again when it is back", async () => {
    await upstream.die();
    expectProblem(await get(rig.g1), 502, [upstream.authority]);
    await upstream.rise();
    expect((await get(rig.g1)).status).toBe(200);
  });

  it("resets in the middle of an upload is 502", async () => {
    upstream.play(async (exchange) => {
      await exchange.upstream.until(() => exchange.request.bodyBytes > 0, "some upload");
      exchange.reset();
    });
    expectProblem(await send(rig.g1, { method: "POST", body: "x".repeat(1_000_000) }), 502);
  });

  it("refuses an upload early is heard", async () => {
    upstream.play(async (exchange) => {
      await exchange.reply({ status: 413, headers: { Connection: "close" }, body: "too big for me" });
      exchange.finish();
    });
    const answer = await send(rig.g1, { method: "POST", body: "x".repeat(200_000) });
    expect(answer).toMatchObject({ status: 413, text: "too big for me" });
  });
});

describe("a body that", () => {
  it.each([
    ["ends early", misbehaviour.cut(1_000, 500)],
    ["is reset", misbehaviour.cut(1_000, 500, "reset")],
    ["loses its last chunk", misbehaviour.cutChunked],
  ] as const)("%s does not look whole", async (_, script) => {
    upstream.play(script);
    expect(await get(rig.g1)).toMatchObject({ status: 200, whole: false });
  });

  it("is longer than it said ends where it said", async () => {
    upstream.play(async (exchange) => {
      await exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nexactand more");
    });
    expect(await get(rig.g1)).toMatchObject({ status: 200, text: "exact", whole: true });
    upstream.play({ body: "next" });
    expect(await get(rig.g1)).toMatchObject({ status: 200, text: "next" });
  });
});

describe("errors of the gateway's own", () => {
  it("no route is 404", async () => {
    const narrow = inFrontOf(upstream, { route: { match: { path: "/only/*" } } });
    const narrowRig = await startRig({ policy: narrow });
    expectProblem(await get(narrowRig.g1, "/elsewhere"), 404);
    expect((await get(narrowRig.g1, "/only/x")).status).toBe(200);
    expect((await get(narrowRig.g1, "/only")).status).toBe(200);
    await narrowRig.close();
  });

  it("no policy at all is 503", async () => {
    const bare = await startRig();
    expectProblem(await get(bare.g1), 503);
    await bare.close();
  });

  it("a HEAD gets the status without a body", async () => {
    upstream.play(misbehaviour.resetAtOnce);
    expect(await send(rig.g1, { method: "HEAD" })).toMatchObject({ status: 502, bodyBytes: 0 });
  });

  it("carry the fields every answer carries", async () => {
    upstream.play(misbehaviour.resetAtOnce);
    const answer = await get(rig.g1, "/", { "X-Correlation-ID": "known-1234" });
    expect(expectProblem(answer, 502).correlationId).toBe("known-1234");
    expect(answer.header("via")).toMatch(/^1\.1 \S+$/);
    expect(answer.header("traceparent")).toMatch(/^00-/);
    expect(answer.header("server-timing")).toBeDefined();
    expect(answer.header("cache-control") ?? "no-store").toContain("no-store");
  });
});
