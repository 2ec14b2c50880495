// A24: nobody is ever handed another one's cookie out of the cache, whatever lifetime the answer has.
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
  let visitors = 0;
  upstream = await startUpstream(() => ({
    headers: { "Cache-Control": "max-age=60, public", "Set-Cookie": `visitor=${++visitors}` },
  }));
  rig = await startRig({ gateways: 2, policy: inFrontOf(upstream, { sections: { cache: {} } }) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

test("A24: by default the answer is not shared at all, by no level", async () => {
  const cookies: string[] = [];
  for (const origin of [rig.g1, rig.g1, rig.g2, rig.g1]) cookies.push(...(await get(origin, "/a")).all("set-cookie"));
  expect(new Set(cookies).size).toBe(4);
  expect(upstream.count).toBe(4);
});

test("A24: with strip it is shared without the cookie, and only who fetched it gets one", async () => {
  await rig.publish(inFrontOf(upstream, { sections: { cache: { setCookie: "strip" } } }));
  upstream.clear();
  expect((await get(rig.g1, "/b")).all("set-cookie")).toHaveLength(1);
  const second = await get(rig.g1, "/b");
  expect(second.all("set-cookie")).toEqual([]);
  expect(second.header("cache-status")).toContain("hit");
  expect(upstream.count).toBe(1);
});
