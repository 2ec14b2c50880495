// Rollups as OpenTelemetry metrics, in OTLP/HTTP's JSON form (opentelemetry-proto 1.x): deltas of a stretch of time, for the whole fleet and from
// one place, so that no series carries the name of an isolate. Names follow the semantic conventions where there is one (HTTP
// server and client durations in seconds, GenAI operations); the rest is `sluice.*`.
import type { Slice, Slices } from "../protocol/rollups.ts";
import { valueOf } from "../stats/sketch.ts";
import { attribute } from "./otlp.ts";

/** Of the HTTP conventions, seconds. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] as const;
/** AGGREGATION_TEMPORALITY_DELTA. */
const DELTA = 1;

type Attributes = readonly (object | undefined)[];

interface Point {
  readonly slice: Slice;
  readonly attributes: Attributes;
}

/** The body of a `POST /v1/metrics`; times are epoch ms. Undefined when nothing happened. */
export function metricsBody(slices: Slices, from: number, to: number): object | undefined {
  const of = (kind: string, attributesOf: (name: string) => Attributes): Point[] =>
    Object.entries(slices)
      .filter(([series]) => series.startsWith(`${kind} `))
      .map(([series, slice]) => ({ slice, attributes: attributesOf(series.slice(kind.length + 1)) }));
  const routes = of("route", (name) => [attribute("http.route", name)]);
  const instances = of("instance", (name) => pair("sluice.service", "sluice.instance", name));
  const models = of("model", (name) => pair("gen_ai.provider.name", "gen_ai.response.model", name));
  const arms = (["changed", "holdout"] as const).flatMap((arm) =>
    of(arm, (name) => [attribute("sluice.suggestion", name), attribute("sluice.arm", arm)]),
  );
  const regions = of("region", (name) => [attribute("sluice.region", name)]);
  const span = { startTimeUnixNano: nanoseconds(from), timeUnixNano: nanoseconds(to) };
  const found = [
    durations("http.server.request.duration", "Time to answer a request, by route.", routes, span),
    durations("http.client.request.duration", "Time to the headers of an instance's answer.", instances, span),
    durations("gen_ai.client.operation.duration", "Time of calls of models.", models, span),
    durations("sluice.suggestion.duration", "Requests that a suggestion is tried on, by group.", arms, span),
    counts("sluice.requests", "{request}", "Requests, by region.", regions, ({ requests }) => requests, span),
    counts(
      "sluice.requests.failed",
      "{request}",
      "Of them, answered with 5xx, by route.",
      routes,
      ({ failed }) => failed,
      span,
    ),
    counts(
      "sluice.requests.rejected",
      "{request}",
      "Of them, answered with 4xx, by route.",
      routes,
      ({ rejected }) => rejected,
      span,
    ),
    counts(
      "sluice.cache.lookups",
      "{request}",
      "Requests that asked the cache.",
      routes,
      ({ lookups }) => lookups,
      span,
    ),
    counts("sluice.cache.hits", "{request}", "Requests it answered.", routes, ({ hits }) => hits, span),
    counts("sluice.retries", "{attempt}", "Attempts after the first.", routes, ({ retries }) => retries, span),
    counts("sluice.upstream.failed", "{attempt}", "Attempts that failed.", instances, ({ failed }) => failed, span),
    counts(
      "sluice.gen_ai.tokens.input",
      "{token}",
      "Tokens of prompts.",
      models,
      ({ inputTokens }) => inputTokens,
      span,
    ),
    counts(
      "sluice.gen_ai.tokens.output",
      "{token}",
      "Tokens of answers.",
      models,
      ({ outputTokens }) => outputTokens,
      span,
    ),
    counts(
      "sluice.gen_ai.cost",
      "uUSD",
      "What calls cost, in millionths of a dollar.",
      models,
      ({ microdollars }) => microdollars,
      span,
    ),
  ].filter((metric) => metric !== undefined);
  if (found.length === 0) return undefined;
  return {
    resourceMetrics: [
      {
        resource: { attributes: [attribute("service.name", "sluice")] },
        scopeMetrics: [{ scope: { name: "sluice" }, metrics: found }],
      },
    ],
  };
}

interface Span {
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
}

function durations(name: string, description: string, points: readonly Point[], span: Span): object | undefined {
  const dataPoints = points
    .filter(({ slice: { times = [] } }) => times.length > 0)
    .map(({ slice, attributes }) => ({ ...span, attributes: attributes.filter(Boolean), ...histogram(slice.times!) }));
  if (dataPoints.length === 0) return undefined;
  return { name, description, unit: "s", histogram: { aggregationTemporality: DELTA, dataPoints } };
}

/** From a flat sketch; the sum is what its buckets stand for, within 2 %. */
function histogram(times: readonly number[]): object {
  const buckets = new Array<number>(BOUNDS.length + 1).fill(0);
  let count = 0;
  let sum = 0;
  for (let at = 0; at + 1 < times.length; at += 2) {
    const seconds = valueOf(times[at]!) / 1_000;
    const held = times[at + 1]!;
    const over = BOUNDS.findIndex((bound) => seconds <= bound);
    buckets[over < 0 ? BOUNDS.length : over]! += held;
    count += held;
    sum += seconds * held;
  }
  return { count: String(count), sum, bucketCounts: buckets.map(String), explicitBounds: BOUNDS };
}

function counts(
  name: string,
  unit: string,
  description: string,
  points: readonly Point[],
  of: (slice: Slice) => number | undefined,
  span: Span,
): object | undefined {
  const dataPoints = points.flatMap(({ slice, attributes }) => {
    const value = Math.round(of(slice) ?? 0);
    return value > 0 ? [{ ...span, attributes: attributes.filter(Boolean), asInt: String(value) }] : [];
  });
  if (dataPoints.length === 0) return undefined;
  return { name, description, unit, sum: { aggregationTemporality: DELTA, isMonotonic: true, dataPoints } };
}

/** `orders/o1`, `openai/gpt-5`: the first slash parts them. */
function pair(first: string, second: string, name: string): Attributes {
  const slash = name.indexOf("/");
  return [attribute(first, name.slice(0, slash)), attribute(second, name.slice(slash + 1))];
}

const nanoseconds = (ms: number): string => `${Math.round(ms)}000000`;
