// A41: what is too large is refused quickly and by its own status; what is merely large, where no limit is set, passes.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { get, letters, open, send } from "../support/client.ts";
import type { Answer } from "../support/client.ts";
import { uploadReceipt } from "../support/misbehaviour.ts";
import { inFrontOf } from "../support/policies.ts";
import { expectProblem } from "../support/problem.ts";
import { ADMIN_TOKEN, startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream(uploadReceipt);
  const plain = inFrontOf(upstream);
  rig = await startRig({
    policy: {
      ...plain,
      routes: [{ match: { path: "/small/*" }, service: "web", maxBodyBytes: 65_536 }, ...(plain.routes ?? [])],
    },
  });
  await get(rig.g1, "/warm");
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});
beforeEach(() => upstream.clear());
afterEach(async () => {
  expect((await get(rig.g1, "/next")).status).toBe(200);
});

/** At once, and by no more later than what this machine takes for an answer of nobody's just now. */
async function expectQuick(answer: Answer): Promise<void> {
  let longest = 0;
  for (let times = 0; times < 3; times++) longest = Math.max(longest, (await get(rig.g1, "/_sluice/health")).headMs);
  expect(answer.headMs).toBeLessThanOrEqual(200 + (longest < 20 ? 0 : 3 * longest));
}

it("A41: a URL of 20 KB is 414", async () => {
  const answer = await get(rig.g1, `/${"u".repeat(20_000)}`);
  expectProblem(answer, 414);
  await expectQuick(answer);
  expect(upstream.count).toBe(0);
});

it("A41: a query of 20 KB is 414 too", async () => {
  const answer = await get(rig.g1, `/?q=${"u".repeat(20_000)}`);
  expectProblem(answer, 414);
  await expectQuick(answer);
});

it("A41: header fields of 70 KB together are 431", async () => {
  const answer = await get(
    rig.g1,
    "/",
    Array.from({ length: 70 }, (_, index) => [`X-Pad-${index}`, "h".repeat(1_000)] as const),
  );
  expectProblem(answer, 431);
  await expectQuick(answer);
  expect(upstream.count).toBe(0);
});

it("A41: one header field of 70 KB is 431", async () => {
  const answer = await get(rig.g1, "/", { "X-Pad": "h".repeat(70_000) });
  expectProblem(answer, 431);
  await expectQuick(answer);
});

describe("A41: a body over the route's limit", () => {
  it("is 413 by its Content-Length, before any of it is read", async () => {
    const conversation = open(rig.g1, {
      raw: "POST /small/x HTTP/1.1\r\nHost: g\r\nContent-Length: 10000000\r\n\r\nfirst",
    });
    const answer = await conversation.answer();
    expectProblem(answer, 413);
    await expectQuick(answer);
    expect(upstream.count).toBe(0);
  });

  it("is 413 when it comes in chunks, before it is all read", async () => {
    let answered = (): void => undefined;
    const head = new Promise<void>((resolve) => (answered = resolve));
    // Over the limit by less than workerd reads on after an answer, and then nothing until there is one.
    async function* tooMuch(): AsyncGenerator<Uint8Array> {
      yield* letters(90_000);
      await head;
    }
    const conversation = open(rig.g1, { method: "POST", target: "/small/x", body: tooMuch() });
    void conversation.head.then(answered, answered);
    const answer = await conversation.answer();
    expectProblem(answer, 413);
    await expectQuick(answer);
    // What the upstream got of it, if anything, is within the limit and does not look whole.
    for (const request of upstream.requests) {
      await upstream.closed(request.number);
      expect(request.wholeMs).toBeUndefined();
    }
    for (const request of upstream.requests) expect(request.bodyBytes).toBeLessThanOrEqual(65_536);
  });

  it("passes at the limit, to the byte", async () => {
    for (const body of ["x".repeat(65_536), letters(65_536, "x")]) {
      const answer = await send(rig.g1, { method: "POST", target: "/small/x", body });
      expect(answer.status, answer.text).toBe(200);
      expect(answer.json()).toMatchObject({ bytes: 65_536 });
    }
    expectProblem(await send(rig.g1, { method: "POST", target: "/small/x", body: "x".repeat(65_537) }), 413);
  });
});

describe("A41: JSON ten thousand deep", () => {
  const deep = "[".repeat(10_000) + "]".repeat(10_000);

  it("is 400 where it is parsed", async () => {
    const answer = await send(rig.g1, {
      method: "PUT",
      target: "/_sluice/admin/policy",
      headers: { Authorization: `Bearer ${ADMIN_TOKEN}`, "Content-Type": "application/json" },
      body: deep,
    });
    expectProblem(answer, 400);
    await expectQuick(answer);
  });

  it("passes where it only goes through", async () => {
    const answer = await send(rig.g1, { method: "POST", headers: { "Content-Type": "application/json" }, body: deep });
    expect(answer.status).toBe(200);
    expect(upstream.last.body.toString()).toBe(deep);
  });
});

it("A41: an admin body over 1 MiB is 413", async () => {
  const answer = await send(rig.g1, {
    method: "PUT",
    target: "/_sluice/admin/policy",
    headers: { Authorization: `Bearer ${ADMIN_TOKEN}`, "Content-Type": "application/json" },
    body: `{"$schema": "${"s".repeat(1_100_000)}"}`,
  });
  expectProblem(answer, 413);
});

it("A41: a large proxied body passes where no limit is set", async () => {
  const answer = await send(rig.g1, { method: "POST", body: letters(20_000_000) });
  expect(answer.json()).toMatchObject({ bytes: 20_000_000 });
});
