import { evictDurableObject, reset, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, expect, it, vi } from "vitest";
import { ControlObject } from "../../durable-objects/control.ts";
import { NO_NUMBERS, type LedgerNumbers } from "../../worker/core/protocol/ledgers.ts";
import { apiKeyName, CONTROL_NAME, POLICY_KEY } from "../../worker/core/protocol/names.ts";
import type { KeyRecord } from "../../worker/core/security/api-keys.ts";
import type { Env } from "../../worker/platform/env.ts";
import type { PolicyMetadata } from "../../worker/platform/policies.ts";

const control = () => env.CONTROL.getByName(CONTROL_NAME);
const change = { actor: "test", note: "" };
const document = (name: string) => JSON.stringify({ services: { [name]: {} } });

async function inKv(): Promise<{ generation: number | undefined; text: string | null }> {
  const { value, metadata } = await env.KV.getWithMetadata<PolicyMetadata>(POLICY_KEY, "text");
  return { generation: metadata?.generation, text: value };
}

/** A KV whose writes fail until they are let through, and that counts them. */
function stubbornKv() {
  const kv = { broken: true, writes: 0 };
  const put: KVNamespace["put"] = async (...write: Parameters<KVNamespace["put"]>) => {
    kv.writes++;
    if (kv.broken) throw new Error("KV PUT failed: 429 Too Many Requests");
    return env.KV.put(...write);
  };
  const binding = new Proxy(env.KV, {
    get: (target, name) => (name === "put" ? put : Reflect.get(target, name).bind(target)),
  });
  return { kv, env: { ...env, KV: binding } satisfies Env };
}

afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await reset();
});

it("numbers generations from 1 and hands out the newest", async () => {
  expect(await control().policy()).toBeUndefined();
  expect(await control().put(document("a"), change)).toEqual({ outcome: "stored", generation: 1 });
  expect(await control().put(document("b"), change)).toEqual({ outcome: "stored", generation: 2 });
  expect(await control().policy()).toMatchObject({ generation: 2, text: document("b") });
  expect(await control().policy(1)).toMatchObject({ generation: 1, text: document("a") });
  expect(await control().policy(7)).toBeUndefined();
});

it("makes no generation of a document that is in force already", async () => {
  await control().put(document("a"), change);
  expect(await control().put(document("a"), change)).toEqual({ outcome: "unchanged", generation: 1 });
  expect(await control().history(Number.MAX_SAFE_INTEGER, 10)).toHaveLength(1);
});

it("stores nothing when another generation is in force than was expected", async () => {
  expect(await control().put(document("a"), change, 1)).toEqual({ outcome: "conflict", generation: 0 });
  expect(await control().put(document("a"), change, 0)).toEqual({ outcome: "stored", generation: 1 });
  expect(await control().put(document("b"), change, 0)).toEqual({ outcome: "conflict", generation: 1 });
  expect(await control().policy()).toMatchObject({ generation: 1, text: document("a") });
});

it("lets exactly one of many writers that expect the same generation through", async () => {
  await control().put(document("first"), change);
  const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => control().put(document(`s${n}`), change, 1)));
  expect(answers.filter(({ outcome }) => outcome === "stored")).toHaveLength(1);
  expect(await control().policy()).toMatchObject({ generation: 2 });
});

it("lets exactly one first writer through when the store is still empty", async () => {
  const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => control().put(document(`s${n}`), change, 0)));
  expect(answers.filter(({ outcome }) => outcome === "stored")).toHaveLength(1);
});

it("takes an earlier document up again as a new generation", async () => {
  await control().put(document("a"), change);
  await control().put(document("b"), change);
  expect(await control().rollback(1, { actor: "test", note: "b was bad" })).toEqual({
    outcome: "stored",
    generation: 3,
  });
  expect(await control().policy()).toMatchObject({ generation: 3, text: document("a") });
  expect(await control().history(4, 1)).toMatchObject([
    { generation: 3, rollbackOf: 1, note: "b was bad", actor: "test" },
  ]);
  expect(await control().rollback(99, change)).toEqual({ outcome: "unknown", generation: 3 });
  expect(await control().rollback(3, change)).toEqual({ outcome: "unchanged", generation: 3 });
});

