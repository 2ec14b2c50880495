// A23: what a request with Authorization was told is that user's alone, unless the origin says otherwise (RFC 9111 §3.5).
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
    headers: { "Cache-Control": decodeURIComponent(request.path.slice(1)) },
    body: `for ${request.header("authorization") ?? request.header("x-api-key")}`,
  }));
  rig = await startRig({ policy: inFrontOf(upstream, { sections: { cache: {} } }) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

test.each(["Authorization", "X-API-Key"])(
  "A23: max-age alone is no permission to share what came with %s",
  async (field) => {
    upstream.clear();
    const target = `/max-age=60?${field}`;
    expect((await get(rig.g1, target, { [field]: "alice" })).text).toBe("for alice");
    expect((await get(rig.g1, target, { [field]: "bob" })).text).toBe("for bob");
    expect((await get(rig.g1, target)).text).toBe("for undefined");
    expect(upstream.count).toBe(3);
  },
);

test.each(["public", "s-maxage=60", "must-revalidate"])("A23: with %s both users see the same", async (word) => {
  upstream.clear();
  const target = `/${encodeURIComponent(`max-age=60, ${word}`)}`;
  expect((await get(rig.g1, target, { Authorization: "alice" })).text).toBe("for alice");
  expect((await get(rig.g1, target, { Authorization: "bob" })).text).toBe("for alice");
  expect(upstream.count).toBe(1);
});
