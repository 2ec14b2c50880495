// A27: a crowd that asks for the same at once costs one fetch an isolate; and nobody waits for what cannot be shared.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { get, open, send } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream();
  rig = await startRig({ gateways: 3, policy: inFrontOf(upstream, { sections: { cache: {} } }) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});
beforeEach(() => upstream.clear());

const crowd = (target: string, size: number) =>
  Promise.all(Array.from({ length: size }, (_, n) => get(rig.origin((n % 3) + 1), target)));

test("A27: 200 at once over three isolates are at most 3 fetches", async () => {
  upstream.play({ headers: { "Cache-Control": "max-age=60" }, body: "same", delayMs: 500 });
  const answers = await crowd("/crowd", 200);
  expect(upstream.count).toBeLessThanOrEqual(3);
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`))).toEqual(new Set(["200 same"]));
  const collapsed = answers.filter((answer) => answer.header("cache-status")?.includes("; collapsed"));
  expect(collapsed.length).toBeGreaterThan(100);
});

test("what may not be shared is waited for once, then everyone asks for himself", async () => {
  upstream.play({ headers: { "Cache-Control": "no-store" }, delayMs: 200 });
  const first = await crowd("/own", 30);
  expect(first.every(({ status }) => status === 200)).toBe(true);
  expect(upstream.count).toBe(30);
  upstream.clear();
  const startedAt = performance.now();
  await crowd("/own", 30);
  expect(upstream.count).toBe(30);
  // All at once, and not one after the other.
  expect(upstream.maxInFlight).toBeGreaterThan(15);
  expect(performance.now() - startedAt).toBeLessThan(3_000);
});

test("who waits for a fetch that outlasts him fetches for himself", async () => {
  await rig.publish(inFrontOf(upstream, { sections: { cache: { collapse: { waitMs: 200 } } } }));
  upstream.play(({ upstream: self }) => ({
    headers: { "Cache-Control": "max-age=60" },
    body: String(self.count),
    delayMs: self.count === 1 ? 2_000 : 0,
  }));
  const slow = get(rig.g1, "/slow");
  await upstream.received(1);
  const other = await get(rig.g1, "/slow");
  expect(other.text).toBe("2");
  expect(other.totalMs).toBeLessThan(1_900);
  expect((await slow).text).toBe("1");
});

test("the fetch goes on when its client leaves in the middle of it", async () => {
  let go: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  upstream.play(async (exchange) => {
    await exchange.write("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\n01234");
    await gate;
    await exchange.write("56789");
  });
  const conversation = open(rig.g1, { target: "/left" });
  await conversation.until((body) => body.includes("01234"), "the first half");
  conversation.leave();
  await new Promise((resolve) => setTimeout(resolve, 100));
  go();
  await expect
    .poll(async () => (await send(rig.g1, { target: "/left", headers: { "Cache-Control": "only-if-cached" } })).status)
    .toBe(200);
  expect((await get(rig.g1, "/left")).text).toBe("0123456789");
  expect(upstream.count).toBe(1);
});

test("who waits for a fetch whose client leaves before anything came asks for himself", async () => {
  upstream.play((exchange) => (exchange.upstream.count === 1 ? exchange.hold() : { body: "mine" }));
  const leaver = open(rig.g2, { target: "/abandoned" });
  await upstream.received(1);
  const waiting = get(rig.g2, "/abandoned");
  leaver.leave();
  expect((await waiting).text).toBe("mine");
});

test("an answer that is cut is never taken for whole", async () => {
  upstream.play((exchange) => {
    const short = exchange.upstream.count === 1;
    if (!short) return { headers: { "Cache-Control": "max-age=60" }, body: "0123456789" };
    return exchange
      .write("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\n01234")
      .then(() => exchange.reset());
  });
  const cut = await get(rig.g3, "/cut").catch(() => undefined);
  expect(cut?.whole ?? false).toBe(false);
  const whole = await get(rig.g3, "/cut");
  expect(whole.text).toBe("0123456789");
  expect(upstream.count).toBe(2);
});