it("keeps the last 200 generations and pages through them", async () => {
  for (let n = 1; n <= 205; n++) await control().put(document(`s${n}`), change);
  const first = await control().history(Number.MAX_SAFE_INTEGER, 150);
  const second = await control().history(first.at(-1)!.generation, 150);
  const kept = [...first, ...second].map(({ generation }) => generation);
  expect(kept).toEqual(Array.from({ length: 200 }, (_, index) => 205 - index));
  expect(await control().policy(5)).toBeUndefined();
});

it("publishes to KV with the generation beside the document", async () => {
  await control().put(document("a"), change);
  expect(await runDurableObjectAlarm(control())).toBe(true);
  expect(await inKv()).toEqual({ generation: 1, text: document("a") });
  expect(await runDurableObjectAlarm(control())).toBe(false);
});

it("writes KV once for several generations stored within a second", async () => {
  await runInDurableObject(control(), async (_, state) => {
    const { kv, env: stubborn } = stubbornKv();
    kv.broken = false;
    const object = new ControlObject(state, stubborn);
    await object.put(document("a"), change);
    await object.put(document("b"), change);
    await object.put(document("c"), change);
    await object.alarm();
    expect(kv.writes).toBe(1);
    await object.put(document("d"), change);
    // KV takes one write a second per key.
    expect((await state.storage.getAlarm())! - Date.now()).toBeGreaterThan(1_000);
    await state.storage.deleteAlarm();
  });
  expect(await inKv()).toMatchObject({ generation: 3 });
});

it("tries again by its alarm until KV holds the newest", async () => {
  const warned = vi.spyOn(console, "warn").mockReturnValue();
  await runInDurableObject(control(), async (_, state) => {
    const { kv, env: stubborn } = stubbornKv();
    const object = new ControlObject(state, stubborn);
    // As the runtime does it: an alarm that runs is no longer set.
    const ring = async () => {
      expect(await state.storage.getAlarm()).not.toBeNull();
      await state.storage.deleteAlarm();
      await object.alarm();
    };
    await object.put(document("a"), change);
    await ring();
    await object.put(document("b"), change);
    await ring();
    kv.broken = false;
    await ring();
    expect(kv.writes).toBe(3);
    expect(warned).toHaveBeenCalledTimes(2);
    expect(await state.storage.getAlarm()).toBeNull();
  });
  expect(await inKv()).toEqual({ generation: 2, text: document("b") });
});

it("publishes after a crash between storing and publishing", async () => {
  await control().put(document("a"), change);
  await evictDurableObject(control());
  expect(await control().policy()).toMatchObject({ generation: 1 });
  await runDurableObjectAlarm(control());
  expect(await inKv()).toEqual({ generation: 1, text: document("a") });
});

it("numbers on from what KV holds when its own store is empty", async () => {
  await env.KV.put(POLICY_KEY, document("old"), { metadata: { generation: 41, at: 1 } });
  expect(await control().put(document("a"), change, 41)).toEqual({ outcome: "stored", generation: 42 });
});

it("expects generation 0 beside a document that a hand put into KV", async () => {
  await env.KV.put(POLICY_KEY, document("by hand"));
  expect(await control().put(document("a"), change, 0)).toEqual({ outcome: "stored", generation: 1 });
});

it("tells news without the document when the asker knows it", async () => {
  await control().put(document("a"), change);
  expect(await control().news({ policy: 0, operation: 0, ledgers: NO_NUMBERS })).toMatchObject({
    epochs: { policy: 1 },
    policy: { generation: 1, text: document("a") },
  });
  const news = await control().news({ policy: 1, operation: 0, ledgers: NO_NUMBERS });
  expect(news.policy).toBeUndefined();
});

const ledgers = async (known: LedgerNumbers) =>
  (await control().news({ policy: 0, operation: 0, ledgers: known })).ledgers;

it("numbers orders by the clock, keeps the newest of a key, and tells what is newer than the asker has", async () => {
  const before = Date.now();
  const first = await control().append("purge", "url /a", '{"n":1}', "cache.purge", change);
  const second = await control().append("purge", "url /b", '{"n":2}', "cache.purge", change);
  const third = await control().append("purge", "url /a", '{"n":3}', "cache.purge", { actor: "ann", note: "again" });
  expect(first).toBeGreaterThanOrEqual(before);
  expect(second).toBeGreaterThan(first);
  await evictDurableObject(control());
  const { epochs } = await control().news({ policy: 0, operation: 0, ledgers: NO_NUMBERS });
  expect(epochs).toMatchObject({ purge: third, keys: 0, chaos: 0, trials: 0 });
  const b = { number: second, key: "url /b", text: '{"n":2}' };
  const a = { number: third, key: "url /a", text: '{"n":3}' };
  expect(await ledgers(NO_NUMBERS)).toEqual({ purge: { floor: 0, entries: [b, a] } });
  expect(await ledgers({ ...NO_NUMBERS, purge: second })).toEqual({ purge: { floor: 0, entries: [a] } });
  expect(await ledgers({ ...NO_NUMBERS, purge: third })).toBeUndefined();
  expect(await control().ledger("purge")).toEqual([b, a]);
  expect(await control().audit(Number.MAX_SAFE_INTEGER, 1)).toMatchObject([
    { actor: "ann", action: "cache.purge", detail: "url /a: again" },
  ]);
});

