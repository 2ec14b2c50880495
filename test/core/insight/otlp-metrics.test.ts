import { expect, it } from "vitest";
import { metricsBody } from "../../../worker/core/insight/otlp-metrics.ts";
import { bucketOf } from "../../../worker/core/stats/sketch.ts";

interface Metric {
  name: string;
  sum?: { dataPoints: { asInt: string; attributes: unknown[] }[] };
  histogram?: { dataPoints: { count: string; sum: number; bucketCounts: string[]; attributes: unknown[] }[] };
}
const metricsOf = (body: object | undefined): Metric[] =>
  (body as { resourceMetrics: { scopeMetrics: { metrics: Metric[] }[] }[] }).resourceMetrics[0]!.scopeMetrics[0]!
    .metrics;

it("nothing happened: nothing is sent", () => {
  expect(metricsBody({}, 0, 1_000)).toBeUndefined();
  expect(metricsBody({ "route /*": { requests: 0 } }, 0, 1_000)).toBeUndefined();
});

it("each series is a point, its times in the conventions' buckets", () => {
  const times = [bucketOf(4), 2, bucketOf(80), 1, bucketOf(60_000), 1];
  const metrics = metricsOf(
    metricsBody({ "route /*": { requests: 4, failed: 1, times }, "region weur": { requests: 4 } }, 0, 1_000),
  );
  expect(metrics.map(({ name }) => name)).toEqual([
    "http.server.request.duration",
    "sluice.requests",
    "sluice.requests.failed",
  ]);
  const [point] = metrics[0]!.histogram!.dataPoints;
  expect(point).toMatchObject({ count: "4", attributes: [{ key: "http.route", value: { stringValue: "/*" } }] });
  expect(point!.bucketCounts).toEqual(["2", "0", "0", "0", "0", "1", "0", "0", "0", "0", "0", "0", "0", "0", "1"]);
  expect(point!.sum).toBeGreaterThan(59);
  expect(metrics[1]!.sum!.dataPoints).toMatchObject([{ asInt: "4" }]);
});

it("names with slashes are parted at the first, and groups of a suggestion are told apart", () => {
  const slice = { requests: 1, times: [10, 1], inputTokens: 5 };
  const metrics = metricsOf(
    metricsBody({ "model one/gpt/x": slice, "changed s_1": slice, "holdout s_1": slice }, 0, 1_000),
  );
  expect(JSON.stringify(metrics)).toContain('{"key":"gen_ai.response.model","value":{"stringValue":"gpt/x"}}');
  expect(metrics.find(({ name }) => name === "sluice.suggestion.duration")!.histogram!.dataPoints).toHaveLength(2);
});
