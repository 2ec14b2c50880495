// Generator and upstream as the benchmark runs them: processes of their own, over real sockets.
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Generator, startUpstream } from "../../../scripts/bench/programs.ts";
import type { Upstream } from "../../../scripts/bench/programs.ts";
import type { Kind } from "../../../scripts/bench/traffic.ts";

let generator: Generator;
let upstream: Upstream;
beforeAll(async () => {
  generator = new Generator();
  upstream = await startUpstream();
});
afterAll(() => Promise.all([generator.stop(), upstream.stop()]));

const portOf = (origin: string): number => Number(new URL(origin).port);

async function served(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

describe("closed loop", () => {
  it.each<Kind>(["get-1k", "get-100k", "post-10k"])("%s: every answer is counted and timed", async (kind) => {
    const load = await generator.run({ loop: "closed", port: portOf(upstream.origin), kind, ms: 100 });
    expect(load.requests).toBeGreaterThan(10);
    expect(load.latenciesMs.length).toBe(load.requests);
    expect(load.elapsedMs).toBeGreaterThanOrEqual(100);
    expect(Math.min(...load.latenciesMs)).toBeGreaterThan(0);
  });

  it("an answer that is no 2xx fails the whole load", async () => {
    const server = createServer((_, response) => response.writeHead(503, { "content-length": 0 }).end());
    const port = await served(server);
    await expect(generator.run({ loop: "closed", port, kind: "get-1k", ms: 100 })).rejects.toThrow("status 503");
    server.close();
  });
});

describe("open loop", () => {
  it("sends what is due, no more and no less", async () => {
    const port = portOf(upstream.origin);
    const load = await generator.run({ loop: "open", port, kind: "get-1k", ms: 300, perSecond: 100 });
    expect(load.requests).toBe(30);
    expect(load.elapsedMs).toBeGreaterThan(285);
  });

  it("a pause is felt by everyone who was due in it", async () => {
    let requests = 0;
    const server = createServer((_, response) => {
      if (++requests === 10) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
      response.writeHead(200, { "content-length": 2 }).end("ok");
    });
    const port = await served(server);
    const load = await generator.run({ loop: "open", port, kind: "get-1k", ms: 800, perSecond: 100 });
    // Due every 10 ms, paused for 300: thirty waited, twenty of them for more than 100 ms. A closed loop saw one.
    expect(load.latenciesMs.filter((latency) => latency > 100).length).toBeGreaterThanOrEqual(15);
    server.closeAllConnections();
    server.close();
  });
});

describe("upstream", () => {
  const answerTo = (path: string, init?: RequestInit) => fetch(upstream.origin + path, init);

  it.each([0, 1024, 102_400, 2_000_000])("answers %d bytes when asked to", async (bytes) => {
    const answer = await answerTo(`/orders/bytes/${bytes}?a=b`);
    expect((await answer.arrayBuffer()).byteLength).toBe(bytes);
  });

  it("reads bodies of a declared length and chunked ones before it answers", async () => {
    const parts = new Blob(["x".repeat(200_000)]);
    for (const body of ["x".repeat(70_000), parts.stream()]) {
      const init = { method: "POST", body, duplex: "half" } as RequestInit;
      expect((await answerTo("/bytes/3", init)).status).toBe(200);
      expect(await (await answerTo("/bytes/3")).text()).toBe("xxx");
    }
  });

  it("gives the head back to whoever asks for an echo", async () => {
    const answer = await answerTo("/a?b=c", { headers: { "X-Bench-Echo": "1", "X-Other": "two" } });
    expect(await answer.json()).toMatchObject({
      line: "GET /a?b=c HTTP/1.1",
      fields: expect.arrayContaining(["X-Other: two"]),
    });
  });
});
