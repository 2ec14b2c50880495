// A8: what one gateway has found out the others need not find out for themselves.
import { afterAll, beforeAll, expect, it } from "vitest";
import { atRate, guarded } from "../support/breaker.ts";
import { get } from "../support/client.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream();
  rig = await startRig({ gateways: 2, policy: guarded(upstream) });
  // Both have served before: the second knows the instance, and knows nothing bad of it.
  await Promise.all([get(rig.g1), get(rig.g2)]);
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

it("A8: with 20 a second at the first and 1 a second at the second, the second refuses within 2.5 s", async () => {
  upstream.clear();
  upstream.play((exchange) => exchange.reset());
  const startedMs = performance.now();
  const [, seldom] = await Promise.all([atRate(rig.g1, 20, 5, "/first"), atRate(rig.g2, 1, 5, "/second")]);
  const fromSecond = upstream.requests.filter(({ path }) => path === "/second");
  expect(fromSecond.length).toBeLessThanOrEqual(3);
  const refusedMs = seldom.find(({ status }) => status === 503)?.startedMs ?? Infinity;
  // One a second: what is refused at 3 s would have been refused at 2.5 s.
  expect(refusedMs - startedMs).toBeLessThanOrEqual(3_100);
  for (const answer of seldom)
    if (answer.startedMs > refusedMs && answer.status !== 503) {
      // A probe, for which its turn may have come.
      expect(answer.status).toBe(502);
    }
}, 30_000);
