// A7: while it keeps failing it is asked ever more seldom: after 2, 4, 8 and then every 10 s, three times at the most.
import { afterAll, beforeAll, expect, it } from "vitest";
import { atRate, guarded } from "../support/breaker.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream({ status: 500 });
  rig = await startRig({ policy: guarded(upstream) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

it("A7: the gaps between groups of probes are 2, 4, 8, 10 and 10 s, within a quarter", async () => {
  await atRate(rig.g1, 20, 40);
  const groups: number[][] = [];
  for (const { arrivedMs } of upstream.requests) {
    const group = groups.at(-1);
    if (group !== undefined && arrivedMs - group.at(-1)! < 500) group.push(arrivedMs);
    else groups.push([arrivedMs]);
  }
  // The first group opens it: five, and those that were under way then.
  const openedMs = groups.shift()!.at(-1)!;
  const starts = [openedMs, ...groups.map(([first]) => first!)];
  const gaps = starts.slice(1).map((at, index) => (at - starts[index]!) / 1_000);
  const said = gaps.map((gap) => gap.toFixed(2)).join(" ");
  for (const [index, expected] of [2, 4, 8, 10, 10].entries()) {
    if (index >= gaps.length && index === 4) continue;
    expect(gaps[index], said).toBeGreaterThanOrEqual(expected * 0.75);
    expect(gaps[index], said).toBeLessThanOrEqual(expected * 1.25);
  }
  for (const group of groups) expect(group.length).toBeLessThanOrEqual(3);
}, 60_000);
