// A27 across isolates, where a rule asks for it: three isolates that miss the same at once fetch it once; and whatever the object they
// meet at does, every request is answered.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { get as getOf, type Answer } from "../support/client.ts";
import type { Fault } from "../support/faulty.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import type { Fields } from "../support/sockets.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
beforeAll(async () => {
  upstream = await startUpstream();
});
afterAll(() => upstream?.close());

/** A loaded machine gives its objects more time than a policy would. */
const PATIENT = { waitMs: 20_000, objectTimeoutMs: 10_000 };

const policy = (collapse: { waitMs?: number; objectTimeoutMs?: number } = {}) =>
  inFrontOf(upstream, {
    sections: {
      // Memory alone: what reaches another isolate went by the object.
      cache: {
        tiers: ["memory"],
        collapse,
        rules: [{ match: "GET /shared/*", acrossIsolates: true }],
      },
    },
  });

/** Of one host: the gateways' own names differ. */
const get = (origin: string, target: string, headers: Fields = {}): Promise<Answer> =>
  getOf(origin, target, { Host: "shop.example", ...headers });

const crowd = (rig: Rig, target: string, size: number, gateways = 3): Promise<Answer[]> =>
  Promise.all(Array.from({ length: size }, (_, n) => get(rig.origin((n % gateways) + 1), target)));

const words = (answers: readonly Answer[]): Set<string> =>
  new Set(answers.map(({ status, text }) => `${status} ${text}`));

describe("with the object there", () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig({ gateways: 3, policy: policy(PATIENT) });
  });
  afterAll(() => rig?.close());

  const counts = async () => {
    const all = { led: 0, shared: 0, alone: 0, away: 0 };
    for (const gateway of [1, 2, 3]) {
      const stats = (await (await rig.admin("cache/stats", {}, gateway)).json()) as {
        isolate: { acrossIsolates: typeof all };
      };
      for (const name of Object.keys(all) as (keyof typeof all)[]) all[name] += stats.isolate.acrossIsolates[name];
    }
    return all;
  };

  test("200 at once over three isolates are one fetch", async () => {
    upstream.clear();
    upstream.play({ headers: { "Cache-Control": "max-age=60" }, body: "same", delayMs: 500 });
    const answers = await crowd(rig, "/shared/a", 200);
    expect(words(answers)).toEqual(new Set(["200 same"]));
    expect(upstream.count).toBe(1);
    expect(await counts()).toEqual({ led: 1, shared: 2, alone: 0, away: 0 });
    const status = answers.map((answer) => answer.header("cache-status") ?? "");
    expect(status.filter((each) => each.includes("; collapsed")).length).toBeGreaterThan(100);
    // And what was shared is stored: the next one is a hit.
    for (const gateway of [1, 2, 3]) {
      expect((await get(rig.origin(gateway), "/shared/a")).header("cache-status")).toContain("detail=memory");
    }
  });

  test("what may not be shared costs each isolate its own fetch, and other rules' misses meet nobody", async () => {
    upstream.clear();
    upstream.play({ headers: { "Cache-Control": "no-store" }, delayMs: 200, body: "own" });
    expect(words(await crowd(rig, "/shared/own", 12))).toEqual(new Set(["200 own"]));
    expect(upstream.count).toBe(12);
    const before = await counts();
    upstream.clear();
    upstream.play({ headers: { "Cache-Control": "max-age=60" }, body: "each", delayMs: 300 });
    expect(words(await crowd(rig, "/each", 30))).toEqual(new Set(["200 each"]));
    expect(upstream.count).toBeLessThanOrEqual(3);
    expect(await counts()).toEqual(before);
  });

  test("variants are not mistaken for each other, and secrets in a query leave no isolate", async () => {
    upstream.clear();
    upstream.play(({ request }) => ({
      headers: { "Cache-Control": "max-age=60", Vary: "Accept-Language" },
      body: request.header("accept-language") ?? "none",
      delayMs: 200,
    }));
    const languages = ["de", "fr", "de"];
    const answers = await Promise.all(
      languages.map((language, n) => get(rig.origin(n + 1), "/shared/varied", { "Accept-Language": language })),
    );
    expect(answers.map(({ text }) => text)).toEqual(languages);
    const before = await counts();
    await get(rig.g1, "/shared/x?access_token=abcdef0123456789");
    expect(await counts()).toEqual(before);
  });

  test("a leader whose fetch is cut leaves the others to themselves", async () => {
    upstream.clear();
    upstream.play((exchange) =>
      exchange.upstream.count === 1 ? exchange.reset() : { headers: { "Cache-Control": "max-age=60" }, body: "whole" },
    );
    const answers = await crowd(rig, "/shared/cut", 9);
    expect(answers.filter(({ status }) => status === 200).every(({ text }) => text === "whole")).toBe(true);
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(6);
  });

  test("a leader whose fetch never ends keeps the others for waitMs, not longer", async () => {
    await rig.publish(policy({ ...PATIENT, waitMs: 1_000 }));
    for (const gateway of [1, 2, 3]) {
      const generation = async () => (await get(rig.origin(gateway), "/each")).header("x-sluice-generation");
      await expect.poll(generation, { timeout: 20_000 }).toBe("2");
    }
    upstream.clear();
    upstream.play((exchange) =>
      exchange.upstream.count === 1 ? exchange.hold() : { headers: { "Cache-Control": "max-age=60" }, body: "mine" },
    );
    const leader = get(rig.g1, "/shared/held").catch(() => undefined);
    await upstream.received(1);
    const answers = await Promise.all([get(rig.g2, "/shared/held"), get(rig.g3, "/shared/held")]);
    expect(words(answers)).toEqual(new Set(["200 mine"]));
    await rig.close();
    await leader;
  });
});

describe.each<Fault>(["hang", "crash"])("with an object that does %s", (fault) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig({ gateways: 2, policy: policy(), faulty: { BATCH: fault } });
  });
  afterAll(() => rig?.close());

  test("every request is answered, each isolate fetching for itself", async () => {
    for (let round = 0; round < 3; round++) {
      upstream.clear();
      upstream.play({ headers: { "Cache-Control": "max-age=60" }, body: "same", delayMs: 100 });
      expect(words(await crowd(rig, `/shared/${round}`, 30, 2))).toEqual(new Set(["200 same"]));
      expect(upstream.count).toBeLessThanOrEqual(2);
    }
  });
});
