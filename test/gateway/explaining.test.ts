// Every decision can be explained: what a request would meet and why, what was decided of late, and what retries cost.
import { afterAll, beforeAll, expect, it } from "vitest";
import { get } from "../support/client.ts";
import { BC, untilBreaker } from "../support/breaker.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstreams: Upstream[];
let rig: Rig;

beforeAll(async () => {
  upstreams = await Promise.all([startUpstream({}), startUpstream({}), startUpstream({})]);
  rig = await startRig({
    policy: inFrontOf(upstreams, {
      service: {
        routing: { algorithm: "intelligent_adaptive" },
        breaker: { ...BC, openMs: 8_000, maxOpenMs: 10_000 },
        attempts: { max: 3 },
        concurrency: { algorithm: "fixed", max: 7, queue: 2 },
      },
    }),
  });
  for (let n = 0; n < 120; n++) expect((await get(rig.g1)).status).toBe(200);
});
afterAll(async () => {
  await rig?.close();
  await Promise.all(upstreams.map((each) => each.close()));
});

interface Explained {
  algorithm: string;
  candidates: { id: string; refused: string | null; score: number; factors: object; limit: number; breaker: object }[];
  choice: { instance: string; confidence: number; alternatives: { id: string }[]; tookMs: number } | null;
  refused: string | null;
}
const explained = async (): Promise<Explained> =>
  (await (await rig.admin("explain", { method: "POST", body: JSON.stringify({ url: "/any" }) })).json()) as Explained;

it("shows candidates, scores, factors, the choice, how sure it is, and who else there was", async () => {
  const told = await explained();
  expect(told).toMatchObject({ algorithm: "intelligent_adaptive", refused: null });
  expect(told.candidates.map(({ id, refused }) => [id, refused])).toEqual([
    ["web-1", null],
    ["web-2", null],
    ["web-3", null],
  ]);
  for (const { score, factors, limit, breaker } of told.candidates) {
    // How quick they are depends on the machine.
    expect(score).toBeGreaterThan(0);
    expect(score).toBeLessThanOrEqual(1);
    expect(factors).toMatchObject({ performance: expect.any(Number), successRate: 1 });
    expect(limit).toBe(7);
    expect(breaker).toMatchObject({ stands: "closed" });
  }
  expect(told.choice!.confidence).toBeGreaterThan(0);
  expect(told.choice!.confidence).toBeLessThanOrEqual(1);
  expect(told.choice!.alternatives).toHaveLength(2);
});

it("keeps a sample of what was decided", async () => {
  const { decisions } = (await (await rig.admin("services/web")).json()) as {
    decisions: { oneIn: number; items: { algorithm: string; instance: string; alternatives: object[]; at: number }[] };
  };
  expect(decisions.oneIn).toBe(100);
  expect(decisions.items).toHaveLength(2);
  for (const { algorithm, alternatives, at } of decisions.items) {
    expect(algorithm).toBe("intelligent_adaptive");
    expect(alternatives).toHaveLength(2);
    expect(Math.abs(Date.now() - at)).toBeLessThan(60_000);
  }
  expect(decisions.items[0]!.at).toBeGreaterThanOrEqual(decisions.items[1]!.at);
});

it("shows whom a breaker keeps out, and counts what it cost", async () => {
  upstreams[1]!.play((exchange) => exchange.reset());
  const seen = { open: false };
  const opened = untilBreaker(rig, "open", 15_000, "web-2").then(() => (seen.open = true));
  while (!seen.open) expect((await get(rig.g1)).status).toBe(200);
  await opened;
  const told = await explained();
  const second = told.candidates.find(({ id }) => id === "web-2")!;
  expect(second).toMatchObject({ refused: "its breaker is open", breaker: { stands: "open" } });
  expect(told.choice!.instance).not.toBe("web-2");

  const { text } = await get(rig.g1, "/_sluice/metrics");
  const value = (series: RegExp): number => Number(series.exec(text)?.[1] ?? Number.NaN);
  expect(value(/^sluice_further_tries_total\{.*service="web",kind="retry"\} (\d+)$/m)).toBeGreaterThanOrEqual(5);
  expect(value(/^sluice_retry_budget_exhausted_total\{.*service="web"\} (\d+)$/m)).toBe(0);
  expect(value(/^sluice_breaker_state\{.*instance="web-2"\} (\d+)$/m)).toBe(3);
  expect(value(/^sluice_breaker_state\{.*instance="web-1"\} (\d+)$/m)).toBe(0);
  expect(value(/^sluice_concurrency_limit\{.*instance="web-1"\} (\d+)$/m)).toBe(7);
  expect(value(/^sluice_concurrency_queue\{.*service="web"\} (\d+)$/m)).toBe(0);
}, 30_000);
