// What a ServiceObject finds out by looking itself: active checks and discovery, with upstreams and registries played by a
// `fetch` of the test's own.
import { reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as v from "valibot";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ServiceObject } from "../../durable-objects/service.ts";
import { service as policyService } from "../../worker/core/policy/schema.ts";
import { serviceObjectName } from "../../worker/core/protocol/names.ts";
import type { ServiceBatch, ServiceNews } from "../../worker/core/protocol/objects.ts";
import type { Env } from "../../worker/platform/env.ts";
import { consulEntry } from "../support/consul-answers.ts";

/** Alarms set in this time never ring by themselves: the test rings them. */
const FUTURE = 2_000_000_000_000;
const instances = [
  { id: "u1", url: "https://u1.example.com/base" },
  { id: "u2", url: "https://u2.example.com" },
];
const healthCheck = {
  path: "/health?deep=1",
  intervalSeconds: 10,
  healthyAfter: 2,
  unhealthyAfter: 3,
  degradedMs: 500,
};

const asked: { url: string; init: RequestInit }[] = [];
let answers: (url: string, init: RequestInit) => Response | Promise<Response>;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: FUTURE });
  asked.length = 0;
  answers = () => new Response("ok");
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init = {}) => {
    const url = input instanceof Request ? input.url : input.toString();
    asked.push({ url, init });
    return answers(url, init);
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  await reset();
});

interface Stand {
  object: ServiceObject;
  state: DurableObjectState;
  /** What the region was told without asking. */
  told: ServiceNews[];
  readonly merge: (more?: Partial<ServiceBatch>) => ReturnType<ServiceObject["merge"]>;
  /** Its alarms, each when it is due, until somebody was asked and everything that set off is over. */
  readonly ring: () => Promise<void>;
}

async function stand(
  section: object,
  act: (stand: Stand) => Promise<void>,
  region = "weur",
  more: object = {},
): Promise<void> {
  const stub = env.SERVICE.getByName(serviceObjectName("users", region));
  await runInDurableObject(stub, async (_, state) => {
    const told: ServiceNews[] = [];
    const hear = async (_: string, news: ServiceNews) => void told.push(news);
    const surroundings = { ...env, REGION: { getByName: () => ({ hear }) }, ...more } as unknown as Env;
    const under: Promise<unknown>[] = [];
    const waitUntil = (promise: Promise<unknown>) => void under.push(promise);
    Object.defineProperty(state, "waitUntil", { value: waitUntil, configurable: true });
    const object = new ServiceObject(state, surroundings);
    const settings = { text: JSON.stringify(v.parse(policyService, section)), probeMs: 8_000 };
    const merge = (batch: Partial<ServiceBatch> = {}) =>
      object.merge({
        service: "users",
        region,
        isolates: 1,
        instances: {},
        leases: [],
        refused: 0,
        registry: 0,
        settings,
        ...batch,
      });
    const ring = async () => {
      const before = asked.length;
      for (let alarms = 0; alarms < 4 && asked.length === before; alarms++) {
        const at = await state.storage.getAlarm();
        if (at === null || (alarms > 0 && at <= Date.now())) return;
        vi.setSystemTime(Math.max(Date.now(), at));
        await object.alarm();
        await Promise.all(under.splice(0));
      }
    };
    await act({ object, state, told, merge, ring });
    await state.storage.deleteAlarm();
  });
}

const statusOf = (object: ServiceObject, id = "u1") => object.reading().health[id]?.status;

