// Slices as figures with names: what alert conditions, experiments and the dashboard see. A figure that nothing was measured for is absent:
// the error rate of no requests is not 0.
import { type Slice } from "../protocol/rollups.ts";
import { quantile } from "../stats/sketch.ts";

/** Every figure there is, with what it means; the names a condition may use. */
export const MEASURES = {
  requests: "requests in the window",
  requests_per_second: "requests a second",
  error_rate: "share of answers with 5xx",
  rejected_rate: "share of answers with 4xx",
  limited_rate: "share of answers with 429",
  latency_p50_ms: "half of all answers were faster, ms",
  latency_p95_ms: "95 % of all answers were faster, ms",
  latency_p99_ms: "99 % of all answers were faster, ms",
  cache_hits: "answers from the cache in the window",
  cache_hit_ratio: "share of cache lookups that were hits",
  retry_rate: "further attempts as a share of requests",
  faulted_rate: "share of requests that an experiment befell",
  tokens_per_second: "tokens of AI calls a second, in and out",
  first_token_p50_ms: "half of all streamed AI answers began sooner, ms",
  first_token_p95_ms: "95 % of all streamed AI answers began sooner, ms",
  stream_tokens_per_second: "tokens a second within streamed AI answers, once they have begun",
  dollars: "what AI calls cost in the window",
} as const;

export type Measure = keyof typeof MEASURES;
export type Measures = Partial<Record<Measure, number>>;

/** Figures of a slice that covers `seconds`. */
export function measuresOf(slice: Slice, seconds: number): Measures {
  const { requests = 0, failed = 0, rejected = 0, limited = 0, hits = 0, lookups = 0 } = slice;
  const { retries = 0, faulted = 0, inputTokens = 0, outputTokens = 0, microdollars = 0, times = [] } = slice;
  const { streamedTokens = 0, streamedMs = 0, firstTimes = [] } = slice;
  const measures: Measures = {
    requests,
    requests_per_second: requests / seconds,
    tokens_per_second: (inputTokens + outputTokens) / seconds,
    dollars: microdollars / 1e6,
  };
  if (requests > 0) {
    measures.error_rate = failed / requests;
    measures.rejected_rate = rejected / requests;
    measures.limited_rate = limited / requests;
    measures.retry_rate = retries / requests;
    measures.faulted_rate = faulted / requests;
  }
  if (times.length > 0) {
    measures.latency_p50_ms = quantile(times, 0.5);
    measures.latency_p95_ms = quantile(times, 0.95);
    measures.latency_p99_ms = quantile(times, 0.99);
  }
  if (lookups > 0) measures.cache_hit_ratio = hits / lookups;
  if (lookups + hits > 0) measures.cache_hits = hits;
  if (firstTimes.length > 0) {
    measures.first_token_p50_ms = quantile(firstTimes, 0.5);
    measures.first_token_p95_ms = quantile(firstTimes, 0.95);
  }
  if (streamedMs > 0) measures.stream_tokens_per_second = (streamedTokens / streamedMs) * 1_000;
  return measures;
}
