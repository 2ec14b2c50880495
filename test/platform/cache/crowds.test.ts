import { beforeEach, expect, test } from "vitest";
import { encodeLine } from "../../../worker/core/cache/line.ts";
import type { CrowdPlace } from "../../../worker/core/protocol/batch.ts";
import { Crowds } from "../../../worker/platform/cache/crowds.ts";
import { MemoryEntry } from "../../../worker/platform/cache/memory.ts";
import { CrowdRoom } from "../../../worker/platform/crowd-room.ts";
import type { Env } from "../../../worker/platform/env.ts";
import { RegionLink } from "../../../worker/platform/region.ts";
import { entryMeta } from "../../support/entries.ts";

/** What the object answers; each may throw. */
interface Said {
  lead: () => CrowdPlace | Promise<CrowdPlace>;
  follow: () => Promise<Uint8Array<ArrayBuffer> | undefined>;
}

const names: string[] = [];
let said: Said;
beforeEach(() => {
  names.length = 0;
  said = { lead: () => ({ role: "follows" }), follow: () => Promise.resolve(undefined) };
});

const env = {
  REGION_NAME: "weur",
  BATCH: {
    getByName: (name: string) => {
      names.push(name);
      return {
        lead: async () => said.lead(),
        follow: () => said.follow(),
        bring: () => Promise.resolve(),
      };
    },
  },
} as unknown as Env;

const WAITS = { waitMs: 2_000, objectTimeoutMs: 1_000 };
const body = new Uint8Array(new TextEncoder().encode("body"));
const entry = (key: string) => ({ meta: entryMeta({ key, bodyBytes: body.byteLength }), body });

test("a follower gets what the leader brought, as another level's line", async () => {
  const crowds = new Crowds(env, new RegionLink(env));
  said.follow = () => Promise.resolve(encodeLine([entry("k")]));
  const met = await crowds.meet("k", WAITS);
  expect(met.lease).toBeUndefined();
  expect(met.entries.map(({ meta, body: held }) => [meta.key, new TextDecoder().decode(held)])).toEqual([
    ["k", "body"],
  ]);
  expect(crowds.counts).toEqual({ led: 0, shared: 1, alone: 0, away: 0 });
  expect(names.every((name) => /^crowd:weur:\d+$/.test(name))).toBe(true);
});

test.each<[string, Partial<Said>, "alone" | "away"]>([
  ["dies while it waits", { follow: () => Promise.reject(new Error("the object died")) }, "away"],
  ["brings another key's line", { follow: () => Promise.resolve(encodeLine([entry("other")])) }, "alone"],
  [
    "brings HTML",
    { follow: () => Promise.resolve(new Uint8Array(new TextEncoder().encode("<html>sorry</html>"))) },
    "alone",
  ],
  ["brings nothing", {}, "alone"],
  ["has nothing to share", { lead: () => ({ role: "alone" }) }, "alone"],
  ["throws", { lead: () => Promise.reject(new Error("overloaded")) }, "away"],
  ["never answers", { lead: () => new Promise(() => undefined) }, "away"],
])("goes on alone when the object %s", async (_, answers, counted) => {
  said = { ...said, ...answers };
  const crowds = new Crowds(env, new RegionLink(env));
  const met = await crowds.meet("k", { waitMs: 50, objectTimeoutMs: 50 });
  expect(met).toEqual({ entries: [], lease: undefined });
  expect(crowds.counts[counted]).toBe(1);
});

test("a room gives what is brought to all who wait, and to who asks between", async () => {
  const room = new CrowdRoom();
  const leads = room.lead("k", 60_000);
  expect(leads).toEqual({ role: "leads", lease: 1 });
  const waiting = [room.follow("k", 60_000), room.follow("k", 60_000)];
  const line = encodeLine([entry("k")]);
  room.bring("k", 1, line);
  expect(await Promise.all([...waiting, room.follow("k", 60_000)])).toEqual([line, line, line]);
  room.lead("own", 60_000);
  const alone = room.follow("own", 60_000);
  room.bring("own", 2, undefined);
  expect(await alone).toBeUndefined();
  expect(await room.follow("nobody", 60_000)).toBeUndefined();
});

test("a leader brings what memory can hold, in one line, and says so when there is nothing", async () => {
  const crowds = new Crowds(env, new RegionLink(env));
  const work: Promise<unknown>[] = [];
  const background = { waitUntil: (promise: Promise<unknown>) => void work.push(promise) };
  const { meta } = entry("k");
  crowds.bring("k", 1, new MemoryEntry(meta, body), background);
  crowds.bring("k", 2, new MemoryEntry(meta, new Uint8Array(5_000_000)), background);
  crowds.bring("k", 3, undefined, background);
  await Promise.all(work);
  expect(names).toHaveLength(3);
});
