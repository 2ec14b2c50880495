// What an isolate knows of keys while its stores are there, away, and back.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { KEY_CHANGED } from "../../worker/core/protocol/ledgers.ts";
import type { KeyRecord } from "../../worker/core/security/api-keys.ts";
import { ApiKeys } from "../../worker/platform/api-keys.ts";
import type { Env } from "../../worker/platform/env.ts";

const ID = "sk_aaaaaaaaaaaaaaaaaaaaaaaa";
const record: KeyRecord = {
  ...{ id: ID, hash: "h", name: "n", user: "u", tenant: "t", roles: [], permissions: [], rateLimit: "" },
  ...{ createdAt: 1, expiresAt: 0, revokedAt: 0 },
};
const background = { waitUntil: () => {} };

beforeEach(() => {
  vi.useFakeTimers({ now: 2_000_000_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Two stores that the test turns off and on. */
function stand() {
  const stores = { away: false, isKvEmpty: false };
  const read = async () => {
    if (stores.away) throw new Error("internal error");
    return JSON.stringify(record);
  };
  const get = async () => (stores.isKvEmpty ? null : read());
  const env = { KV: { get }, CONTROL: { getByName: () => ({ apiKey: read }) } } as unknown as Env;
  const keys = new ApiKeys(env, Date.now);
  return { stores, keys, find: async (id = ID) => keys.find(id, background) };
}

describe("with both stores away", () => {
  it("a key that was known stands, beyond the time for which a record is good", async () => {
    const { stores, find } = stand();
    expect(await find()).toEqual(record);
    stores.away = true;
    for (let minutes = 0; minutes < 60; minutes++) {
      await vi.advanceTimersByTimeAsync(60_000);
      expect(await find()).toEqual(record);
    }
  });

  it("of one that was never seen nobody can say", async () => {
    const { stores, find } = stand();
    stores.away = true;
    expect(await find()).toBe("unknown");
  });

  it("one that is gone from KV does not stand", async () => {
    const { stores, find } = stand();
    await find();
    await vi.advanceTimersByTimeAsync(600_000);
    Object.assign(stores, { away: true, isKvEmpty: true });
    expect(await find()).toBe("unknown");
  });

  it("one that was revoked or changed does not stand", async () => {
    for (const [text, answer] of [
      ['{"revoked":true}', "missing"],
      [KEY_CHANGED, "unknown"],
    ] as const) {
      const { stores, keys, find } = stand();
      await find();
      stores.away = true;
      keys.hear([{ number: 1, key: ID, text }], 0);
      expect(await find()).toBe(answer);
    }
  });
});

it("a key is known again within five seconds of a store's return, however long both were away", async () => {
  const { stores, find } = stand();
  stores.away = true;
  for (let seconds = 0; seconds < 600; seconds++) {
    await vi.advanceTimersByTimeAsync(1_000);
    await find();
  }
  stores.away = false;
  let seconds = 0;
  while ((await find()) === "unknown" && seconds < 60) {
    await vi.advanceTimersByTimeAsync(1_000);
    seconds++;
  }
  expect(seconds).toBeLessThanOrEqual(5);
});
