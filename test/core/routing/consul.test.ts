import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  consulUrl,
  longestWaitMs,
  nextIndex,
  readConsul,
  type ConsulOptions,
} from "../../../worker/core/routing/consul.ts";
import { consulEntry } from "../../support/consul-answers.ts";

const OPTIONS: ConsulOptions = {
  url: "http://consul.example.com:8500",
  service: "orders",
  tags: [],
  scheme: "http",
  waitSeconds: 25,
};
const read = (json: unknown, more: Partial<ConsulOptions> = {}) => {
  const found = readConsul(json, { ...OPTIONS, ...more });
  if (!found.ok) throw new Error(found.error);
  return found.value;
};

describe("what Consul is asked", () => {
  it("is the health of the service, held back once there is an index", () => {
    expect(consulUrl(OPTIONS, 0)).toBe("http://consul.example.com:8500/v1/health/service/orders");
    expect(consulUrl(OPTIONS, 7)).toBe("http://consul.example.com:8500/v1/health/service/orders?index=7&wait=25s");
    expect(consulUrl({ ...OPTIONS, waitSeconds: 0 }, 7)).toBe(
      "http://consul.example.com:8500/v1/health/service/orders",
    );
  });

  it("names datacentre, namespace and every tag, and cannot be bent by a name", () => {
    const options = { ...OPTIONS, url: "http://c/base/", datacenter: "dc2", namespace: "team", tags: ["a b", "v=2"] };
    expect(consulUrl({ ...options, service: "a/b?c" }, 0)).toBe(
      "http://c/base/v1/health/service/a%2Fb%3Fc?dc=dc2&ns=team&tag=a+b&tag=v%3D2",
    );
  });

  it("waits no longer than Consul would, and for its extra sixteenth", () => {
    expect(consulUrl({ ...OPTIONS, waitSeconds: 86_400 }, 1)).toContain("wait=600s");
    expect(longestWaitMs(16)).toBe(17_000);
    expect(longestWaitMs(86_400)).toBe(637_500);
  });
});

it.each([
  [0, "12", 12],
  [12, "12", 12],
  [12, "15", 15],
  [12, "3", 0],
  [12, "0", 0],
  [12, null, 0],
  [12, "x", 0],
  [12, "-4", 0],
])("after index %s and header %s comes %s", (before, header, after) => {
  expect(nextIndex(before, header)).toBe(after);
});

describe("what Consul answers", () => {
  it("is an instance each, with the health of its checks", () => {
    const found = read([
      consulEntry({ id: "orders-1", node: "node-1", address: "10.0.0.1", port: 8080, checks: ["passing", "passing"] }),
      consulEntry({ id: "orders-1", node: "node-2", address: "10.0.0.2", port: 8080, checks: ["passing", "warning"] }),
      consulEntry({ id: "orders-2", node: "node-2", address: "10.0.0.2", port: 8081, checks: ["warning", "critical"] }),
      consulEntry({ id: "bare", node: "node-3", address: "10.0.0.3", port: 80, checks: [] }),
    ]);
    expect(found.instances.map(({ id, url }) => [id, url])).toEqual([
      ["orders-1.node-1", "http://10.0.0.1:8080"],
      ["orders-1.node-2", "http://10.0.0.2:8080"],
      ["orders-2.node-2", "http://10.0.0.2:8081"],
      ["bare.node-3", "http://10.0.0.3"],
    ]);
    expect(found.health).toEqual({
      "orders-1.node-1": "healthy",
      "orders-1.node-2": "degraded",
      "orders-2.node-2": "unhealthy",
      "bare.node-3": "healthy",
    });
  });

  it("takes the node's address where the service has none of its own", () => {
    const entry = consulEntry({ id: "a", node: "n", address: "", nodeAddress: "10.9.9.9", port: 81 });
    expect(read([entry]).instances[0]!.url).toBe("http://10.9.9.9:81");
  });

  it.each([
    ["a host name", "orders.internal", "https://orders.internal:8443"],
    ["IPv6", "fd00::7", "https://[fd00::7]:8443"],
  ])("may give %s as address", (_, address, url) => {
    expect(
      read([consulEntry({ id: "a", node: "n", address, port: 8443 })], { scheme: "https" }).instances[0]!.url,
    ).toBe(url);
  });

  it.each(["a/b", "user@host", "a b", "host:80", "[::1", "?x", "-a.b", ""])(
    "is left out when its address is %j",
    (address) => {
      const entries = [
        consulEntry({ id: "bad", node: "n", address, nodeAddress: address, port: 80 }),
        consulEntry({ id: "good", node: "n", address: "10.0.0.1", port: 80 }),
      ];
      expect(read(entries).instances.map(({ id }) => id)).toEqual(["good.n"]);
    },
  );

  it.each([0, -1, 65_536, 80.5])("is left out when its port is %s", (port) => {
    expect(read([consulEntry({ id: "a", node: "n", address: "10.0.0.1", port })]).instances).toEqual([]);
  });

  it("brings weight, region, priority and metadata by tag and by meta, meta before tag", () => {
    const entry = consulEntry({
      ...{ id: "a", node: "n", address: "10.0.0.1", port: 80 },
      tags: ["primary", "blue", "weight=3", "region=enam", "priority=2", "team=search"],
      meta: {
        weight: "5",
        securityLevel: "high",
        maxPayloadBytes: "1024",
        methods: "GET, POST",
        supportsComplex: "true",
        version: "7",
      },
    });
    expect(read([entry]).instances[0]).toEqual({
      id: "a.n",
      url: "http://10.0.0.1",
      region: "enam",
      weight: 5,
      priority: 2,
      metadata: {
        securityLevel: "high",
        maxPayloadBytes: 1_024,
        methods: ["GET", "POST"],
        supportsComplex: true,
        labels: { team: "search", version: "7", tags: "primary,blue" },
      },
    });
    expect(read([entry], { region: "weur" }).instances[0]!.region).toBe("weur");
  });

  it("weighs as Consul says for its health where nobody says otherwise", () => {
    const weights = { Passing: 10, Warning: 2 };
    const at = (checks: string[], more: object = {}) =>
      read([consulEntry({ id: "a", node: "n", address: "10.0.0.1", port: 80, weights, checks, ...more })]).instances[0]!
        .weight;
    expect(at(["passing"])).toBe(10);
    expect(at(["warning"])).toBe(2);
    expect(at(["passing"], { meta: { weight: "0" } })).toBe(10);
    expect(at(["passing"], { weights: { Passing: 0, Warning: 0 } })).toBe(1);
  });

  it("makes names of whatever ids there are, each its own", () => {
    const entries = ["a/b", "a b", "ä".repeat(80)].map((id) =>
      consulEntry({ id, node: "n", address: "10.0.0.1", port: 80 }),
    );
    const ids = read(entries).instances.map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
  });

  it.each([null, {}, "x", [{}], [{ Node: {}, Service: {} }], [[]]])("is refused when it is %j", (json) => {
    expect(readConsul(json, OPTIONS)).toMatchObject({ ok: false });
  });

  it("never leads anywhere but to a plain origin, whatever stands in it", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.integer({ min: -10, max: 70_000 }), (id, address, port) => {
        for (const { url } of read([consulEntry({ id, node: "n", address, port })]).instances) {
          const parsed = new URL(url);
          expect([
            parsed.protocol,
            parsed.username,
            parsed.password,
            parsed.pathname,
            parsed.search,
            parsed.hash,
          ]).toEqual([...["http:", "", "", "/", "", ""]]);
        }
      }),
    );
  });
});
