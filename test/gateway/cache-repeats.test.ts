// Hits of one URL within a second are given again without going the long way. Nobody can tell: fields, ids, counts and everything
// that makes a request another one are as on the long way. What is expected holds on both, however slow the machine is; that
// the short one was gone is asked of the gateway.
import { afterAll, beforeAll, expect, test } from "vitest";
import { send, type Answer } from "../support/client.ts";
import { inFrontOf, service } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import type { Fields } from "../support/sockets.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let beta: Upstream;
let rig: Rig;
const HOST = "shop.example";

beforeAll(async () => {
  upstream = await startUpstream(({ request }) => ({
    headers: {
      "Content-Type": "text/plain",
      ETag: `"${request.number}"`,
      "Server-Timing": "db;dur=5",
      ...(request.path.startsWith("/ruled") ? {} : { "Cache-Control": "max-age=600" }),
      ...(request.path.startsWith("/coded") ? { Vary: "Accept-Encoding" } : {}),
    },
    body: `${request.number} ${request.header("accept-encoding") ?? "none"}`,
  }));
  beta = await startUpstream({ headers: { "Cache-Control": "max-age=600" }, body: "beta" });
  rig = await startRig({ policy: policy("one") });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
  await beta?.close();
});

const policy = (edition: string) =>
  inFrontOf(upstream, {
    sections: {
      cache: { rules: [{ match: "GET /ruled/*", ttlSeconds: 600 }] },
      services: { web: service("web", upstream), beta: service("beta", beta) },
      security: { cors: { origins: ["https://app.example"] } },
      routes: [
        { match: { path: "/forked/*", headers: { "x-beta": "*" } }, service: "beta", cors: false },
        { match: { path: "/shared/*" }, service: "web" },
        {
          match: { path: "/*" },
          service: "web",
          cors: false,
          rewrite: { responseHeaders: { set: { "X-Edition": edition }, remove: ["content-type"] } },
        },
      ],
    },
  });

const ask = (target: string, headers: Fields = {}, method = "GET"): Promise<Answer> =>
  send(rig.g1, { method, target, headers: { Host: HOST, ...headers } });

async function given(): Promise<number> {
  const stats = (await (await rig.admin("cache/stats")).json()) as { isolate: { repeats: { given: number } } };
  return stats.isolate.repeats.given;
}

/** Asks until an answer was given again; the answers. */
async function repeated(target: string, headers: Fields = {}): Promise<Answer[]> {
  const before = await given();
  const answers: Answer[] = [];
  for (const end = Date.now() + 10_000; Date.now() < end;) {
    answers.push(...(await Promise.all(Array.from({ length: 12 }, () => ask(target, headers)))));
    if ((await given()) > before) return answers;
  }
  throw new Error(`nothing was given again for ${target}`);
}

/** Of a hit: what no request has for itself. */
const lasting = (answer: Answer): string[] =>
  answer.head.fields
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !["x-correlation-id", "traceparent", "age", "cache-status", "server-timing"].includes(name))
    .map((pair) => pair.join(": "))
    .toSorted();

const isHit = (answer: Answer): boolean =>
  /^sluice; hit; ttl=\d+; detail=memory$/.test(answer.header("cache-status") ?? "");

test("an answer given again has the fields of the first, and ids of its own", async () => {
  await ask("/plain");
  const [first, ...others] = (await repeated("/plain")).filter(isHit);
  const ids = new Set<string>();
  const traces = new Set<string>();
  for (const answer of [first!, ...others]) {
    expect(lasting(answer)).toEqual(lasting(first!));
    expect(answer.text).toBe(first!.text);
    ids.add(answer.header("x-correlation-id")!);
    traces.add(answer.header("traceparent")!);
    expect(answer.header("server-timing")).toMatch(/^db;dur=5, sluice;dur=[\d.]+$/);
    expect(Number(answer.header("age"))).toBeLessThan(60);
    expect(answer.header("x-edition")).toBe("one");
    expect(answer.header("content-type")).toBeUndefined();
  }
  expect(ids.size).toBe(others.length + 1);
  expect(traces.size).toBe(others.length + 1);
});

