// Rollups and alerts in the real object: counted once, merged into minutes and hours, kept over a lost memory; rules evaluated by its alarm.
import { evictDurableObject, reset, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { CONTROL_NAME, INSIGHT_NAME } from "../../worker/core/protocol/names.ts";
import type { Slice, Slices } from "../../worker/core/protocol/rollups.ts";

const insight = () => env.INSIGHT.getByName(INSIGHT_NAME);
const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1_000);
const START = 2_000_000_040_000;

let number = 0;
const tell = (slices: Slices, region = "weur") => insight().rollup({ region, number: ++number, slices });
const fleet = (slice: Slice): Slices => ({ fleet: slice });

async function policy(alerts: unknown[], notifiers: unknown = {}): Promise<void> {
  const services = { web: { instances: [{ id: "w1", url: "http://upstream.example" }] } };
  const text = JSON.stringify({ services, routes: [], alerts, notifiers });
  await env.CONTROL.getByName(CONTROL_NAME).put(text, { actor: "test", note: "" });
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"], now: START });
  number = 0;
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

it("counts a batch once, also over a lost memory, and adds up what regions tell", async () => {
  await tell(fleet({ requests: 3, failed: 1, times: [0, 2, 5, 1] }));
  await insight().rollup({ region: "weur", number: 1, slices: fleet({ requests: 50 }) });
  await tell(fleet({ requests: 4, times: [5, 4] }), "enam");
  await evictDurableObject(insight());
  await insight().rollup({ region: "weur", number: 1, slices: fleet({ requests: 50 }) });
  const rows = await insight().history({ grain: "second", from: START, to: START + 1_000 });
  expect(rows).toEqual([{ at: START, slices: { fleet: { requests: 7, failed: 1, times: [0, 2, 5, 5] } } }]);
});

it("merges seconds into minutes and minutes into hours", async () => {
  for (let minute = 0; minute < 70; minute++) {
    await tell(fleet({ requests: 1 }));
    pass(30);
    await tell({ ...fleet({ requests: 2 }), "service web": { requests: 2 } });
    pass(30);
  }
  await tell(fleet({ requests: 1 }));
  const minutes = await insight().history({ grain: "minute", from: START - 60_000, to: Date.now() });
  expect(minutes).toHaveLength(70);
  expect(minutes[0]).toMatchObject({ slices: { fleet: { requests: 3 }, "service web": { requests: 2 } } });
  const hours = await insight().history({ grain: "hour", from: 0, to: Date.now(), series: ["fleet", "route x"] });
  const counted = hours.map(({ slices }) => slices["fleet"]?.requests ?? 0);
  expect(hours[0]!.slices["route x"]).toEqual({});
  expect(counted.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
  expect(counted.every((count) => count <= 180)).toBe(true);
});

it("keeps a bounded number of series, and says how many had no room", async () => {
  const many = Object.fromEntries(Array.from({ length: 600 }, (_, n) => [`route r${n}`, { requests: 1 }]));
  await tell(many);
  const [row] = await insight().history({ grain: "second", from: START, to: START + 1_000 });
  expect(Object.keys(row!.slices)).toHaveLength(500);
});

it("fires, keeps what fired over a lost memory, and resolves; a rule that errs harms no other", async () => {
  await policy([
    { name: "errors", when: "metrics.error_rate > 0.2", forSeconds: 10, scope: { service: "web" } },
    { name: "broken", when: "metrics.requests / 0 > 1 && 1 / 0 > 0" },
    { name: "never", when: "metrics.requests > 1000000" },
  ]);
  const failing = { "service web": { requests: 10, failed: 5 }, ...fleet({ requests: 10, failed: 5 }) };
  for (let second = 0; second < 20; second += 5) {
    await tell(failing);
    await runDurableObjectAlarm(insight());
    if (second === 10) await evictDurableObject(insight());
    pass(5);
  }
  const fired = await insight().alerts(Number.MAX_SAFE_INTEGER, 10);
  expect(fired.items.map(({ alert }) => [alert.id, alert.state, alert.scope])).toEqual([
    ["errors.1", "active", "service web"],
  ]);
  expect(fired.rules.map(({ rule, status }) => [rule, status])).toEqual([
    ["errors", "firing"],
    ["broken", "error"],
    ["never", "ok"],
  ]);
  expect(fired.rules[1]!.error).not.toBe("");
  expect(await insight().acknowledge("errors.1", "ann")).toMatchObject({
    state: "acknowledged",
    acknowledgedBy: "ann",
  });
  expect(await insight().acknowledge("errors.9", "ann")).toBeUndefined();
  pass(61);
  await tell({ "service web": { requests: 10 } });
  await runDurableObjectAlarm(insight());
  const after = await insight().alerts(Number.MAX_SAFE_INTEGER, 10);
  expect(after.items[0]!.alert).toMatchObject({
    state: "resolved",
    acknowledgedBy: "ann",
    values: { error_rate: 0.5 },
  });
});

it("knows what is usual", async () => {
  await policy([{ name: "slow", when: "metrics.latency_p95_ms > 3 * baseline(metrics.latency_p95_ms)" }]);
  for (let minute = 0; minute < 16; minute++) {
    await tell(fleet({ requests: 1, times: [80, 10] }));
    pass(60);
  }
  await tell(fleet({ requests: 1, times: [82, 10] }));
  await runDurableObjectAlarm(insight());
  expect((await insight().alerts(Number.MAX_SAFE_INTEGER, 10)).rules[0]!.status).toBe("ok");
  pass(60);
  await tell(fleet({ requests: 1, times: [120, 10] }));
  await runDurableObjectAlarm(insight());
  expect((await insight().alerts(Number.MAX_SAFE_INTEGER, 10)).rules[0]!.status).toBe("firing");
});

it("resolves what its rule leaves behind when the policy drops it", async () => {
  await policy([{ name: "any", when: "metrics.requests > 0" }]);
  await tell(fleet({ requests: 1 }));
  await runDurableObjectAlarm(insight());
  await policy([]);
  pass(5);
  await runDurableObjectAlarm(insight());
  const { items, rules } = await insight().alerts(Number.MAX_SAFE_INTEGER, 10);
  expect(items.map(({ alert }) => alert.state)).toEqual(["resolved"]);
  expect(rules).toEqual([]);
  await runInDurableObject(insight(), async (_, state) => {
    expect(state.storage.sql.exec("SELECT rule FROM alert_rules").toArray()).toEqual([]);
  });
});

it("keeps an alarm ahead while a timer evaluates, so that it goes on should its memory be lost", async () => {
  await policy([{ name: "any", when: "metrics.requests > 0" }]);
  await tell(fleet({ requests: 1 }));
  await runInDurableObject(insight(), () => vi.advanceTimersByTimeAsync(5_000));
  // It rings just after the timer has evaluated.
  expect(await runDurableObjectAlarm(insight())).toBe(true);
  await runInDurableObject(insight(), async (_, state) => {
    expect(await state.storage.getAlarm()).toBe(START + 5_000 + 30_000);
  });
});
