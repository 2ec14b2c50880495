// A25: variants are told apart by what Vary nominates; the Cache API, which lies below, knows nothing of it.
import { afterAll, beforeAll, expect, test } from "vitest";
import { get } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream(({ request }) => ({
    headers: { "Cache-Control": "max-age=60", Vary: request.path === "/star" ? "*" : "Accept-Language" },
    body: `in ${request.header("accept-language")}`,
  }));
  rig = await startRig({ gateways: 2, policy: inFrontOf(upstream, { sections: { cache: {} } }) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

const inLanguage = async (origin: string, language: string, target = "/page") =>
  (await get(origin, target, { "Accept-Language": language })).text;

test("A25: two languages are two fetches, then both are at hand", async () => {
  for (const origin of [rig.g1, rig.g2]) {
    for (let round = 0; round < 3; round++) {
      expect(await inLanguage(origin, "en")).toBe("in en");
      expect(await inLanguage(origin, "fr")).toBe("in fr");
    }
  }
  // Each isolate at most once, and fewer where a level is shared.
  expect(upstream.count).toBeLessThanOrEqual(4);
  expect(upstream.count).toBeGreaterThanOrEqual(2);
});

test("A25: Vary: * is never used again", async () => {
  upstream.clear();
  for (let round = 0; round < 3; round++) await inLanguage(rig.g1, "en", "/star");
  expect(upstream.count).toBe(3);
});
