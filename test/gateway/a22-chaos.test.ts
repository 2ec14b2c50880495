// A22 and A47: an experiment strikes its share of one service and nobody else, says so, is no breaker's business, ends at a word within
// two seconds in every isolate, and ends at its time though everything died meanwhile.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { get, type Answer } from "../support/client.ts";
import { service } from "../support/policies.ts";
import { startRig, type Rig } from "../support/rig.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

let a: Upstream;
let b: Upstream;
let rig: Rig;

beforeAll(async () => {
  [a, b] = await Promise.all([startUpstream({ body: "a" }), startUpstream({ body: "b" })]);
  const policy = {
    expose: true,
    cache: false as const,
    services: { a: service("a", a, { breaker: { consecutiveFailures: 3 } }), b: service("b", b) },
    routes: [
      { match: { path: "/a/*" }, service: "a" },
      { match: { path: "/b/*" }, service: "b" },
    ],
    chaos: { enabled: true, maxDurationSeconds: 60 },
  };
  rig = await startRig({ gateways: 3, policy });
});
afterAll(async () => {
  await rig?.close();
  await Promise.all([a?.close(), b?.close()]);
});

interface Experiment {
  id: string;
  state: string;
  faulted: { requests: number; errorRate: number };
  whole: { requests: number };
  stopped: { by: string; reason: string } | null;
  timeline: unknown[];
}

async function start(spec: Record<string, unknown>): Promise<Experiment> {
  const answer = await rig.admin("chaos/experiments", { method: "POST", body: JSON.stringify(spec) });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Experiment;
}
const shown = async (id: string): Promise<Experiment> =>
  (await (await rig.admin(`chaos/experiments/${id}`)).json()) as Experiment;
const mark = (answer: Answer): string => answer.header("x-sluice-fault") ?? "";

const error = { kind: "error", status: 503, probability: 0.3, target: { service: "a" } };
const delay = { kind: "delay", delayMs: 200, probability: 0.3, target: { service: "a" } };

/** `count` requests over all gateways, `width` at once. */
async function ask(target: string, count: number, width = 25): Promise<Answer[]> {
  const answers: Answer[] = [];
  while (answers.length < count) {
    const turn = Array.from({ length: Math.min(width, count - answers.length) }, (_, n) =>
      get(rig.origin((n % 3) + 1), target),
    );
    answers.push(...(await Promise.all(turn)));
  }
  return answers;
}

/** Until every isolate obeys: each is asked, for orders come with the news of those that have traffic. */
async function untilStruck(expected: boolean, withinMs: number): Promise<number> {
  const startedMs = performance.now();
  const pending = new Set([1, 2, 3]);
  while (pending.size > 0 && performance.now() - startedMs < withinMs) {
    for (const gateway of pending) {
      const answers = await Promise.all(Array.from({ length: 25 }, () => get(rig.origin(gateway), "/a/x")));
      if (answers.some((answer) => mark(answer) !== "") === expected) pending.delete(gateway);
    }
  }
  expect(pending.size).toBe(0);
  return performance.now() - startedMs;
}

describe("an experiment", () => {
  it("A22: strikes 30 % of one service, marked, and is over at a word", async () => {
    const { id } = await start({
      name: "third",
      hypothesis: "clients see it",
      faults: [error, delay],
      durationSeconds: 50,
      success: { maxErrorRate: 1 },
    });
    await untilStruck(true, 5_000);
    const answers = await ask("/a/x", 1_000);
    const struck = answers.filter((answer) => mark(answer) !== "");
    expect(struck.length).toBeGreaterThanOrEqual(270);
    expect(struck.length).toBeLessThanOrEqual(330);
    for (const answer of struck) {
      expect(mark(answer)).toBe(`${id};error,delay`);
      expect(answer.status).toBe(503);
    }
    const others = answers.filter((answer) => mark(answer) === "");
    // No breaker opened, though three failures in a row are enough: nobody else was refused.
    expect(others.every(({ status, text }) => status === 200 && text === "a")).toBe(true);
    const elsewhere = await ask("/b/x", 100);
    expect(elsewhere.every((answer) => answer.status === 200 && mark(answer) === "")).toBe(true);

    const stop = await rig.admin(`chaos/experiments/${id}:stop`, { method: "POST" });
    expect(await stop.json()).toMatchObject({ state: "stopped" });
    await untilStruck(false, 2_000);
    let report = await shown(id);
    for (let look = 0; look < 40 && report.faulted.requests < struck.length; look++) {
      await sleep(250);
      await get(rig.g1, "/b/x");
      report = await shown(id);
    }
    expect(report).toMatchObject({ state: "stopped", stopped: { by: "admin token" } });
    expect(report.faulted.requests).toBeGreaterThanOrEqual(struck.length);
    expect(report.faulted.errorRate).toBe(1);
    const page = await rig.admin(`chaos/experiments/${id}?format=html`);
    expect(page.headers.get("content-type")).toContain("text/html");
    expect(await page.text()).toContain("clients see it");
  }, 60_000);

  it("is stopped by itself when it strikes more than it may", async () => {
    const { id } = await start({
      faults: [{ ...error, probability: 0.9 }],
      durationSeconds: 30,
      maxBlastShare: 0.2,
      rollbackOnFailure: false,
    });
    const end = Date.now() + 20_000;
    let report = await shown(id);
    while (report.state === "running" && Date.now() < end) {
      await ask("/a/x", 25);
      await sleep(100);
      report = await shown(id);
    }
    expect(report.state).toBe("stopped");
    expect(report.stopped).toMatchObject({ by: "insight" });
    expect(report.stopped?.reason).toContain("the blast radius is exceeded");
  }, 40_000);

  it.each([
    ["a service there is not", { faults: [{ ...error, target: { service: "zzz" } }] }, "faults[0].target.service"],
    ["a longer time than is allowed", { faults: [error], durationSeconds: 61 }, "durationSeconds"],
    ["an experiment there is not", { experiment: "none" }, "experiment"],
    ["no target", { faults: [{ ...error, target: {} }] }, "faults"],
  ])("is refused %s", async (_, spec, path) => {
    const answer = await rig.admin("chaos/experiments", { method: "POST", body: JSON.stringify(spec) });
    expect(answer.status).toBe(400);
    expect(JSON.stringify(await answer.json())).toContain(path);
  });

  it("A47: is over at its time, though workerd was killed while it ran", async () => {
    const startedMs = Date.now();
    const { id } = await start({
      faults: [{ ...error, probability: 1 }],
      durationSeconds: 5,
      rollbackOnFailure: false,
      maxBlastShare: 1,
    });
    await untilStruck(true, 4_000);
    await sleep(Math.max(0, startedMs + 2_000 - Date.now()));
    await rig.kill();
    await sleep(Math.max(0, startedMs + 8_000 - Date.now()));
    await rig.restart();
    const first = await Promise.all([1, 2, 3].map((gateway) => get(rig.origin(gateway), "/a/x")));
    expect(first.map((answer) => [answer.status, mark(answer)])).toEqual([
      [200, ""],
      [200, ""],
      [200, ""],
    ]);
    expect(await shown(id)).toMatchObject({ state: "completed", stopped: null });
  }, 60_000);
});
