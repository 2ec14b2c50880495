import { measuresOf } from "../../worker/core/insight/measures.ts";
import { describe, expect, it } from "vitest";
import { DURATION_BOUNDS_MS, Metrics } from "../../worker/platform/metrics.ts";

describe("metrics of an isolate", () => {
  it("count requests by route, service, status class and time", () => {
    const metrics = new Metrics();
    metrics.observe("/a", "users", 200, 0.5);
    metrics.observe("/a", "users", 204, 30);
    metrics.observe("/a", "users", 503, 60_000);
    metrics.observe("/a", "canary", 200, 1);
    metrics.observe("", "", 404, 1);
    metrics.observe("/a", "users", 101, 1);
    metrics.observe("/a", "users", 999, 1);
    const [users, canary, none] = [...metrics.series()];
    expect(users).toMatchObject({ route: "/a", service: "users", classes: [1, 1, 2, 0, 0, 1] });
    expect(canary).toMatchObject({ service: "canary", classes: [0, 0, 1, 0, 0, 0] });
    expect(none).toMatchObject({ route: "", classes: [0, 0, 0, 0, 1, 0] });
    expect(users!.durations.sumMs).toBe(60_032.5);
    expect(users!.durations.counts[DURATION_BOUNDS_MS.indexOf(50)]).toBe(1);
    expect(users!.durations.counts.at(-1)).toBe(1);
    expect(metrics).toMatchObject({ total: 7, failed: 2 });
  });

  it("tell once what happened since they were last asked, further attempts and the cache's word too", () => {
    const metrics = new Metrics();
    metrics.observe("/a", "users", 200, 5, "hit", -1);
    metrics.observe("/a", "users", 503, 5, "miss", 2);
    metrics.observe("/a", "users", 429, 5, "unasked", 1);
    const row = { route: "/a", service: "users", requests: 3, failed: 1, rejected: 1, limited: 1, lookups: 2, hits: 1 };
    expect(metrics.slices()).toMatchObject([
      { ...row, retries: 3 },
      { level: "memory", hits: 1 },
    ]);
    expect(metrics.slices()).toEqual([]);
  });

  it("tell of hits which level had them, and of streamed AI answers how soon and how fast they came", () => {
    const metrics = new Metrics();
    for (const level of [undefined, "edge", "edge", "global"] as const) {
      metrics.observe("/a", "users", 200, 5, "hit");
      if (level !== undefined) metrics.lowerHit(level);
    }
    const usage = { uncached: 5, cacheRead: 0, cacheWrite: 0, output: 41, reasoning: 0 };
    metrics.ai.answered("openai", "m", usage, 0.001, 200, 2_000);
    metrics.ai.answered("openai", "m", usage, 0.001, 900, 0);
    const [, ...rest] = metrics.slices();
    expect(rest).toMatchObject([
      { level: "edge", hits: 2 },
      { level: "global", hits: 1 },
      { level: "memory", hits: 1 },
      { provider: "openai", model: "m", requests: 2, streamedTokens: 40, streamedMs: 2_000 },
    ]);
    const figures = measuresOf(rest[3]!, 1);
    expect(figures.stream_tokens_per_second).toBe(20);
    expect(figures.first_token_p95_ms).toBeGreaterThan(190);
    expect(figures.first_token_p95_ms).toBeLessThan(210);
    expect(metrics.slices()).toEqual([]);
  });

  it("put a time that equals a bound into its bucket", () => {
    const metrics = new Metrics();
    for (const bound of DURATION_BOUNDS_MS) metrics.observe("/", "s", 200, bound);
    expect([...metrics.series()][0]!.durations.counts).toEqual([...DURATION_BOUNDS_MS.map(() => 1), 0]);
  });

  it("stay bounded whatever names come, and lose no count", () => {
    const metrics = new Metrics();
    for (let n = 0; n < 5_000; n++) {
      metrics.observe(`/route-${n}`, `service-${n}`, 200, 1);
      metrics.attempt(`users/instance-${n}`, "ok", 1);
      metrics.refuse(`code-${n}`);
    }
    const series = [...metrics.series()];
    expect(series.length).toBeLessThanOrEqual(301);
    expect(series.reduce((sum, { classes }) => sum + classes[2]!, 0)).toBe(5_000);
    expect(metrics.attempts.size).toBeLessThanOrEqual(2_001);
    expect([...metrics.attempts.values()].reduce((sum, { ok }) => sum + ok, 0)).toBe(5_000);
    expect(metrics.refusals.size).toBeLessThanOrEqual(65);
    expect([...metrics.refusals.values()].reduce((sum, count) => sum + count, 0)).toBe(5_000);
  });

  it("tell each request to the region once", () => {
    const metrics = new Metrics();
    metrics.observe("/", "s", 200, 1);
    metrics.observe("/", "s", 500, 1);
    metrics.refuse("upstream_timeout");
    expect(metrics.drain()).toEqual({ total: 2, failed: 1, refused: 1 });
    expect(metrics.drain()).toEqual({ total: 0, failed: 0, refused: 0 });
    metrics.observe("/", "s", 200, 1);
    expect(metrics.drain()).toEqual({ total: 1, failed: 0, refused: 0 });
  });
});
