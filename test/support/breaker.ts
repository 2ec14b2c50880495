// BC, the breaker configuration of the acceptance scenarios A1-A21, and what they read out and repeat.
import { setTimeout as sleep } from "node:timers/promises";
import type { WrittenPolicy } from "../../worker/core/policy/schema.ts";
import { inFrontOf } from "./policies.ts";
import type { Changes } from "./policies.ts";
import { get } from "./client.ts";
import type { Answer } from "./client.ts";
import type { Rig } from "./rig.ts";
import type { Upstream } from "./upstream.ts";

/** Window 10 s and 2 s, 20 calls, 50 %, 5 in a row, slow 2 s at 80 %, open 2 s doubling to 10 s, 3 probes, ramp 5 s. */
export const BC = {
  consecutiveFailures: 5,
  minimumRequests: 20,
  failureRate: 0.5,
  slowMs: 2_000,
  slowRate: 0.8,
  windowMs: 10_000,
  fastWindowMs: 2_000,
  openMs: 2_000,
  maxOpenMs: 10_000,
  jitter: 0.2,
  halfOpenProbes: 3,
  successesToClose: 3,
  rampMs: 5_000,
} as const;

/** BC in front of the given upstreams, no retries, no cache. */
export const guarded = (targets: Upstream | readonly Upstream[], changes: Changes = {}): WrittenPolicy =>
  inFrontOf(targets, { ...changes, service: { breaker: BC, attempts: { max: 1 }, ...changes.service } });

export interface BreakerState {
  state: "closed" | "open" | "half_open" | "ramp";
  reason: string;
  until: number;
  probes: number;
}

/** What the admin API says of an instance's breaker. */
export async function breakerOf(
  rig: Rig,
  gateway = 1,
  service = "web",
  instance = `${service}-1`,
): Promise<BreakerState> {
  const answer = await rig.admin(`services/${service}`, {}, gateway);
  if (!answer.ok) throw new Error(`services/${service}: ${answer.status} ${await answer.text()}`);
  const { instances } = (await answer.json()) as { instances: { id: string; breaker: BreakerState }[] };
  const found = instances.find((each) => each.id === instance);
  if (found === undefined) throw new Error(`services/${service} names no instance ${instance}`);
  return found.breaker;
}

/** Waits until the read-out says so: verdicts travel with reports, a second apart at most. */
export async function untilBreaker(
  rig: Rig,
  state: BreakerState["state"],
  withinMs = 3_000,
  instance = "web-1",
): Promise<BreakerState> {
  const endMs = Date.now() + withinMs;
  for (;;) {
    const breaker = await breakerOf(rig, 1, "web", instance);
    if (breaker.state === state) return breaker;
    if (Date.now() > endMs)
      throw new Error(`the breaker is not ${state} after ${withinMs} ms but ${JSON.stringify(breaker)}`);
    await sleep(25);
  }
}

/** One after the other. */
export async function inSequence(origin: string, count: number, target = "/"): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let sent = 0; sent < count; sent++) answers.push(await get(origin, target));
  return answers;
}

/** All at once. */
export const atOnce = (origin: string, count: number, target = "/"): Promise<Answer[]> =>
  Promise.all(Array.from({ length: count }, () => get(origin, target)));

/** An open loop: `perSecond` requests started a second for `seconds`, whatever becomes of them; sorted by their start. */
export async function atRate(origin: string, perSecond: number, seconds: number, target = "/"): Promise<Answer[]> {
  const startMs = performance.now();
  const under: Promise<Answer>[] = [];
  for (let sent = 0; sent < perSecond * seconds; sent++) {
    const dueMs = startMs + (sent * 1_000) / perSecond;
    const earlyMs = dueMs - performance.now();
    if (earlyMs > 0) await sleep(earlyMs);
    under.push(get(origin, target));
  }
  return Promise.all(under);
}

export const count = (answers: readonly Answer[], status: number): number =>
  answers.filter((answer) => answer.status === status).length;