describe("active checks", () => {
  const section = { instances, healthCheck };

  it("ask every instance at once when they begin, and then in rounds about their interval apart", async () => {
    await stand(section, async ({ object, merge, ring, state, told }) => {
      expect((await merge()).health).toEqual({ ageMs: 0, except: { u1: "unknown", u2: "unknown" } });
      expect(await state.storage.getAlarm()).toBe(FUTURE);
      await ring();
      expect(asked.map(({ url }) => url).toSorted()).toEqual([
        "https://u1.example.com/base/health?deep=1",
        "https://u2.example.com/health?deep=1",
      ]);
      expect(asked[0]!.init).toMatchObject({ method: "GET", redirect: "manual" });
      expect(object.reading().health).toMatchObject({ u1: { status: "healthy" }, u2: { status: "healthy" } });
      expect(told.at(-1)!.health).toEqual({ ageMs: 0, except: {} });
      const before = Date.now();
      await ring();
      expect(asked).toHaveLength(4);
      expect(Date.now() - before).toBeGreaterThanOrEqual(9_000);
      expect(Date.now() - before).toBeLessThanOrEqual(11_000);
    });
  });

  it("turn only after as many in a row as the policy says, and the region hears of it at once", async () => {
    await stand(section, async ({ object, merge, ring, told }) => {
      await merge();
      await ring();
      told.length = 0;
      answers = (url) => new Response("", { status: url.includes("u1") ? 503 : 200 });
      const statuses: (string | undefined)[] = [];
      for (let round = 0; round < 3; round++) {
        await ring();
        statuses.push(statusOf(object));
      }
      expect(statuses).toEqual(["healthy", "healthy", "unhealthy"]);
      expect(told.map(({ health }) => health!.except)).toEqual([{ u1: "unhealthy" }]);
      expect(object.reading().health["u1"]).toMatchObject({ problem: "status 503" });
      answers = () => new Response("ok");
      await ring();
      expect(statusOf(object)).toBe("unhealthy");
      await ring();
      expect(statusOf(object)).toBe("healthy");
      expect((await merge()).health!.except).toEqual({});
    });
  });

  it("fail at a wrong body, a lost connection, a redirect and silence; degrade what is slow", async () => {
    const { healthCheck: base } = section;
    const expecting = { instances: [instances[0]], healthCheck: { ...base, expectBody: '"up"', unhealthyAfter: 1 } };
    await stand(expecting, async ({ object, merge, ring }) => {
      await merge();
      const cases: [typeof answers, string, string | undefined][] = [
        [() => new Response('{"status":"up"}'), "healthy", undefined],
        [() => new Response('{"status":"down"}'), "unhealthy", "body without the expected words"],
        [() => Promise.reject(new Error("Network connection lost.")), "unhealthy", "unreachable"],
        [() => new Response(null, { status: 302, headers: { location: "/login" } }), "unhealthy", "status 302"],
        [() => Promise.reject(new DOMException("late", "TimeoutError")), "unhealthy", "no answer within 2000 ms"],
      ];
      for (const [answer, status, problem] of cases) {
        answers = answer;
        await ring();
        expect(object.reading().health["u1"]).toMatchObject({ status });
        expect(object.reading().health["u1"]!.problem).toBe(problem);
      }
      answers = () => {
        vi.setSystemTime(Date.now() + 600);
        return new Response('{"status":"up"}');
      };
      await ring();
      await ring();
      expect(object.reading().health["u1"]).toMatchObject({ status: "degraded", tookMs: 600 });
    });
  });

  it("read no more of a body than they must", async () => {
    let cancelled = false;
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new TextEncoder().encode("x".repeat(16_384))),
      cancel: () => void (cancelled = true),
    });
    const reading = { instances: [instances[0]], healthCheck: { ...healthCheck, expectBody: "ok" } };
    await stand(reading, async ({ object, merge, ring }) => {
      answers = () => new Response(endless);
      await merge();
      await ring();
      expect(statusOf(object)).toBe("unhealthy");
      expect(cancelled).toBe(true);
    });
  });

  it("carry the policy's fields, secrets by their name, and are not made without them", async () => {
    const headers = { "X-Probe": "1", Authorization: { secret: "PROBE_TOKEN" } };
    const writing = { instances: [instances[0]], healthCheck: { ...healthCheck, method: "HEAD", headers } };
    await stand(
      writing,
      async ({ merge, ring }) => {
        await merge();
        await ring();
        expect(asked[0]!.init.method).toBe("HEAD");
        expect(Object.fromEntries(asked[0]!.init.headers as Headers)).toMatchObject({
          "x-probe": "1",
          authorization: "Bearer canary",
        });
      },
      "weur",
      { PROBE_TOKEN: "Bearer canary" },
    );
    asked.length = 0;
    await stand(
      writing,
      async ({ object, merge, ring }) => {
        await merge();
        await ring();
        expect(asked).toHaveLength(0);
        expect(object.reading().health["u1"]!.problem).toBe("secret PROBE_TOKEN is not set");
      },
      "enam",
    );
  });

  it("never ask an address that this deployment must not call", async () => {
    const inside = { instances: [{ id: "u1", url: "http://169.254.169.254/" }], healthCheck };
    await stand(
      inside,
      async ({ object, merge, ring }) => {
        await merge();
        await ring();
        expect(asked).toHaveLength(0);
        expect(object.reading().health["u1"]!.problem).toContain("private");
      },
      "weur",
      { ALLOW_PRIVATE: "false" },
    );
  });

  it("judge from each region for itself", async () => {
    await stand(section, async ({ object, merge, ring }) => {
      answers = () => new Response("", { status: 500 });
      await merge();
      await ring();
      expect(statusOf(object)).toBe("unhealthy");
    });
    await stand(
      section,
      async ({ object, merge, ring }) => {
        answers = () => new Response("ok");
        await merge();
        await ring();
        expect(statusOf(object)).toBe("healthy");
      },
      "apac",
    );
  });

  it("rest ten minutes after the last news of the region, and begin again at once with the next", async () => {
    await stand(section, async ({ merge, ring, state, object }) => {
      await merge();
      for (let round = 0; round < 80; round++) await ring();
      const rested = asked.length;
      expect(rested).toBeGreaterThanOrEqual(2 * 50);
      expect(rested).toBeLessThanOrEqual(2 * 70);
      expect(await state.storage.getAlarm()).toBeLessThanOrEqual(Date.now());
      vi.setSystemTime(Date.now() + 86_400_000);
      const { health } = await merge();
      // What was found a day ago is told as that, and a sickness of then is none of now.
      expect(health!.ageMs).toBeGreaterThan(86_000_000);
      await object.alarm();
      await vi.waitFor(() => expect(asked.length).toBe(rested + 2));
    });
  });

  it("are remembered when the object's memory is lost", async () => {
    await stand(section, async ({ merge, ring, object }) => {
      answers = (url) => new Response("", { status: url.includes("u1") ? 500 : 200 });
      await merge();
      await ring();
      expect(statusOf(object)).toBe("unhealthy");
    });
    await stand(section, async ({ object }) => {
      expect(object.reading().health).toMatchObject({ u1: { status: "unhealthy" }, u2: { status: "healthy" } });
    });
  });
});

