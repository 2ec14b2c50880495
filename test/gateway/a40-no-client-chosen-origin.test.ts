// A40: nothing a client writes can send a request to an origin that the policy does not name. SINK must stay untouched.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { open, send } from "../support/client.ts";
import { inFrontOf, service } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startSink } from "../support/sink.ts";
import type { Sink } from "../support/sink.ts";
import type { Fields } from "../support/sockets.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let sink: Sink;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream();
  sink = await startSink();
  // Direct extraction is on, with a service that may be named: the widest door a policy can open.
  rig = await startRig({
    policy: inFrontOf(upstream, {
      sections: {
        services: { web: service("web", upstream), named: service("named", upstream, { direct: true }) },
        security: { direct: { auth: "none" } },
      },
    }),
  });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
  await sink?.close();
});
beforeEach(() => upstream.clear());

const attacks: [name: string, of: (sink: Sink) => { target?: string; headers?: Fields }][] = [
  ["X-Upstream", ({ origin }) => ({ headers: { "X-Upstream": origin } })],
  ["X-Target", ({ origin }) => ({ headers: { "X-Target": origin } })],
  ["X-Target-Service, an origin", ({ origin }) => ({ headers: { "X-Target-Service": origin } })],
  ["X-Target-Service, an authority", ({ authority }) => ({ headers: { "X-Target-Service": authority } })],
  ["X-Original-Host", ({ authority }) => ({ headers: { "X-Original-Host": authority } })],
  [
    "X-Original-URL and X-Rewrite-URL",
    ({ origin }) => ({ headers: { "X-Original-URL": `${origin}/`, "X-Rewrite-URL": `${origin}/` } }),
  ],
  [
    "X-Forwarded-Host",
    ({ authority }) => ({ headers: { "X-Forwarded-Host": authority, Forwarded: `host=${authority}` } }),
  ],
  [
    "X-Host and friends",
    ({ authority }) => ({ headers: { "X-Host": authority, "X-Backend": authority, "X-Real-Host": authority } }),
  ],
  ["absolute-form", ({ origin }) => ({ target: `${origin}/` })],
  ["absolute-form with our Host", ({ origin }) => ({ target: `${origin}/`, headers: { Host: "gateway.example" } })],
  ["Host", ({ authority }) => ({ headers: { Host: authority } })],
  ["?url=", ({ origin }) => ({ target: `/?url=${encodeURIComponent(origin)}&target=${origin}&upstream=${origin}` })],
  ["a path that looks like a URL", ({ origin }) => ({ target: `/${origin}/` })],
  ["a path that looks like an authority", ({ authority }) => ({ target: `//${authority}/` })],
  ["a path with backslashes", ({ authority }) => ({ target: `/\\${authority}/` })],
  ["a path with an at sign", ({ authority }) => ({ target: `/@${authority}/` })],
  ["a target that joins the authority", ({ authority }) => ({ target: `@${authority}/` })],
  ["a named service with an authority behind it", ({ authority }) => ({ target: `/api/v1/${authority}/x` })],
  ["a named service with an escaped authority", ({ authority }) => ({ target: `/api/v1/named@${authority}/x` })],
  ["a direct service, then dots", ({ authority }) => ({ target: `/named/..//${authority}/x` })],
];

it.each(attacks)("A40: %s", async (_, of) => {
  const conversation = open(rig.g1, of(sink));
  // The runtime may refuse a target that is no path by closing; an answer, if there is one, is ours or the upstream's.
  const status = await conversation.answer().then(
    (answer) => answer.status,
    () => 400,
  );
  expect(status).toBeGreaterThanOrEqual(200);
  expect(status).toBeLessThan(500);
  for (const request of upstream.requests) expect(request.header("host")).toBe(upstream.authority);
  expect({ connections: sink.connections, bytes: sink.bytes }).toEqual({ connections: 0, bytes: 0 });
});

it("A40: CONNECT opens no tunnel", async () => {
  const conversation = open(rig.g1, { raw: `CONNECT ${sink.authority} HTTP/1.1\r\nHost: ${sink.authority}\r\n\r\n` });
  const status = await conversation.answer().then(
    (answer) => answer.status,
    () => 400,
  );
  expect(status).toBeGreaterThanOrEqual(400);
  expect(sink.connections).toBe(0);
});

it("A40: a redirect from an upstream is not followed", async () => {
  upstream.play({ status: 302, headers: { Location: `${sink.origin}/` } });
  const answer = await send(rig.g1, {});
  expect(answer.status).toBe(302);
  expect(answer.header("location")).toBe(`${sink.origin}/`);
  expect(sink.connections).toBe(0);
  upstream.play({});
});
