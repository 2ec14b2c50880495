// A5: what the client did wrong says nothing against the instance, however often it happens.
import { afterAll, beforeAll, expect, it } from "vitest";
import { breakerOf, count, guarded } from "../support/breaker.ts";
import { send } from "../support/client.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const CLIENT_ERRORS = [400, 401, 403, 404, 409, 422];

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream(({ request }) => ({ status: Number(request.path.slice(1)), body: request.path }));
  rig = await startRig({ policy: guarded(upstream) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

it.each(CLIENT_ERRORS)("A5: a hundred times %d pass through", async (status) => {
  upstream.clear();
  for (let round = 0; round < 10; round++) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(rig.g1, { target: `/${status}` })));
    expect(count(answers, status)).toBe(10);
    for (const answer of answers) expect(answer.text).toBe(`/${status}`);
  }
  expect(upstream.count).toBe(100);
});

it("A5: the breaker is closed", async () => {
  expect((await breakerOf(rig)).state).toBe("closed");
});
