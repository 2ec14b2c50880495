// Records of requests as a collector and a log see them; a collector that hangs harms nobody; nothing secret is in any of it.
import { afterAll, beforeAll, expect, it } from "vitest";
import { get } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig, type Rig } from "../support/rig.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let collector: Upstream;
let rig: Rig;

beforeAll(async () => {
  [upstream, collector] = await Promise.all([startUpstream({ body: "well" }), startUpstream({ body: "{}" })]);
  const telemetry = {
    logs: { sampleRate: 1 },
    otlp: { url: `${collector.origin}/otlp`, headers: { "x-team": "core" }, timeoutMs: 1_000 },
  };
  rig = await startRig({ policy: inFrontOf(upstream, { sections: { telemetry } }) });
});
afterAll(async () => {
  await rig?.close();
  await Promise.all([upstream?.close(), collector?.close()]);
});

interface Sent {
  resourceSpans: { scopeSpans: { spans: { traceId: string; parentSpanId?: string; name: string }[] }[] }[];
}
const spans = () =>
  collector.requests.flatMap(
    (request) => (JSON.parse(request.body.toString()) as Sent).resourceSpans[0]!.scopeSpans[0]!.spans,
  );

it("sends spans of a second together, as children of the client's own", async () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  await Promise.all([
    get(rig.g1, "/a?api_key=canary-1", { traceparent, authorization: "Bearer canary-2", cookie: "s=canary-3" }),
    get(rig.g1, "/b"),
    get(rig.g1, "/c", { traceparent: traceparent.replace(/01$/, "00") }),
  ]);
  const request = await collector.whole(1, 10_000);
  expect([request.method, request.path, request.header("x-team")]).toEqual(["POST", "/otlp/v1/traces", "core"]);
  expect(spans().map(({ name }) => name)).toEqual(["GET /*", "GET /*"]);
  expect(spans().find(({ traceId }) => traceId === "0af7651916cd43dd8448eb211c80319c")?.parentSpanId).toBe(
    "b7ad6b7169203331",
  );
  const lines = rig.logs.map(({ message }) => message).filter((message) => message.startsWith("{"));
  expect(lines.map((line) => (JSON.parse(line) as { path: string }).path).toSorted()).toEqual(["/a", "/b", "/c"]);
  expect([...lines, ...collector.requests.map(({ body }) => body.toString())].join("\n")).not.toContain("canary");
});

it("goes on when the collector hangs or refuses", async () => {
  collector.play(() => new Promise(() => {}));
  const answers = await Promise.all(Array.from({ length: 20 }, () => get(rig.g1, "/x")));
  expect(answers.map(({ status }) => status)).toEqual(new Array(20).fill(200));
});
