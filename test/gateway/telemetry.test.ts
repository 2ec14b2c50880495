// Records of requests and metrics of all of them as a collector and a log see them; a collector that hangs harms nobody; nothing
// secret is in any of it.
import { afterAll, beforeAll, expect, it } from "vitest";
import { get } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig, type Rig } from "../support/rig.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let collector: Upstream;
let model: Upstream;
let rig: Rig;

beforeAll(async () => {
  [upstream, collector, model] = await Promise.all([
    startUpstream({ body: "well" }),
    startUpstream({ body: "{}" }),
    startUpstream({ headers: { "content-type": "application/json" }, body: ANSWER }),
  ]);
  const telemetry = {
    logs: { sampleRate: 1 },
    otlp: {
      ...{ url: `${collector.origin}/otlp`, headers: { "x-team": "core" }, timeoutMs: 1_000 },
      ...{ genAi: true, metrics: true, metricsSeconds: 1 },
    },
  };
  const ai = {
    ai: { auth: "none" as const },
    providers: { one: { adapter: "openai" as const, baseUrl: `${model.origin}/v1`, key: { secret: "ONE_KEY" } } },
    models: { smart: { targets: ["one/gpt-x"] } },
  };
  rig = await startRig({
    policy: inFrontOf(upstream, { sections: { telemetry, ...ai } }),
    vars: { ONE_KEY: "canary-4" },
  });
});
afterAll(async () => {
  await rig?.close();
  await Promise.all([upstream?.close(), collector?.close(), model?.close()]);
});

const ANSWER = JSON.stringify({
  ...{ id: "c1", object: "chat.completion", created: 1, model: "gpt-x" },
  choices: [{ index: 0, message: { role: "assistant", content: "Hello" }, logprobs: null, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
});

type Attribute = { key: string; value: { stringValue?: string; intValue?: string } };
interface Spans {
  resourceSpans: {
    scopeSpans: { spans: { traceId: string; parentSpanId?: string; name: string; attributes: Attribute[] }[] }[];
  }[];
}
interface Point {
  attributes: Attribute[];
  startTimeUnixNano: string;
  timeUnixNano: string;
  asInt?: string;
  count?: string;
  bucketCounts?: string[];
  explicitBounds?: number[];
}
interface Metrics {
  resourceMetrics: {
    scopeMetrics: {
      metrics: { name: string; unit: string; sum?: { dataPoints: Point[] }; histogram?: { dataPoints: Point[] } }[];
    }[];
  }[];
}
const bodies = <Body>(signal: "traces" | "metrics"): Body[] =>
  collector.requests
    .filter(({ path, wholeMs }) => path === `/otlp/v1/${signal}` && wholeMs !== undefined)
    .map(({ body }) => JSON.parse(body.toString()) as Body);
const spans = () => bodies<Spans>("traces").flatMap((body) => body.resourceSpans[0]!.scopeSpans[0]!.spans);
/** All points of a metric that were sent so far. */
const points = (name: string): Point[] =>
  bodies<Metrics>("metrics")
    .flatMap((body) => body.resourceMetrics[0]!.scopeMetrics[0]!.metrics)
    .filter((metric) => metric.name === name)
    .flatMap(({ sum, histogram }) => (sum ?? histogram)!.dataPoints);
const sumOf = (name: string, key: string, value: string): number =>
  points(name)
    .filter(({ attributes }) => attributes.some((each) => each.key === key && each.value.stringValue === value))
    .reduce((sum, { asInt, count }) => sum + Number(asInt ?? count), 0);

it("sends spans of a second together, as children of the client's own", async () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  await Promise.all([
    get(rig.g1, "/a?api_key=canary-1", { traceparent, authorization: "Bearer canary-2", cookie: "s=canary-3" }),
    get(rig.g1, "/b"),
    get(rig.g1, "/c", { traceparent: traceparent.replace(/01$/, "00") }),
  ]);
  await collector.until(() => spans().length >= 2, "two spans", 20_000);
  const request = collector.requests.find(({ path }) => path === "/otlp/v1/traces")!;
  expect([request.method, request.path, request.header("x-team")]).toEqual(["POST", "/otlp/v1/traces", "core"]);
  expect(spans().map(({ name }) => name)).toEqual(["GET /*", "GET /*"]);
  expect(spans().find(({ traceId }) => traceId === "0af7651916cd43dd8448eb211c80319c")?.parentSpanId).toBe(
    "b7ad6b7169203331",
  );
  const lines = rig.logs.map(({ message }) => message).filter((message) => message.startsWith("{"));
  expect(lines.map((line) => (JSON.parse(line) as { path: string }).path).toSorted()).toEqual(["/a", "/b", "/c"]);
  expect([...lines, ...collector.requests.map(({ body }) => body.toString())].join("\n")).not.toContain("canary");
});

it("tells of calls of models by the GenAI conventions", async () => {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ model: "smart", messages: [{ role: "user", content: "canary-5" }] });
  const answer = await fetch(`${rig.g1}/v1/chat/completions`, { method: "POST", headers, body });
  expect(answer.status).toBe(200);
  await answer.text();
  const find = () => spans().find(({ attributes }) => attributes.some(({ key }) => key === "gen_ai.operation.name"));
  await collector.until(() => find() !== undefined, "a span of a model's call", 20_000);
  const said = Object.fromEntries(
    find()!.attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]),
  );
  expect(said).toMatchObject({
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "one",
    "gen_ai.response.model": "gpt-x",
    "gen_ai.usage.input_tokens": "3",
    "gen_ai.usage.output_tokens": "2",
    "http.response.status_code": "200",
  });
});

it("sends metrics of the whole fleet as deltas, each request counted once", async () => {
  const asked = () => sumOf("http.server.request.duration", "http.route", "/*");
  await collector.until(() => asked() >= 3, "durations of three requests", 30_000);
  await collector.until(
    () => sumOf("gen_ai.client.operation.duration", "gen_ai.response.model", "gpt-x") >= 1,
    "a call",
    30_000,
  );
  expect(asked()).toBe(3);
  expect(sumOf("http.client.request.duration", "sluice.service", "web")).toBe(3);
  expect(sumOf("sluice.gen_ai.tokens.input", "gen_ai.provider.name", "one")).toBe(3);
  expect(sumOf("sluice.gen_ai.tokens.output", "gen_ai.provider.name", "one")).toBe(2);
  const [point] = points("http.server.request.duration");
  expect(point!.bucketCounts).toHaveLength(point!.explicitBounds!.length + 1);
  expect(point!.bucketCounts!.reduce((sum, count) => sum + Number(count), 0)).toBe(Number(point!.count));
  expect(BigInt(point!.timeUnixNano)).toBeGreaterThan(BigInt(point!.startTimeUnixNano));
  expect(collector.requests.map(({ body }) => body.toString()).join("\n")).not.toContain("canary");
});

it("goes on when the collector hangs or refuses", async () => {
  collector.play(() => new Promise(() => {}));
  const answers = await Promise.all(Array.from({ length: 20 }, () => get(rig.g1, "/x")));
  expect(answers.map(({ status }) => status)).toEqual(new Array(20).fill(200));
});
