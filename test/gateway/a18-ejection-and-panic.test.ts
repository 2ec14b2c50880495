// A18: one dead instance of four is left alone but for probes; with three dead the last one is not drowned.
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { atRate, BC, count } from "../support/breaker.ts";
import { get } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { expectProblem } from "../support/problem.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const PER_SECOND = 40;

let upstreams: Upstream[];
let rig: Rig;

beforeEach(async () => {
  upstreams = await Promise.all(Array.from({ length: 4 }, () => startUpstream({ delayMs: 5, body: "ok" })));
  rig = await startRig({
    policy: inFrontOf(upstreams, {
      service: { breaker: BC, attempts: { max: 2 }, routing: { algorithm: "intelligent_adaptive" } },
    }),
  });
  expect((await get(rig.g1)).status).toBe(200);
});
afterEach(async () => {
  await rig?.close();
  for (const upstream of upstreams ?? []) await upstream.close();
});

it("A18: one dead of four gets only probes after 5 s, and clients do not notice", async () => {
  const [dead, ...sound] = upstreams;
  // Listening and hanging up at once, so that what still comes can be counted.
  dead!.play((exchange) => exchange.reset());
  const startedMs = performance.now();
  const answers = await atRate(rig.g1, PER_SECOND, 10);
  expect(count(answers, 200) / answers.length).toBeGreaterThanOrEqual(0.99);
  const late = (upstream: Upstream): number =>
    upstream.requests.filter((request) => request.arrivedMs - startedMs >= 5_000).length;
  expect(late(dead!)).toBeLessThanOrEqual(6);
  for (const upstream of sound) expect(late(upstream)).toBeGreaterThan(PER_SECOND * 5 * 0.05);
}, 30_000);

it("A18: three dead of four: the survivor carries at most twice its fair share, and panic is reported", async () => {
  const [survivor, ...dead] = upstreams;
  for (const upstream of dead) upstream.play((exchange) => exchange.reset());
  await atRate(rig.g1, PER_SECOND, 2);
  await sleep(100);
  survivor!.clear();
  const answers = await atRate(rig.g1, PER_SECOND, 5);
  const share = survivor!.count / answers.length;
  expect(share).toBeLessThanOrEqual(0.5);
  expect(share).toBeGreaterThan(0.3);
  const refused = answers.filter(({ status }) => status === 503);
  expect(refused.length).toBeGreaterThan(answers.length * 0.3);
  expect(expectProblem(refused[0]!, 503).type).toMatch(/overloaded$/);
  expect(Number(refused[0]!.header("retry-after"))).toBeGreaterThanOrEqual(1);
  const { text } = await get(rig.g1, "/_sluice/metrics");
  const panics = /^sluice_panic_choices_total\{.*service="web".*\} (\d+)$/m.exec(text)?.[1];
  expect(Number(panics)).toBeGreaterThan(50);
}, 30_000);
