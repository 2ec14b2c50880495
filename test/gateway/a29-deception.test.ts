// A29: a page that is a user's own stays so, however its URL is made to look: without a word from the origin nothing that
// came with a cookie or a credential is shared, whatever its suffix.
import { afterAll, beforeAll, expect, test } from "vitest";
import { get } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const CANARY = "canary-4711";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream(({ request }) => ({
    // What makes naive caches keep it: a validator, an old date, a static suffix.
    headers: { ETag: '"page"', "Last-Modified": "Thu, 01 Jan 2015 00:00:00 GMT", "Content-Type": "text/css" },
    body: request.header("cookie") === undefined && request.header("authorization") === undefined ? "login" : CANARY,
  }));
  const rules = [{ match: "GET /*", ttlSeconds: 600 }];
  rig = await startRig({ policy: inFrontOf(upstream, { sections: { cache: { rules } } }) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

const SUFFIXES = [
  "",
  "/x.css",
  "/x.js",
  ";x.css",
  "%2fx.css",
  "/..%2fx.css",
  "?x.css",
  "/x.css?v=1",
  "%3Fx.css",
  "%23x.css",
  ".css",
];

test.each(SUFFIXES)("A29: /account%s", async (suffix) => {
  const target = `/account${suffix}`;
  for (const victim of [{ Cookie: "session=victim" }, { Authorization: "Bearer victim" }]) {
    const own = await get(rig.g1, target, victim);
    // A path that another server would read differently is no path at all.
    if (own.status === 400) continue;
    expect(own.text).toBe(CANARY);
    const other = await get(rig.g1, target);
    expect(other.text).toBe("login");
    expect((await get(rig.g1, target, victim)).text).not.toBe("");
  }
});

test("A29: nor does the origin's absence bring it to light", async () => {
  expect((await get(rig.g1, "/account/gone.css", { Cookie: "session=victim" })).text).toBe(CANARY);
  await upstream.close();
  const answer = await get(rig.g1, "/account/gone.css");
  expect(answer.status).toBeGreaterThanOrEqual(500);
  expect(answer.text).not.toContain(CANARY);
});
