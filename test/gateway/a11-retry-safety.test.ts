// A11: only what may happen twice is tried twice: idempotent methods, or an Idempotency-Key, with a body that is at hand.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { letters, send } from "../support/client.ts";
import { resetAtOnce } from "../support/misbehaviour.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { inTurn, startUpstream } from "../support/upstream.ts";
import type { Behaviour, Reply, Script, Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream();
  rig = await startRig({ policy: inFrontOf(upstream, { service: { attempts: { max: 2, retryFloor: 100 } } }) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

/** An answer that comes early may cut off the rest of the upload, by the runtime's doing. */
const afterItsBody =
  (reply: Reply): Behaviour =>
  async (exchange) => {
    await exchange.whole();
    return reply;
  };
const busyOnce = (then: Script = { body: "fine" }): Behaviour =>
  inTurn(afterItsBody({ status: 503, body: "busy" }), then);

beforeEach(() => {
  upstream.clear();
  upstream.play(busyOnce());
});

describe("A11: tried again", () => {
  it.each(["GET", "PUT", "DELETE", "OPTIONS"])("%s", async (method) => {
    const answer = await send(rig.g1, { method });
    expect(answer).toMatchObject({ status: 200, text: "fine" });
    expect(answer.header("x-sluice-attempts")).toBe("2");
    expect(upstream.count).toBe(2);
  });

  it("HEAD", async () => {
    expect(await send(rig.g1, { method: "HEAD" })).toMatchObject({ status: 200, bodyBytes: 0 });
    expect(upstream.count).toBe(2);
  });

  it("GET after a lost connection", async () => {
    upstream.play(inTurn(resetAtOnce, { body: "fine" }));
    expect(await send(rig.g1)).toMatchObject({ status: 200, text: "fine" });
    expect(upstream.count).toBe(2);
  });

  it.each([
    ["a declared length", "the same bytes, twice"],
    ["64 KiB", "x".repeat(65_536)],
    ["no declared length", letters(40_000)],
  ])("POST with a key and a body of %s, the same key and bytes both times", async (_, body) => {
    upstream.play(busyOnce(afterItsBody({ body: "fine" })));
    const answer = await send(rig.g1, { method: "POST", headers: { "Idempotency-Key": "order-17" }, body });
    expect(answer).toMatchObject({ status: 200, text: "fine" });
    expect(upstream.count).toBe(2);
    const [first, second] = [await upstream.whole(1), await upstream.whole(2)];
    expect(first.bodyBytes).toBeGreaterThan(0);
    expect(second.bodySha256).toBe(first.bodySha256);
    for (const request of [first, second]) expect(request.header("idempotency-key")).toBe("order-17");
    if (typeof body === "string") expect(second.body.toString()).toBe(body);
  });
});

describe("A11: tried once", () => {
  it.each(["POST", "PATCH"])("%s without a key", async (method) => {
    const answer = await send(rig.g1, { method, body: "once" });
    expect(answer).toMatchObject({ status: 503, text: "busy" });
    expect(answer.header("x-sluice-attempts")).toBe("1");
    expect(upstream.count).toBe(1);
  });

  it("POST without a key after a lost connection: it may have been taken", async () => {
    upstream.play(inTurn(resetAtOnce, { body: "fine" }));
    expect((await send(rig.g1, { method: "POST", body: "once" })).status).toBe(502);
    expect(upstream.count).toBe(1);
  });

  it.each([
    ["a declared length", "x".repeat(65_537)],
    ["no declared length", letters(300_000)],
  ])("with a key and more than 64 KiB of %s, whole all the same", async (_, body) => {
    upstream.play(afterItsBody({ status: 503, body: "busy" }));
    const answer = await send(rig.g1, { method: "PUT", headers: { "Idempotency-Key": "k" }, body });
    expect(answer).toMatchObject({ status: 503, text: "busy" });
    expect(upstream.count).toBe(1);
    const bytes = typeof body === "string" ? body.length : 300_000;
    expect((await upstream.whole(1)).bodyBytes).toBe(bytes);
  });

  it("GET with a body, which the runtime lets nobody send twice", async () => {
    upstream.play(afterItsBody({ status: 503, body: "busy" }));
    expect(await send(rig.g1, { body: "a question" })).toMatchObject({ status: 503, text: "busy" });
    expect(upstream.count).toBe(1);
    expect(upstream.last.body.toString()).toBe("a question");
  });

  it("GET that the application answers with 500: it has looked at it", async () => {
    upstream.play(inTurn({ status: 500 }, {}));
    expect((await send(rig.g1)).status).toBe(500);
    expect(upstream.count).toBe(1);
  });
});
