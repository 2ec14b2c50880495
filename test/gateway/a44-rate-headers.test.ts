// A44: what clients are told of limits parses, and is true: who waits exactly as long as told is let in.
import { setTimeout as sleep } from "node:timers/promises";
import { parseList } from "structured-headers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { send, type Answer } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { expectProblem } from "../support/problem.ts";
import { startRig, type Rig } from "../support/rig.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;
const limited = (path: string, rateLimit: string) => ({ match: { path }, service: "web", rateLimit });

beforeAll(async () => {
  upstream = await startUpstream({ body: "ok", headers: { RateLimit: '"theirs";r=1;t=1' } });
  rig = await startRig({
    gateways: 2,
    policy: inFrontOf(upstream, {
      sections: {
        routes: [
          limited("/few", "few"),
          limited("/both", "both"),
          limited("/quota", "quota"),
          limited("/shadow", "shadow"),
        ],
        security: {
          rateLimits: {
            few: { requestsPerMinute: 100, burst: 2, by: "address" },
            both: { requestsPerMinute: 100, requestsPerHour: 1_000, burst: 20, by: "address" },
            quota: { requestsPerMinute: 3, by: "address" },
            shadow: { requestsPerMinute: 2, by: "address", shadow: true },
          },
        },
      },
    }),
  });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

const ask = (target: string, address: string, gateway = 1) =>
  send(rig.origin(gateway), { target, headers: { "CF-Connecting-IP": address } });
const items = (answer: Answer, name: string): [string, Record<string, unknown>][] =>
  parseList(answer.header(name) ?? "").map(([item, parameters]) => [String(item), Object.fromEntries(parameters)]);

it("A44: both fields are Lists of RFC 9651, on answers that were let pass too", async () => {
  const answer = await ask("/both", "203.0.113.1");
  expect(answer.status).toBe(200);
  expect(items(answer, "ratelimit-policy")).toEqual([
    ["both-minute", { q: 100, w: 60 }],
    ["both-hour", { q: 1_000, w: 3_600 }],
  ]);
  expect(items(answer, "ratelimit")).toEqual([
    ["both-minute", { r: 19, t: 1 }],
    ["both-hour", { r: 999, t: 3_600 }],
  ]);
  const [, second] = [await ask("/both", "203.0.113.1"), await ask("/both", "203.0.113.1", 2)];
  expect(items(second, "ratelimit")[1]).toEqual(["both-hour", { r: 997, t: expect.any(Number) as number }]);
});

it("A44: a refusal is a problem that says when to come again", async () => {
  let answer = await ask("/quota", "203.0.113.2");
  for (let count = 0; answer.status === 200 && count < 5; count++) answer = await ask("/quota", "203.0.113.2");
  expectProblem(answer, 429);
  const [[name, { r, t }]] = items(answer, "ratelimit") as [[string, { r: number; t: number }]];
  expect([name, r]).toEqual(["quota-minute", 0]);
  expect(Number(answer.header("retry-after"))).toBeGreaterThanOrEqual(t);
  // A quota that is spent blocks for the rest of its window.
  expect(t).toBeGreaterThan(50);
  expect(t).toBeLessThanOrEqual(60);
  expect((await ask("/quota", "203.0.113.2", 2)).status).toBe(429);
});

it("A44: waiting exactly as long as told succeeds, fifty times of fifty", async () => {
  const round = async (index: number): Promise<number> => {
    const address = `198.51.100.${index}`;
    let refused: Answer | undefined;
    while (refused === undefined) {
      const answers = await Promise.all([1, 2, 1, 2].map((gateway) => ask("/few", address, gateway)));
      refused = answers.find(({ status }) => status === 429);
    }
    await sleep(Number(refused.header("retry-after")) * 1_000);
    return (await ask("/few", address, (index % 2) + 1)).status;
  };
  for (let from = 0; from < 50; from += 10) {
    const statuses = await Promise.all(Array.from({ length: 10 }, (_, index) => round(from + index)));
    expect(statuses).toEqual(Array.from({ length: 10 }, () => 200));
  }
});

it("refuses nobody and says nothing where the limit is a shadow", async () => {
  const answers = await Promise.all(Array.from({ length: 5 }, () => ask("/shadow", "203.0.113.3")));
  for (const answer of answers) {
    expect(answer.status).toBe(200);
    expect(answer.header("ratelimit-policy")).toBeUndefined();
  }
});
