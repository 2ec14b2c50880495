import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { PolicyMetadata } from "../../worker/platform/policies.ts";
import { Policies } from "../../worker/platform/policies.ts";
import type { Background } from "../../worker/platform/news.ts";

const ctx: Background = { waitUntil: () => undefined };

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

const document = (service: string): string =>
  JSON.stringify({
    services: { [service]: { instances: [{ id: "one", url: "https://one.example.com" }] } },
    routes: [{ match: { path: "/*" }, service }],
  });

/** KV with one key, as this test left it. */
function kv() {
  const store = {
    text: null as string | null,
    metadata: null as PolicyMetadata | null,
    reads: 0,
    broken: "" as "" | "hangs" | "throws",
  };
  const getWithMetadata = async () => {
    store.reads++;
    if (store.broken === "throws") throw new Error("KV GET failed");
    if (store.broken === "hangs") await new Promise(() => {});
    return { value: store.text, metadata: store.metadata, cacheStatus: null };
  };
  const policies = new Policies({ KV: { getWithMetadata } as unknown as KVNamespace });
  return { store, policies };
}

async function look(policies: Policies): Promise<void> {
  await vi.advanceTimersByTimeAsync(1_000);
  await policies.load(ctx);
}

describe("policies from KV", () => {
  it("takes the published one, with its generation", async () => {
    const { store, policies } = kv();
    Object.assign(store, { text: document("a"), metadata: { generation: 7, at: 1 } });
    await policies.load(ctx);
    expect(policies.current?.generation).toBe(7);
    expect(policies.current?.route("x", "/", "GET", new Headers())?.service.name).toBe("a");
    expect(policies.error).toBeUndefined();
  });

  it("takes one that was put there by hand, as generation 0, and its successors", async () => {
    const { store, policies } = kv();
    store.text = document("a");
    await look(policies);
    expect(policies.current?.generation).toBe(0);
    store.text = document("b");
    await look(policies);
    expect([...policies.current!.services.keys()]).toEqual(["b"]);
  });

  it("reads once for all who ask meanwhile", async () => {
    const { store, policies } = kv();
    store.text = document("a");
    await Promise.all(Array.from({ length: 20 }, () => policies.load(ctx)));
    expect(store.reads).toBe(1);
  });

  it("asks no more than twice a second when there is none", async () => {
    const { store, policies } = kv();
    for (let n = 0; n < 100; n++) {
      await policies.load(ctx);
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(store.reads).toBeLessThanOrEqual(2);
    expect(policies.current).toBeUndefined();
  });

  it.each(["throws", "hangs"] as const)("goes on with what it has when KV %s", async (broken) => {
    const { store, policies } = kv();
    store.text = document("a");
    await look(policies);
    store.broken = broken;
    await vi.advanceTimersByTimeAsync(1_000);
    const load = policies.load(ctx);
    await vi.advanceTimersByTimeAsync(2_100);
    await load;
    expect([...policies.current!.services.keys()]).toEqual(["a"]);
    store.broken = "";
    store.text = document("b");
    await look(policies);
    expect([...policies.current!.services.keys()]).toEqual(["b"]);
  });

  it.each([
    ["no JSON", "{", ""],
    ["an unknown field", '{"routez": []}', "routez"],
    ["a route to nowhere", '{"routes": [{"match": {"path": "/*"}, "service": "x"}]}', "routes[0].service"],
    ["a prototype's name", '{"services": {"__proto__": {}}}', "services.__proto__"],
    ["too deep", "[".repeat(200) + "]".repeat(200), ""],
    ["too large", JSON.stringify({ $schema: "x".repeat(2_000_000) }), ""],
  ])("leaves the last good one in force and says where it is wrong: %s", async (_, text, path) => {
    const { store, policies } = kv();
    store.text = document("a");
    await look(policies);
    const inForce = policies.current;
    store.text = text;
    await look(policies);
    expect(policies.current).toBe(inForce);
    expect(policies.error).toMatchObject({ from: "kv", generation: 0 });
    expect(policies.error!.problems[0]!.path).toBe(path);
    store.text = document("b");
    await look(policies);
    expect(policies.error).toBeUndefined();
    expect([...policies.current!.services.keys()]).toEqual(["b"]);
  });

  it("says so when a hand overwrites a numbered generation, and stays with it", async () => {
    const { store, policies } = kv();
    Object.assign(store, { text: document("a"), metadata: { generation: 7, at: 1 } });
    await look(policies);
    Object.assign(store, { text: document("b"), metadata: null });
    await look(policies);
    expect(policies.current?.generation).toBe(7);
    expect(policies.error?.problems[0]?.message).toContain("generation 7 stays in force");
    Object.assign(store, { text: document("a"), metadata: { generation: 7, at: 1 } });
    await look(policies);
    expect(policies.error).toBeUndefined();
  });

  it("does not fall back to an older generation that KV still serves", async () => {
    const { store, policies } = kv();
    expect(policies.take({ generation: 9, text: document("new"), at: 1 }, "region")).toBe(true);
    Object.assign(store, { text: document("old"), metadata: { generation: 8, at: 1 } });
    await look(policies);
    expect(policies.current?.generation).toBe(9);
  });

  it.each([[{ generation: -1 }], [{ generation: 1.5 }], [{ generation: "9" }], [{}], [null]])(
    "counts metadata that names no generation as none: %j",
    async (metadata) => {
      const { store, policies } = kv();
      Object.assign(store, { text: document("a"), metadata });
      await look(policies);
      expect(policies.current?.generation).toBe(0);
    },
  );
});

describe("policies from the region", () => {
  it("are taken when newer, and asked for no more when bad", () => {
    const { policies } = kv();
    expect(policies.take({ generation: 2, text: document("a"), at: 1 }, "region")).toBe(true);
    expect(policies.take({ generation: 2, text: document("b"), at: 1 }, "region")).toBe(false);
    expect(policies.take({ generation: 3, text: "{", at: 1 }, "region")).toBe(false);
    expect(policies.current?.generation).toBe(2);
    expect(policies.known).toBe(3);
    expect(policies.error).toMatchObject({ from: "region", generation: 3 });
    expect(policies.take({ generation: 4, text: document("c"), at: 1 }, "region")).toBe(true);
    expect(policies.error).toBeUndefined();
  });

  it("replace one that a hand put into KV", async () => {
    const { store, policies } = kv();
    store.text = document("hand");
    await look(policies);
    policies.take({ generation: 1, text: document("a"), at: 1 }, "region");
    await look(policies);
    expect(policies.current?.generation).toBe(1);
    // What lies in KV now contradicts it, and that shows.
    expect(policies.error?.problems[0]?.message).toContain("generation 1 stays in force");
  });

  it("survive a bug of ours in one document", () => {
    const { policies } = kv();
    policies.take({ generation: 1, text: document("a"), at: 1 }, "region");
    const buggy = new Policies({ KV: {} as KVNamespace }, () => {
      throw new RangeError("a bug");
    });
    expect(buggy.take({ generation: 1, text: document("a"), at: 1 }, "region")).toBe(false);
    expect(buggy.error?.problems[0]?.message).toContain("a bug");
  });
});
