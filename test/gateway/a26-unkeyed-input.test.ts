// A26: what is not in the key cannot steer the origin, so that no request can poison what others get.
import { afterAll, beforeAll, expect, test } from "vitest";
import { get } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

/** Fields that frameworks build links, paths and redirects from. */
const REFLECTED = [
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-path",
  "x-forwarded-server",
  "x-forwarded-scheme",
  "x-host",
  "x-original-url",
  "x-rewrite-url",
  "x-original-host",
  "x-http-method-override",
  "forwarded",
];

beforeAll(async () => {
  upstream = await startUpstream(({ request }) => ({
    headers: { "Cache-Control": "max-age=60" },
    body: REFLECTED.map((name) => `${name}=${request.header(name)}`).join("\n"),
  }));
  rig = await startRig({ policy: inFrontOf(upstream, { sections: { cache: {} } }) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

test("A26: an attacker's fields are in nobody's answer", async () => {
  const attack = Object.fromEntries(REFLECTED.map((name) => [name, "evil.example"]));
  const host = { Host: "shop.example" };
  const first = await get(rig.g1, "/", { ...host, ...attack });
  const second = await get(rig.g1, "/", host);
  expect(second.header("cache-status")).toContain("hit");
  expect(first.text).not.toContain("evil");
  expect(second.text).not.toContain("evil");
  expect(second.text).toContain("x-forwarded-host=shop.example");
  expect(upstream.count).toBe(1);
  expect(upstream.last.header("x-forwarded-host")).toBe("shop.example");
});

test("A26: another host, port or case of it is another entry", async () => {
  for (const host of ["a.example", "b.example", "a.example:8080"]) {
    const answer = await get(rig.g1, "/host", { Host: host });
    expect(answer.text).toContain(`x-forwarded-host=${host}\n`);
  }
});