it("forgets the oldest orders of a long ledger, and says so", async () => {
  await runInDurableObject(control(), (object) => {
    for (let n = 0; n < 1_001; n++) object.append("keys", `k${n}`, "{}", "key.revoke", change);
  });
  const page = (await ledgers(NO_NUMBERS))?.keys;
  expect(page?.entries).toHaveLength(1_000);
  expect(page?.entries[0]).toMatchObject({ key: "k1" });
  expect(page?.floor).toBe(page!.entries[0]!.number - 1);
  await runInDurableObject(control(), (object) => {
    for (let n = 0; n < 20; n++) object.append("chaos", `big${n}`, "x".repeat(65_536), "chaos.start", change);
    expect(() => object.append("chaos", "huge", "x".repeat(65_537), "chaos.start", change)).toThrow("longer than");
  });
  expect((await ledgers(NO_NUMBERS))?.chaos?.entries).toHaveLength(16);
});

it("tells each region what the others send where, while it is true", async () => {
  const ask = (region: string, inFlight: Record<string, number>) =>
    control().news({ policy: 0, operation: 0, ledgers: NO_NUMBERS, load: { region, inFlight } });
  await ask("weur", { weur: 3, enam: 1 });
  await ask("apac", { weur: 4 });
  expect((await ask("enam", { enam: 9 })).inFlight).toEqual({ weur: 7, enam: 1 });
  expect((await ask("weur", { weur: 5 })).inFlight).toEqual({ weur: 4, enam: 9 });
  expect((await ask("apac", {})).inFlight).toEqual({ weur: 5, enam: 9 });
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 5_001 });
  expect((await ask("apac", {})).inFlight).toEqual({});
  vi.useRealTimers();
});

it("numbers what operators say of instances, keeps the last word on each, and tells the newer ones", async () => {
  const users1 = { service: "users", instance: "users-1" };
  const first = await control().operate({ ...users1, command: "drain" }, change);
  const second = await control().operate({ service: "orders", instance: "o1", command: "open" }, change);
  expect(second.number).toBeGreaterThan(first.number);
  await evictDurableObject(control());
  expect((await control().news({ policy: 0, operation: 0, ledgers: NO_NUMBERS })).operations).toEqual([first, second]);
  const third = await control().operate({ ...users1, command: "close" }, { actor: "ann", note: "well again" });
  expect((await control().news({ policy: 0, operation: 0, ledgers: NO_NUMBERS })).operations).toEqual([second, third]);
  expect((await control().news({ policy: 0, operation: second.number, ledgers: NO_NUMBERS })).operations).toEqual([
    third,
  ]);
  expect((await control().news({ policy: 0, operation: third.number, ledgers: NO_NUMBERS })).operations).toEqual([]);
  expect(await control().audit(Number.MAX_SAFE_INTEGER, 1)).toMatchObject([
    { actor: "ann", action: "instance.close", detail: "users/users-1: well again" },
  ]);
});

it("never forgets who is out of service, however many were put back", async () => {
  const drained = await control().operate({ service: "users", instance: "u0", command: "drain" }, change);
  await runInDurableObject(control(), (object) => {
    for (let n = 1; n <= 1_010; n++) object.operate({ service: "users", instance: `u${n}`, command: "reset" }, change);
  });
  const { operations } = await control().news({ policy: 0, operation: 0, ledgers: NO_NUMBERS });
  expect(operations).toHaveLength(1_001);
  expect(operations[0]).toEqual(drained);
});

