// A42: secrets of clients and of the policy, sent in every place they are ever sent in, over answers of every kind; then everything the
// gateway has said, written or stored is searched for them.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { send, type Answer } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig, type Rig } from "../support/rig.ts";
import { byPath, startUpstream, type Upstream } from "../support/upstream.ts";

const CANARY = "c4n4ryS3cret7x9q";
const KEY = `${CANARY}PolicySecret`;

let upstream: Upstream;
let hook: Upstream;
let collector: Upstream;
let rig: Rig;

beforeAll(async () => {
  [upstream, hook, collector] = await Promise.all([
    startUpstream(
      byPath({
        "/cached": { headers: { "cache-control": "max-age=60, public" }, body: "cached" },
        "/fails": { status: 500, body: "the upstream's own words" },
        "/reset": (exchange) => exchange.reset(),
        "/ok": { body: "well" },
      }),
    ),
    startUpstream({ status: 204 }),
    startUpstream({ body: "{}" }),
  ]);
  const policy = inFrontOf(upstream, {
    sections: {
      cache: {
        tiers: ["memory", "edge", "global"],
        admitAfter: 1,
        rules: [{ match: "GET /ok", ttlSeconds: 60, varyBy: ["Authorization"] }],
      },
      routes: [
        { match: { path: "/guarded" }, service: "web", auth: "required", rateLimit: "small" },
        { match: { path: "/*" }, service: "web" },
      ],
      security: {
        apiKeys: { pepper: { secret: "PEPPER" }, allowInQuery: true },
        rateLimits: { small: { requestsPerMinute: 5, by: "header:x-api-key" } },
      },
      telemetry: { logs: { sampleRate: 1 }, otlp: { url: collector.origin } },
      alerts: [{ name: "failing", when: "metrics.error_rate > 0.01", notify: ["ops"] }],
      notifiers: { ops: { kind: "webhook", url: `${hook.origin}/hook`, secret: { secret: "HOOK_SECRET" } } },
    },
  });
  rig = await startRig({ policy, vars: { PEPPER: `${KEY}Pepper`, HOOK_SECRET: `${KEY}Hook` } });
});
afterAll(async () => {
  await rig?.close();
  await Promise.all([upstream, hook, collector].map((each) => each?.close()));
});

const PATHS = ["/cached", "/fails", "/reset", "/ok", "/guarded"];
const WAYS: ((target: string) => Promise<Answer>)[] = [
  (target) => send(rig.g1, { target, headers: { authorization: `Bearer ${CANARY}` } }),
  (target) => send(rig.g1, { target, headers: { "x-api-key": `sk_${CANARY}.${CANARY}` } }),
  (target) => send(rig.g1, { target, headers: { cookie: `session=${CANARY}` } }),
  (target) => send(rig.g1, { target: `${target}?api_key=${CANARY}` }),
  (target) =>
    send(rig.g1, {
      ...{ target, method: "POST", headers: { "content-type": "application/json" } },
      body: JSON.stringify({ api_key: CANARY, password: CANARY }),
    }),
];

it("A42: 100 requests with secrets in them leave none behind", async () => {
  const said: string[] = [];
  for (let n = 0; n < 100; n++) {
    const answer = await WAYS[n % WAYS.length]!(PATHS[Math.floor(n / WAYS.length) % PATHS.length]!);
    said.push(`${answer.status} ${JSON.stringify(answer.head)} ${answer.text}`);
  }
  await hook.received(1, 30_000);
  await collector.received(1, 10_000);
  // What is told with the next report is told by then.
  await sleep(2_000);
  await send(rig.g1, { target: "/ok" });
  await sleep(1_500);
  const read = async (target: string): Promise<string> => {
    const answer = await rig.admin(target);
    expect(answer.status, target).toBe(200);
    return answer.text();
  };
  const lists = [
    "cache/stats",
    "cache/keys",
    "security",
    "audit",
    "alerts",
    "keys",
    "services",
    "services/web",
    "regions",
    "history?grain=second&rows=60",
    "policy",
  ];
  for (const list of lists) said.push(`${list} ${await read(list)}`);
  const metrics = await fetch(`${rig.g1}/_sluice/metrics`);
  said.push(await metrics.text(), ...rig.logs.map(({ message }) => message));
  for (const told of [...hook.requests, ...collector.requests]) said.push(told.head, told.body.toString());
  expect(said.filter((each) => each.includes(CANARY)).map((each) => each.slice(0, 200))).toEqual([]);
  // There was something to leave behind.
  expect(said.join("\n")).toContain("alert.fired");
  expect(rig.logs.filter(({ message }) => message.startsWith("{")).length).toBeGreaterThan(50);

  await rig.kill();
  const files = readdirSync(rig.folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(files.length).toBeGreaterThan(3);
  const holding = files.filter((entry) => readFileSync(path.join(entry.parentPath, entry.name)).includes(CANARY));
  expect(holding.map(({ name }) => name)).toEqual([]);
}, 90_000);
