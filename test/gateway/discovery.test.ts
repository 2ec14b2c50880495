// Discovery: instances come and go with the registry, an edit never passes through none, and a registry that is away, or
// suddenly empty, takes nobody away.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { get } from "../support/client.ts";
import { startConsul } from "../support/consul.ts";
import type { ConsulDouble } from "../support/consul.ts";
import type { EntryOptions } from "../support/consul-answers.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstreams: Upstream[] = [];
let consul: ConsulDouble | undefined;
let rig: Rig;
afterEach(async () => {
  await rig?.close();
  await consul?.close();
  consul = undefined;
  await Promise.all(upstreams.map((each) => each.close()));
});

const portOf = (upstream: Upstream): number => Number(new URL(upstream.origin).port);
const entryOf = (upstream: Upstream, n: number, more: Partial<EntryOptions> = {}): EntryOptions => ({
  ...{ id: `web-${n}`, node: `node-${n}`, address: "127.0.0.1", port: portOf(upstream) },
  ...more,
});

const policy = (discovery: object) =>
  inFrontOf([], { service: { discovery: discovery as never, routing: { algorithm: "round_robin" } } });

/** Answers of one round, until they are these; every one of them must be an answer of an upstream. */
async function untilServedBy(names: readonly string[], withinMs = 6_000): Promise<void> {
  const endMs = Date.now() + withinMs;
  for (;;) {
    const seen = new Set<string>();
    for (let n = 0; n < 6; n++) {
      const answer = await get(rig.g1);
      expect(answer.status, answer.text).toBe(200);
      seen.add(answer.text);
    }
    if ([...seen].toSorted().join() === names.join()) return;
    if (Date.now() > endMs) throw new Error(`served by ${[...seen].join()} and not by ${names.join()}`);
    await sleep(100);
  }
}

async function stand(names: readonly string[]): Promise<Upstream[]> {
  upstreams = await Promise.all(names.map((body) => startUpstream({ body })));
  return upstreams;
}

/** A first request begins it all; until then nobody has asked the registry. It waits for the registry's first answer. */
async function untilServed(): Promise<void> {
  const first = await Promise.all(Array.from({ length: 5 }, () => get(rig.g1)));
  expect(first.map(({ status }) => status)).toEqual(Array(5).fill(200));
}

describe("Consul", () => {
  it("brings instances, and its changes at once by a query that is held back", async () => {
    const [a, b, c] = (await stand(["a", "b", "c"])) as [Upstream, Upstream, Upstream];
    consul = await startConsul([entryOf(a, 1), entryOf(b, 2)]);
    rig = await startRig({ policy: policy({ kind: "consul", url: consul.origin, service: "web", waitSeconds: 10 }) });
    await untilServed();
    await untilServedBy(["a", "b"]);
    expect(consul.asked[0]).toBe("/v1/health/service/web");
    while (consul.held === 0) await sleep(20);
    expect(consul.asked.at(-1)).toBe("/v1/health/service/web?index=42&wait=10s");

    const changedMs = Date.now();
    consul.register([entryOf(b, 2), entryOf(c, 3)]);
    await untilServedBy(["b", "c"]);
    expect(Date.now() - changedMs).toBeLessThanOrEqual(4_000);
  }, 30_000);

  it("leaves an instance out that it finds critical, and no instance while it is away or empty", async () => {
    const [a, b] = (await stand(["a", "b"])) as [Upstream, Upstream];
    const both = [entryOf(a, 1), entryOf(b, 2)];
    consul = await startConsul(both);
    rig = await startRig({ policy: policy({ kind: "consul", url: consul.origin, service: "web", waitSeconds: 5 }) });
    await untilServed();
    consul.register([entryOf(a, 1, { checks: ["passing", "critical"] }), entryOf(b, 2)]);
    await untilServedBy(["b"]);
    const view = (await (await rig.admin("services/web")).json()) as {
      instances: { id: string; from: string; health: { status: string } }[];
      regions: { discovery: { kind: string; problem?: string } }[];
    };
    expect(view.instances.map(({ id, from, health }) => [id, from, health.status])).toEqual([
      ["web-1.node-1", "consul", "unhealthy"],
      ["web-2.node-2", "consul", "healthy"],
    ]);
    consul.register([]);
    await sleep(1_500);
    await untilServedBy(["b"]);
    consul.register(both);
    await untilServedBy(["a", "b"]);
    consul.fail(500);
    await sleep(1_500);
    await untilServedBy(["a", "b"]);
  }, 40_000);

  it("is forgotten by nobody who restarts while it is away", async () => {
    const [a] = (await stand(["a"])) as [Upstream];
    consul = await startConsul([entryOf(a, 1)]);
    rig = await startRig({ policy: policy({ kind: "consul", url: consul.origin, service: "web" }) });
    await untilServed();
    consul.fail(500);
    await rig.kill();
    await rig.restart();
    expect((await get(rig.g1)).text).toBe("a");
  }, 30_000);
});