describe("discovery", () => {
  const discovery = { kind: "consul", url: "https://consul.example.com", service: "orders" };
  const catalogue = (...ids: string[]) =>
    ids.map((id) => consulEntry({ id, node: "n", address: `${id}.example.com`, port: 443 }));
  const consul = (entries: unknown, index = "7") =>
    new Response(JSON.stringify(entries), { headers: { "x-consul-index": index } });
  const ids = (news: ServiceNews | undefined) => news?.registry?.instances.map(({ id }) => id);

  it("answers its first batch with what it found, once", async () => {
    await stand({ discovery }, async ({ merge }) => {
      answers = () => consul(catalogue("a", "b"));
      const first = await merge();
      expect(ids(first)).toEqual(["a.n", "b.n"]);
      expect(first.health).toEqual({ ageMs: 0, except: {} });
      expect((await merge({ registry: first.registry!.generation })).registry).toBeUndefined();
    });
  });

  it("does not keep a batch waiting for a registry that is slow", async () => {
    await stand({ discovery }, async ({ merge, told }) => {
      let answer: (response: Response) => void = () => undefined;
      answers = () => new Promise((resolve) => (answer = resolve));
      expect((await merge()).registry).toBeUndefined();
      answer(consul(catalogue("a")));
      await vi.waitFor(() => expect(ids(told.at(-1))).toEqual(["a.n"]));
    });
  });

  it("holds its next question back at the registry, asks anew after a failure, and keeps the last good list", async () => {
    await stand({ discovery }, async ({ object, merge, ring, told }) => {
      answers = () => consul(catalogue("a"));
      await merge();
      answers = () => new Response("No cluster leader", { status: 500 });
      await ring();
      expect(asked.at(-1)!.url).toContain("?index=7&wait=25s");
      expect(object.reading().discovery).toMatchObject({ problem: "status 500", instances: [{ id: "a.n" }] });
      const failedAt = Date.now();
      answers = () => consul(catalogue("a", "b"), "3");
      while (asked.length < 3) await ring();
      expect(Date.now() - failedAt).toBe(30_000);
      expect(asked.at(-1)!.url).not.toContain("index");
      expect(ids(told.at(-1))).toEqual(["a.n", "b.n"]);
      for (const nonsense of ["[]", "{}", "<html>"]) {
        answers = () => new Response(nonsense, { headers: { "x-consul-index": "9" } });
        const before = asked.length;
        while (asked.length === before) await ring();
        expect(object.reading().discovery!.instances).toHaveLength(2);
        expect(object.reading().discovery!.problem).toBeDefined();
      }
    });
  });

  it("checks whom it found, at once, and believes the worse of both", async () => {
    await stand({ discovery, healthCheck }, async ({ object, merge, ring }) => {
      const entry = consulEntry({
        id: "b",
        node: "n",
        address: "b.example.com",
        port: 443,
        checks: ["passing", "warning"],
      });
      answers = (url) =>
        url.includes("consul")
          ? consul([...catalogue("a"), entry])
          : new Response("", { status: url.includes("a.ex") ? 500 : 200 });
      await merge();
      while (asked.length < 3) await ring();
      expect(object.reading().health).toMatchObject({ "a.n": { status: "unhealthy" }, "b.n": { status: "degraded" } });
    });
  });

  it("is remembered when the object's memory is lost, and forgotten when the policy asks elsewhere", async () => {
    await stand({ discovery }, async ({ merge }) => {
      answers = () => consul(catalogue("a"));
      await merge();
    });
    await stand({ discovery }, async ({ object, merge }) => {
      answers = () => Promise.reject(new Error("Network connection lost."));
      expect(ids(await merge())).toEqual(["a.n"]);
      expect(object.reading().discovery).toMatchObject({ instances: [{ id: "a.n" }] });
    });
    await stand({ discovery: { ...discovery, service: "other" } }, async ({ object, merge, ring }) => {
      answers = () => consul(catalogue("c"));
      // Until the new question is answered those of the old one stay.
      expect(ids(await merge())).toEqual(["a.n"]);
      await ring();
      expect(object.reading().discovery).toMatchObject({ instances: [{ id: "c.n" }] });
    });
    await stand({ instances }, async ({ object, merge }) => {
      expect((await merge()).registry).toBeUndefined();
      expect(object.reading().discovery).toBeUndefined();
    });
  });

  it("sends Consul its token, by a secret's name", async () => {
    await stand(
      { discovery: { ...discovery, token: { secret: "CONSUL_TOKEN" } } },
      async ({ merge }) => {
        answers = () => consul(catalogue("a"));
        await merge();
        expect((asked[0]!.init.headers as Headers).get("x-consul-token")).toBe("canary");
        expect(asked[0]!.url).not.toContain("canary");
      },
      "weur",
      { CONSUL_TOKEN: "canary" },
    );
  });
});