it("writes every change down, newest first, and keeps the last 5,000", async () => {
  await control().put(document("a"), { actor: "ann", note: "first" });
  await control().put(document("b"), change);
  await control().rollback(1, change);
  await control().append("keys", "k1", "{}", "key.revoke", { actor: "bob", note: "leaked" });
  const entries = await control().audit(Number.MAX_SAFE_INTEGER, 10);
  expect(entries.map(({ actor, action, detail }) => `${actor} ${action} ${detail}`)).toEqual([
    "bob key.revoke k1: leaked",
    "test policy.rollback generation 3 from 1",
    "test policy.put generation 2",
    "ann policy.put generation 1: first",
  ]);
  await runInDurableObject(control(), (object) => {
    for (let n = 0; n < 5_010; n++) object.record("test", "noise", String(n));
  });
  const page = await control().audit(Number.MAX_SAFE_INTEGER, 5_100);
  expect(page).toHaveLength(5_000);
  expect(page[0]!.detail).toBe("5009");
});

it("shows its health and state over HTTP", async () => {
  await control().put(document("a"), change);
  const health = await control().fetch("http://object/health");
  expect(await health.json()).toMatchObject({ status: "ok", generation: 1 });
  const state = await control().fetch("http://object/state");
  expect(await state.json()).toMatchObject({ epochs: { policy: 1 }, history: [{ generation: 1 }] });
  expect((await control().fetch("http://object/nothing")).status).toBe(404);
});

// --- API keys ---

const key = (id: string, changes: Partial<KeyRecord> = {}): string =>
  JSON.stringify({
    ...{ id, hash: "h", name: "ci", user: "ci", tenant: "acme", roles: [], permissions: [], rateLimit: "" },
    ...{ createdAt: 1, expiresAt: 0, revokedAt: 0, ...changes },
  });

it("keeps keys, tells of them in the ledger and the audit log, and copies them to KV", async () => {
  expect(await control().createKey("a", key("a"), change)).toBe("stored");
  expect(await control().createKey("b", key("b"), { actor: "olga", note: "for ci" })).toBe("stored");
  expect(await control().apiKey("a")).toBe(key("a"));
  expect(await control().apiKey("nobody")).toBeUndefined();
  expect(await control().keyCount()).toBe(2);
  const [newest, oldest] = await control().apiKeys(Number.MAX_SAFE_INTEGER, 10);
  expect(newest).toMatchObject({ id: "b", name: "ci", tenant: "acme", revokedAt: 0 });
  expect(newest).not.toHaveProperty("hash");
  expect(await control().apiKeys(newest!.number, 1)).toEqual([oldest]);
  expect((await control().ledger("keys")).map((entry) => [entry.key, entry.text])).toEqual([
    ["a", '{"made":true}'],
    ["b", '{"made":true}'],
  ]);
  expect((await control().audit(Number.MAX_SAFE_INTEGER, 1))[0]).toMatchObject({
    actor: "olga",
    action: "key.create",
    detail: "b: for ci",
  });
  await runDurableObjectAlarm(control());
  expect(await env.KV.get(apiKeyName("a"))).toBe(key("a"));
  expect(await env.KV.get(apiKeyName("b"))).toBe(key("b"));
});

it("a revoked key is one for good, over an eviction and in KV", async () => {
  await control().createKey("a", key("a"), change);
  await runDurableObjectAlarm(control());
  expect(await control().revokeKey("nobody", change)).toBe("unknown");
  expect(await control().revokeKey("a", change)).toBe("revoked");
  expect(await control().revokeKey("a", change)).toBe("already");
  await evictDurableObject(control());
  const record = JSON.parse((await control().apiKey("a"))!) as KeyRecord;
  expect(record.revokedAt).toBeGreaterThan(0);
  expect(await control().keyCount()).toBe(0);
  expect((await control().ledger("keys")).at(-1)).toMatchObject({ key: "a", text: '{"revoked":true}' });
  await runDurableObjectAlarm(control());
  expect(JSON.parse((await env.KV.get(apiKeyName("a")))!)).toEqual(record);
});

it("a key reaches KV when KV comes back, and the policy is not held up", async () => {
  const { kv, env: broken } = stubbornKv();
  await runInDurableObject(control(), async (_, ctx) => {
    const object = new ControlObject(ctx, broken);
    await object.put(document("a"), change);
    await object.createKey("a", key("a"), change);
    await object.alarm();
    expect(await ctx.storage.getAlarm()).not.toBeNull();
    kv.broken = false;
    await object.alarm();
  });
  expect(await env.KV.get(apiKeyName("a"))).toBe(key("a"));
  expect((await inKv()).generation).toBe(1);
});