test("a client's own ids are kept and continued", async () => {
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const headers = { "X-Correlation-ID": "mine-7", traceparent: `00-${trace}-b7ad6b7169203331-00` };
  for (const answer of await repeated("/ids", headers)) {
    expect(answer.header("x-correlation-id")).toBe("mine-7");
    expect(answer.header("traceparent")).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-00$`));
    expect(answer.header("traceparent")).not.toContain("b7ad6b7169203331");
  }
});

test("whoever asks for something else gets it", async () => {
  await ask("/else");
  await repeated("/else");
  const etag = (await ask("/else")).header("etag")!;
  expect((await ask("/else", { "If-None-Match": etag })).status).toBe(304);
  expect((await ask("/else", { Range: "bytes=0-0" })).status).toBe(206);
  const head = await ask("/else", {}, "HEAD");
  expect([head.status, head.text]).toEqual([200, ""]);
  const before = upstream.requests.length;
  expect(isHit(await ask("/else", { "Cache-Control": "no-cache" }))).toBe(false);
  expect(isHit(await ask("/else", { Pragma: "no-cache" }))).toBe(false);
  expect((await ask("/else", { "CDN-Loop": "sluice" })).status).toBe(508);
  expect(upstream.requests.length).toBe(before + 2);
});

test("encodings have answers of their own", async () => {
  await ask("/coded", { "Accept-Encoding": "gzip" });
  await ask("/coded", { "Accept-Encoding": "br" });
  for (const encoding of ["gzip", "br", "gzip"]) {
    const answers = await repeated("/coded", { "Accept-Encoding": encoding });
    expect(new Set(answers.map(({ text }) => text.split(" ").slice(1).join(" ")))).toEqual(new Set([encoding]));
  }
});

test("a user gets what is public, and nothing that is fresh by a rule", async () => {
  const personal = [{ Cookie: "a=1" }, { Authorization: "Bearer x" }, { "X-API-Key": "k" }];
  await repeated("/public");
  for (const headers of personal) expect(isHit(await ask("/public", headers))).toBe(true);
  await repeated("/public", { Cookie: "a=1" });
  await repeated("/ruled/a");
  for (const headers of personal) expect(isHit(await ask("/ruled/a", headers))).toBe(false);
});

test("fields that choose the route, and origins that are told, go the long way", async () => {
  await ask("/forked/a");
  for (let n = 0; n < 30; n++) expect((await ask("/forked/a")).text).not.toBe("beta");
  expect((await ask("/forked/a", { "X-Beta": "1" })).text).toBe("beta");
  for (let n = 0; n < 30; n++) await ask("/shared/a");
  const told = await ask("/shared/a", { Origin: "https://app.example" });
  expect(isHit(told)).toBe(true);
  expect(told.header("access-control-allow-origin")).toBe("https://app.example");
});

test("a purge, an unsafe request and a policy end it", async () => {
  await repeated("/ended");
  const before = await ask("/ended");
  expect((await ask("/ended", {}, "POST")).status).toBe(200);
  const after = await ask("/ended");
  expect(isHit(after)).toBe(false);
  expect(after.text).not.toBe(before.text);

  await repeated("/ended");
  const purged = await rig.admin("cache/purge", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ url: `http://${HOST}/ended` }),
  });
  expect(purged.status).toBe(200);
  await expect.poll(async () => (await ask("/ended")).text, { timeout: 10_000 }).not.toBe(after.text);

  await repeated("/ended");
  await rig.publish(policy("two"));
  await expect.poll(async () => (await ask("/ended")).header("x-edition"), { timeout: 10_000 }).toBe("two");
});

test("they are counted like any other", async () => {
  const label = "sluice_requests_total{";
  const count = async (): Promise<number> =>
    (await (await fetch(`${rig.g1}/_sluice/metrics`)).text())
      .split("\n")
      .filter((line) => line.startsWith(label))
      .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  await ask("/counted");
  const before = await count();
  const answers = await repeated("/counted");
  expect((await count()) - before).toBe(answers.length);
});
