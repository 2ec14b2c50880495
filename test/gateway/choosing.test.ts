// Who answers, over HTTP: clients that stay with their instance, load that upstreams tell, regions, and the services that
// stand in when nobody of the first one can.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { POLICY_KEY } from "../../worker/core/protocol/names.ts";
import { BC, inSequence } from "../support/breaker.ts";
import { get } from "../support/client.ts";
import { resetAtOnce } from "../support/misbehaviour.ts";
import { service } from "../support/policies.ts";
import { expectProblem } from "../support/problem.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstreams: Upstream[];
let rig: Rig;

const placed = (id: string, upstream: Upstream, region: string) => ({ id, url: upstream.origin, region });

beforeAll(async () => {
  upstreams = await Promise.all(Array.from({ length: 4 }, () => startUpstream()));
  const [one, two, three, four] = upstreams as [Upstream, Upstream, Upstream, Upstream];
  const hash = (affinity: object) => ({ routing: { algorithm: "consistent_hash", affinity } }) as never;
  rig = await startRig({
    policy: {
      expose: true,
      cache: false,
      regions: {
        weur: { latitude: 52.4, longitude: 4.9 },
        enam: { latitude: 40.7, longitude: -74 },
        apac: { latitude: 1.35, longitude: 103.8 },
      },
      services: {
        cookie: service("cookie", upstreams, hash({ by: "cookie", name: "stay" })),
        header: service("header", upstreams, hash({ by: "header", name: "X-Tenant" })),
        client: service("client", upstreams, hash({ by: "client" })),
        loaded: service("loaded", [one, two], {
          routing: { algorithm: "load_balancing" },
          loadReport: { header: "X-Load" },
        }),
        near: {
          instances: [placed("far", one, "apac"), placed("near", two, "weur"), placed("middle", three, "enam")],
          routing: { algorithm: "geographic_proximity" },
          attempts: { max: 2 },
        },
        first: service("first", one, {
          breaker: BC,
          attempts: { max: 3, retryFloor: 100 },
          fallback: ["second", "third"],
        }),
        second: service("second", two, { breaker: BC }),
        third: service("third", three, { breaker: BC }),
        posts: service("posts", four, { breaker: BC, fallback: ["third"] }),
      },
      routes: ["cookie", "header", "client", "loaded", "near", "first", "posts"].map((name) => ({
        match: { path: `/${name}` },
        service: name,
      })),
    },
  });
});
afterAll(async () => {
  await rig?.close();
  for (const upstream of upstreams ?? []) await upstream.close();
});
beforeEach(() => {
  for (const upstream of upstreams) {
    upstream.clear();
    upstream.play({ body: "ok" });
  }
});

const instance = (answer: { header(name: string): string | undefined }): string =>
  answer.header("x-sluice-instance") ?? "";

describe("affinity", () => {
  it("by cookie: a client that has none is given one, and stays with it", async () => {
    const first = await get(rig.g1, "/cookie");
    const [cookie] = first.all("set-cookie");
    expect(cookie).toMatch(/^stay=[0-9a-f-]{36}; Path=\/; Max-Age=3600; HttpOnly; SameSite=Lax$/);
    const pair = cookie!.split(";")[0]!;
    for (let sent = 0; sent < 10; sent++) {
      const answer = await get(rig.g1, "/cookie", { Cookie: `other=1; ${pair}` });
      expect(instance(answer)).toBe(instance(first));
      expect(answer.all("set-cookie")).toEqual([]);
    }
  });

  it("by cookie: clients without one are spread", async () => {
    const seen = new Set<string>();
    for (let sent = 0; sent < 40; sent++) seen.add(instance(await get(rig.g1, "/cookie")));
    expect(seen.size).toBe(4);
  });

  it("by header", async () => {
    const seen = new Set<string>();
    for (let tenant = 0; tenant < 30; tenant++) {
      const first = instance(await get(rig.g1, "/header", { "X-Tenant": `t${tenant}` }));
      expect(instance(await get(rig.g1, "/header", { "X-Tenant": `t${tenant}` }))).toBe(first);
      seen.add(first);
    }
    expect(seen.size).toBe(4);
  });

  it("by the client's address", async () => {
    const seen = new Set<string>();
    for (let host = 1; host <= 30; host++) {
      const from = { "CF-Connecting-IP": `198.51.100.${host}` };
      const first = instance(await get(rig.g1, "/client", from));
      expect(instance(await get(rig.g1, "/client", from))).toBe(first);
      seen.add(first);
    }
    expect(seen.size).toBe(4);
  });
});