it("an edit from a list to a registry and back never passes through nobody", async () => {
  const [a, b] = (await stand(["a", "b"])) as [Upstream, Upstream];
  consul = await startConsul([entryOf(b, 1)]);
  rig = await startRig({ policy: inFrontOf([a]) });
  await untilServedBy(["a"]);
  const stop = new AbortController();
  const statuses = new Set<number>();
  const traffic = (async () => {
    while (!stop.signal.aborted) {
      statuses.add((await get(rig.g1)).status);
      await sleep(5);
    }
  })();
  const discovery = { kind: "consul", url: consul.origin, service: "web" };
  // Straight from one to the other, while the registry has not answered yet.
  await rig.publish(policy(discovery));
  await untilServedBy(["b"]);
  await rig.publish(inFrontOf([a]));
  await untilServedBy(["a"]);
  // And by way of both.
  await rig.publish(inFrontOf([a], { service: { discovery: discovery as never } }));
  await untilServedBy(["a", "b"]);
  await rig.publish(policy(discovery));
  await untilServedBy(["b"]);
  await rig.publish(inFrontOf([a]));
  await untilServedBy(["a"]);
  stop.abort();
  await traffic;
  expect([...statuses]).toEqual([200]);
}, 30_000);

it("DNS over HTTPS brings the addresses of a name", async () => {
  const [a] = (await stand(["a"])) as [Upstream];
  const asked: (string | undefined)[] = [];
  const resolver = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.accept}`);
    const records = [{ name: "web.test", type: 1, TTL: 60, data: "127.0.0.1" }];
    response.writeHead(200, { "content-type": "application/dns-json" });
    response.end(JSON.stringify({ Status: 0, Question: [{ name: "web.test", type: 1 }], Answer: records }));
  }).listen(0, "127.0.0.1");
  await once(resolver, "listening");
  const origin = `http://127.0.0.1:${(resolver.address() as AddressInfo).port}/dns-query`;
  rig = await startRig({
    policy: policy({ kind: "dns", resolver: origin, name: "web.test", port: portOf(a), intervalSeconds: 1 }),
  });
  await untilServed();
  expect((await get(rig.g1)).text).toBe("a");
  expect(asked[0]).toBe("/dns-query?name=web.test&type=A application/dns-json");
  resolver.closeAllConnections();
  resolver.close();
}, 20_000);

it("a registry that does not answer holds the first requests back for a bounded time, and later ones not at all", async () => {
  await stand([]);
  consul = await startConsul([]);
  consul.fail(500);
  rig = await startRig({ policy: policy({ kind: "consul", url: consul.origin, service: "web" }) });
  const timed = async (): Promise<number> => {
    const startedMs = performance.now();
    expect((await get(rig.g1)).status).toBe(503);
    return performance.now() - startedMs;
  };
  const first = await timed();
  expect(first).toBeGreaterThan(1_000);
  expect(first).toBeLessThan(4_000);
  expect(await timed()).toBeLessThan(1_000);
}, 20_000);
