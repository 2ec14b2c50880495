// Whether an answer is worth keeping, and for how long: the seed's score (SEEDS P15) and adaptive lifetime (P16), for rules of
// the strategy `intelligent_adaptive`. Each factor that moved the result is named beside it, so that nobody has to guess.
import type { CacheOptions } from "./options.ts";

export interface Judged {
  readonly status: number;
  /** Lower case, without parameters. */
  readonly contentType: string;
  /** -1 when it is not known yet: then size moves nothing. */
  readonly bytes: number;
  readonly upstreamMs: number;
  /** Requests for it of late, in this isolate. */
  readonly recentRequests: number;
  /** Of its pattern, 0 to 1; 0 when nothing is known. */
  readonly hitRatio: number;
}

export interface Factor {
  readonly name: string;
  /** Added to the score, or multiplied with the lifetime. */
  readonly by: number;
}

export interface StoreScore {
  readonly store: boolean;
  readonly score: number;
  readonly factors: readonly Factor[];
}

export interface AdaptiveTtl {
  readonly seconds: number;
  readonly baseSeconds: number;
  readonly factors: readonly Factor[];
}

/** The seed's list, and what its score rewards: it forgot pictures, styles and scripts. */
const KEPT_TYPES = /^(text\/|image\/|font\/|application\/(.+\+)?(json|xml|javascript|manifest|wasm)$)/;

const isJson = (type: string): boolean => type.endsWith("/json") || type.endsWith("+json");
const isStatic = (type: string): boolean =>
  type.startsWith("image/") || type === "text/css" || type.endsWith("/javascript");

export function storeScore(answer: Judged, options: CacheOptions["decision"], maxBytes: number): StoreScore {
  const { status, contentType, bytes, upstreamMs, recentRequests } = answer;
  const factors: Factor[] = [{ name: "base", by: options.base }];
  const add = (name: string, by: number, applies: boolean): void => {
    if (applies) factors.push({ name, by });
  };
  add("slow", options.slow, upstreamMs > options.slowMs);
  add("very slow", options.verySlow, upstreamMs > options.verySlowMs);
  add("json", options.json, isJson(contentType));
  add("static", options.static, isStatic(contentType));
  add("frequent", options.frequent, recentRequests > options.frequentOver);
  add("large", options.large, bytes > options.largeBytes);
  add("very large", options.veryLarge, bytes > options.veryLargeBytes);
  const score = Math.min(1, rounded(factors.reduce((sum, { by }) => sum + by, 0)));
  const may = status < 400 && bytes <= maxBytes && KEPT_TYPES.test(contentType);
  return { store: may && score > options.storeAbove, score, factors };
}

export function adaptiveTtl(
  answer: Judged,
  ruleSeconds: number | undefined,
  options: CacheOptions["adaptiveTtl"],
): AdaptiveTtl {
  const { contentType, bytes, upstreamMs, hitRatio } = answer;
  const baseSeconds = ruleSeconds ?? options.baseSeconds;
  const factors: Factor[] = [];
  const add = (name: string, by: number, applies: boolean): void => {
    if (applies) factors.push({ name, by });
  };
  add("json", options.json, isJson(contentType));
  add("html", options.html, contentType === "text/html" || contentType === "application/xhtml+xml");
  add("large", options.large, bytes > options.largeBytes);
  add("slow", options.slow, upstreamMs > options.slowMs);
  add("hit ratio", options.hitRatio, hitRatio > options.hitRatioOver);
  const product = rounded(factors.reduce((seconds, { by }) => seconds * by, baseSeconds));
  const seconds = Math.max(options.minimumSeconds, Math.min(options.maximumSeconds, Math.floor(product)));
  return { seconds, baseSeconds, factors };
}

/** Sums of decimal shares are compared with decimal thresholds: 0.5 + 0.1 must not be a hair above 0.6. */
const rounded = (value: number): number => Math.round(value * 1e9) / 1e9;