it("load that an upstream tells moves traffic away from it, and is not for the client", async () => {
  const [busy, idle] = upstreams as [Upstream, Upstream];
  busy.play({ headers: { "X-Load": "0.95" } });
  idle.play({ headers: { "X-Load": "cpu=0.05" } });
  const first = await inSequence(rig.g1, 10, "/loaded");
  for (const answer of first) expect(answer.header("x-load")).toBeUndefined();
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  busy.clear();
  idle.clear();
  await inSequence(rig.g1, 120, "/loaded");
  expect(idle.count).toBeGreaterThan(100);
  // One choice in fifty explores.
  expect(busy.count).toBeGreaterThan(0);
});

it("the nearest region answers, and the next one when it is down", async () => {
  for (const answer of await inSequence(rig.g1, 10, "/near")) expect(instance(answer)).toBe("near");
  upstreams[1]!.play(resetAtOnce);
  const answers = await inSequence(rig.g1, 20, "/near");
  for (const answer of answers) expect(answer.status).toBe(200);
  // One choice in fifty explores: nearly all, not all.
  const by = answers.slice(10).map(instance);
  expect(by.filter((each) => each === "middle").length, by.join(" ")).toBeGreaterThanOrEqual(7);
  expect(by).not.toContain("near");
});

describe("services that stand in", () => {
  it("are asked in order when the first one cannot answer, and count as attempts", async () => {
    const [first, second, third] = upstreams as [Upstream, Upstream, Upstream];
    first.play({ status: 503 });
    const answer = await get(rig.g1, "/first");
    expect(answer.status).toBe(200);
    expect(answer.header("x-sluice-service")).toBe("second");
    expect(instance(answer)).toBe("second-1");
    expect(answer.header("x-sluice-attempts")).toBe("2");
    second.play(resetAtOnce);
    const later = await get(rig.g1, "/first");
    expect(later.status).toBe(200);
    expect(later.header("x-sluice-service")).toBe("third");
    expect(later.header("x-sluice-attempts")).toBe("3");
    third.play({ status: 503, body: "none of us" });
    expect(await get(rig.g1, "/first")).toMatchObject({ status: 503, text: "none of us" });
  });

  it("take what was never sent, whatever its method, when breakers are open", async () => {
    const [, , third, fourth] = upstreams as [Upstream, Upstream, Upstream, Upstream];
    fourth.play({ status: 500 });
    await inSequence(rig.g1, 5, "/posts");
    third.clear();
    const answer = await get(rig.g1, "/posts");
    expect(answer.status).toBe(200);
    expect(answer.header("x-sluice-service")).toBe("third");
    expect(answer.header("x-sluice-attempts")).toBe("1");
    expect(fourth.count).toBe(5);
  });
});

it("instances that must not be called are nobody: private addresses in a policy that came past the door", async () => {
  const deployed = await startRig({ vars: { ALLOW_PRIVATE: "false" } });
  const web = service("web", upstreams);
  const policy = { cache: false, services: { web }, routes: [{ match: { path: "/*" }, service: "web" }] };
  await deployed.putKv(POLICY_KEY, JSON.stringify(policy));
  await deployed.ready();
  const answer = await get(deployed.g1);
  expect(expectProblem(answer, 503, ["127.0.0.1"]).type).toMatch(/no_instance$/);
  expect(Number(answer.header("retry-after"))).toBeGreaterThanOrEqual(1);
  for (const upstream of upstreams) expect(upstream.count).toBe(0);
  await deployed.close();
});
