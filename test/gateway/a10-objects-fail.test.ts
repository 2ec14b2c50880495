// A10: Durable Objects that throw, or die in their constructor, make no error of the gateway's own.
import { afterEach, describe, expect, it } from "vitest";
import { atRate, count, guarded, inSequence } from "../support/breaker.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

afterEach(async () => {
  await rig?.close();
  await upstream?.close();
});

describe.each(["throw", "crash"] as const)("A10: objects that %s", (fault) => {
  it("500 of 500 are answered, and the local breaker trips at five", async () => {
    upstream = await startUpstream({ body: "ok" });
    rig = await startRig({ policy: guarded(upstream), faulty: fault });
    // Over two seconds, so that reports fail meanwhile.
    expect(count(await atRate(rig.g1, 250, 2), 200)).toBe(500);
    upstream.clear();
    upstream.play((exchange) => exchange.reset());
    const answers = await inSequence(rig.g1, 20);
    expect(answers.map(({ status }) => status)).toEqual([...Array(5).fill(502), ...Array(15).fill(503)]);
    expect(upstream.count).toBe(5);
  });
});
