// A9: Durable Objects that never answer cost a bounded wait and nothing else: the isolate decides alone.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { count, guarded, inSequence } from "../support/breaker.ts";
import { get } from "../support/client.ts";
import type { Answer } from "../support/client.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const AT_ONCE = 10;

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream({ body: "ok" });
  rig = await startRig({ policy: guarded(upstream), faulty: "hang", readyWithinMs: 20_000 });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

it("A9: 500 of 500 are answered by the upstream, and hardly any waits", async () => {
  const answers: Answer[] = [];
  for (let sent = 0; sent < 500; sent += AT_ONCE) {
    answers.push(...(await Promise.all(Array.from({ length: AT_ONCE }, () => get(rig.g1)))));
  }
  expect(count(answers, 200)).toBe(500);
  const waits = answers.filter(({ headMs }) => headMs >= 50).length;
  expect(waits).toBeLessThanOrEqual(40);
});

it("A9: the local breaker trips at five all the same", async () => {
  upstream.clear();
  upstream.play((exchange) => exchange.reset());
  const answers = await inSequence(rig.g1, 20);
  expect(answers.map(({ status }) => status)).toEqual([...Array(5).fill(502), ...Array(15).fill(503)]);
  expect(upstream.count).toBe(5);
});

async function regionFails(): Promise<boolean> {
  const { dependencies } = (await (await fetch(`${rig.g1}/_sluice/ready`)).json()) as {
    dependencies: { region: { state: string } };
  };
  return dependencies.region.state === "failing";
}

it("A9: an isolate that comes anew does not wait where others have waited in vain", async () => {
  upstream.play({ body: "ok" });
  // A wait is 100 ms long: the quickest of five cold requests is under it only when it did not wait.
  const cold: number[] = [];
  for (let start = 0; start < 5 && Math.min(...cold) >= 100; start++) {
    await get(rig.g1);
    // The call that nobody answers runs out of time after two seconds, and is told for five.
    while (!(await regionFails())) await sleep(25);
    await get(rig.g1);
    await rig.kill();
    await rig.start();
    const answer = await get(rig.g1);
    expect(answer.status).toBe(200);
    cold.push(answer.headMs);
  }
  expect(Math.min(...cold), cold.join(" ")).toBeLessThan(100);
});
