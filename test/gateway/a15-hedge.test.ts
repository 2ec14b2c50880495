// A15: a second attempt beside a slow first one: the tail is cut, the load is not doubled, and the loser is let go.
import { afterAll, beforeAll, expect, it } from "vitest";
import { atOnce } from "../support/breaker.ts";
import type { Answer } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstreams: Upstream[];
let rig: Rig;
/** Every twentieth request over both upstreams takes 2 s. */
let asked = 0;

beforeAll(async () => {
  const script = (): { delayMs: number } => ({ delayMs: ++asked % 20 === 0 ? 2_000 : 20 });
  upstreams = await Promise.all([startUpstream(script), startUpstream(script)]);
  rig = await startRig({ policy: inFrontOf(upstreams, { service: { attempts: { max: 2, hedgeAfter: 100 } } }) });
});
afterAll(async () => {
  await rig?.close();
  for (const upstream of upstreams) await upstream.close();
});

it("A15: of five hundred requests the slow ones are answered by another, and nothing keeps running", async () => {
  const answers: Answer[] = [];
  for (let round = 0; round < 50; round++) answers.push(...(await atOnce(rig.g1, 10)));
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  const times = answers.map(({ totalMs }) => totalMs).toSorted((a, b) => a - b);
  expect(times[Math.floor(times.length * 0.99)]).toBeLessThanOrEqual(350);
  const requests = upstreams.flatMap((upstream) => upstream.requests);
  expect(requests.length).toBeLessThanOrEqual(550);
  const lost = requests.filter(({ answeredMs }) => answeredMs === undefined);
  expect(lost.length).toBeGreaterThanOrEqual(10);
  for (const upstream of upstreams) {
    for (const request of upstream.requests.filter(({ answeredMs }) => answeredMs === undefined)) {
      // The winner came 100 ms of hedge and 20 ms of work after the loser had started.
      expect((await upstream.closed(request.number)) - request.arrivedMs).toBeLessThanOrEqual(1_350);
    }
  }
});
