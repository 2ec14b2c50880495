// Upstreams behind a binding: a Worker bound as a service, as a private network or a client certificate would be. The deployment
// allows no private address here, and the addresses below exist nowhere: whatever answers came through the binding.
import { afterAll, beforeAll, expect, it } from "vitest";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";

const ORDERS = `
export default {
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/base/health") return new Response("fine");
    if (url.pathname === "/moved") return new Response(null, { status: 302, headers: { location: "http://10.1.2.3:8080/base/next" } });
    if (url.pathname === "/base/events") {
      const { readable, writable } = new TransformStream();
      const writer = writable.getWriter();
      const bytes = new TextEncoder();
      void (async () => {
        for (const n of [1, 2, 3]) await writer.write(bytes.encode("data: " + n + "\\n\\n"));
        await writer.close();
      })();
      return new Response(readable, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
    }
    return Response.json({
      url: request.url,
      method: request.method,
      forwardedFor: request.headers.get("x-forwarded-host"),
      bytes: (await request.arrayBuffer()).byteLength,
    });
  },
};`;

const MODEL = `
export default {
  async fetch(request) {
    const { model } = await request.json();
    return Response.json({
      id: "c1", object: "chat.completion", created: 1, model,
      choices: [{ index: 0, message: { role: "assistant", content: "from within" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    });
  },
};`;

let rig: Rig;
beforeAll(async () => {
  rig = await startRig({
    services: { ORDERS, MODEL_NET: MODEL },
    vars: { ALLOW_PRIVATE: "false" },
    policy: {
      expose: true,
      regions: { weur: { latitude: 52.4, longitude: 4.9 } },
      services: {
        orders: {
          instances: [{ id: "bound", url: "http://10.1.2.3:8080/base", via: "ORDERS" }],
          healthCheck: { path: "/health", intervalSeconds: 1 },
        },
        moved: { instances: [{ id: "bound", url: "http://10.1.2.3:8080", via: "ORDERS" }] },
        half: {
          instances: [
            { id: "unbound", url: "http://orders.example.com", via: "NOT_THERE" },
            { id: "bound", url: "http://10.1.2.3:8080", via: "ORDERS" },
          ],
        },
      },
      routes: [
        { match: { path: "/half/*" }, service: "half" },
        { match: { path: "/moved" }, service: "moved" },
        { match: { path: "/*" }, service: "orders" },
      ],
      ai: { auth: "none" },
      providers: { own: { adapter: "vllm", baseUrl: "http://10.9.9.9:8000/v1", via: "MODEL_NET" } },
      models: { house: { targets: ["own/small"] } },
    },
  });
});
afterAll(() => rig?.close());

it("sends GET and POST through the binding, with the instance's own URL and nothing lost", async () => {
  const got = await fetch(`${rig.g1}/a/b?c=d`);
  expect(got.status).toBe(200);
  expect(got.headers.get("x-sluice-instance")).toBe("bound");
  expect(await got.json()).toMatchObject({ url: "http://10.1.2.3:8080/base/a/b?c=d", method: "GET", bytes: 0 });
  const body = new Uint8Array(300_000).fill(7);
  const posted = await fetch(`${rig.g1}/upload`, { method: "POST", body });
  expect(await posted.json()).toMatchObject({
    method: "POST",
    bytes: body.byteLength,
    forwardedFor: new URL(rig.g1).host,
  });
});

it("streams, and names redirects as the client has to see them", async () => {
  const events = await fetch(`${rig.g1}/events`);
  expect(await events.text()).toBe("data: 1\n\ndata: 2\n\ndata: 3\n\n");
  const moved = await fetch(`${rig.g1}/moved`, { redirect: "manual" });
  expect([moved.status, moved.headers.get("location")]).toEqual([302, `${rig.g1}/base/next`]);
});

it("treats a binding that is not there as an upstream that cannot be reached, and says its name", async () => {
  const answer = await fetch(`${rig.g1}/half/x`);
  expect([answer.status, answer.headers.get("x-sluice-instance")]).toEqual([200, "bound"]);
  const ready = await fetch(`${rig.g1}/_sluice/ready`);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toMatchObject({ dependencies: { bindings: { state: "unbound", names: ["NOT_THERE"] } } });
});

it("reaches a model of one's own on a private network", async () => {
  const answer = await fetch(`${rig.g1}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "house", messages: [{ role: "user", content: "Hi" }] }),
  });
  expect(await answer.json()).toMatchObject({ model: "small", choices: [{ message: { content: "from within" } }] });
});

it("checks health through the binding", async () => {
  const status = async (): Promise<string | undefined> => {
    await (await fetch(`${rig.g1}/a`)).text();
    const service = (await (await rig.admin("services/orders")).json()) as {
      instances: { id: string; health?: { status: string } }[];
    };
    return service.instances.find(({ id }) => id === "bound")?.health?.status;
  };
  await expect.poll(status, { timeout: 20_000, interval: 200 }).toBe("healthy");
});
