// What a rule makes of a request and of its answer (SEEDS P12-P16): the four strategies, which differ in key and lifetime.
//
//   content_based         the rule's own key; its lifetime as it is
//   user_context          who asks is in the key: anonymous requests share one entry, those with a Cookie pass by
//   temporal_patterns     the time bucket is in the key, and the entry ends with its bucket
//   intelligent_adaptive  stored when the score says so, for an adaptive lifetime
//
// With `targetStaleness` any of them keeps an answer as long as what was learned of its changes allows. A rule never shares a
// private answer: what HTTP forbids stays forbidden, and a request whose Cookie or credential is not in the key gets nothing.
import { sha256Hex } from "../stats/sha256.ts";
import { changeRate, lifetimeFor, type ChangeHistory } from "./change-rate.ts";
import type { AnswerFacts, LifetimeProposal, RequestInfluence } from "./influence.ts";
import { keyParts, type KeySource } from "./key-parts.ts";
import type { CacheOptions } from "./options.ts";
import { keyedQuery } from "./query.ts";
import { takesAnswer, takesPayload, type CompiledRule } from "./rules.ts";
import { adaptiveTtl, storeScore, type Judged } from "./score.ts";
import { tagsOf } from "./tags.ts";

/** A request as rules see it. */
export interface RuledRequest extends KeySource {
  readonly method: string;
  readonly now: number;
  /** As it turned out, where it was read. */
  readonly payloadBytes: number;
  /** Who asks, as identity found out; "" for nobody known. */
  readonly identity: string;
}

/** What the isolate has seen of the thing asked for; looked at only when an answer has come. */
export interface Experience {
  /** Requests of late, and the share of them that was answered here. */
  readonly recentRequests: number;
  readonly hitRatio: number;
  readonly changes: ChangeHistory;
  /** How often it changes, as all isolates together have seen it; undefined where they have not told. */
  readonly fleet?: { readonly rate: number; readonly visits: number } | undefined;
}

/** Statuses a rule's lifetime is for when it does not name them: complete answers that are cacheable by default (9110 §15.1). */
const LASTING: ReadonlySet<number> = new Set([200, 203, 204, 206, 300, 301, 308]);
/** Likewise, of those that say no. */
const NEGATIVE: ReadonlySet<number> = new Set([404, 405, 410, 414, 501]);

const NOTHING: readonly string[] = [];

/** Without a rule: HTTP's own word, and the origin's tags. */
export const NO_RULE: RequestInfluence = {
  rule: "",
  bypass: false,
  takesMethod: false,
  query: undefined,
  extra: "",
  keysCookie: false,
  keysCredential: false,
  acrossIsolates: false,
  tiers: undefined,
  propose: (answer) =>
    answer.header("cache-tag") === null && answer.header("surrogate-key") === null
      ? undefined
      : { ...SILENT, tags: tagsOf(NOTHING, answer) },
};

const SILENT: LifetimeProposal = {
  store: true,
  ttlSeconds: undefined,
  mode: "respect",
  endsAt: Infinity,
  staleWhileRevalidateSeconds: undefined,
  staleIfErrorSeconds: undefined,
  tags: NOTHING,
};

/** Undefined says "those of the whole cache", memory among them: a cache without memory has to name its levels. */
export const usualTiers = ({ tiers }: CacheOptions): RequestInfluence["tiers"] =>
  tiers.includes("memory") ? undefined : tiers;

/** What the policy says of misses that no rule speaks of. */
export const sharesMisses = ({ collapse }: CacheOptions): boolean => collapse !== false && collapse.acrossIsolates;

export function influenceOf(
  rule: CompiledRule,
  request: RuledRequest,
  cache: CacheOptions,
  experience: () => Experience,
): RequestInfluence {
  const { strategy, bucketSeconds } = rule.options;
  const isTemporal = strategy === "temporal_patterns";
  const bucket = Math.floor(request.now / (bucketSeconds * 1000));
  const bucketEndsAt = isTemporal ? (bucket + 1) * bucketSeconds * 1000 : Infinity;
  let extra = keyParts(rule.parts, request);
  // Two different bodies never share an entry, whether the rule says so or not.
  if (request.method === "POST" && !rule.parts.some(({ kind }) => kind === "payload")) {
    extra += `payload=${request.payloadHash};`;
  }
  // Who varies by Authorization means whoever asks, also one who shows an API key instead.
  if (rule.byCredential) extra += userPart(request);
  if (isTemporal) extra += `bucket=${bucket};`;
  const nobody = identityOf(request) === "";
  return {
    rule: rule.id,
    bypass:
      !takesPayload(rule, request.payloadBytes) ||
      (strategy === "user_context" && nobody && !rule.byCookie && request.header("cookie") !== null),
    takesMethod: request.method === "POST",
    query: rule.wholeQuery ? undefined : keyedQuery(request.query, rule.query),
    extra,
    keysCookie: rule.byCookie || (strategy === "user_context" && !nobody),
    keysCredential: rule.byCredential,
    acrossIsolates: rule.options.acrossIsolates ?? sharesMisses(cache),
    tiers: rule.options.tiers ?? usualTiers(cache),
    propose: (answer) => propose(rule, answer, cache, experience, bucketEndsAt),
  };
}

/** Who asks, for `user_context`: what identity found out, or the credential as it was sent. */
const identityOf = (request: RuledRequest): string =>
  request.identity || (request.header("authorization") ?? request.header("x-api-key") ?? "");

/** The identity is hashed: it may be a credential, and is in any case somebody's name. */
function userPart(request: RuledRequest): string {
  const identity = identityOf(request);
  return identity === "" ? "user;" : `user=#${sha256Hex(identity, 32)};`;
}

function propose(
  rule: CompiledRule,
  answer: AnswerFacts,
  cache: CacheOptions,
  experience: () => Experience,
  endsAt: number,
): LifetimeProposal {
  const { options } = rule;
  const tags = tagsOf(options.tags, answer);
  if (!takesAnswer(rule, answer) || answer.bytes > (options.conditions.maxEntryBytes ?? Infinity)) {
    return { ...SILENT, store: false, tags };
  }
  const lifetime = lifetimeOf(rule, answer, cache, experience);
  return {
    store: lifetime.store,
    ttlSeconds: lifetime.ttlSeconds,
    // An error's own lifetime is never replaced by that of a good answer.
    mode: answer.status < 400 || rule.statuses !== undefined ? options.mode : "respect",
    endsAt,
    staleWhileRevalidateSeconds: options.staleWhileRevalidateSeconds,
    staleIfErrorSeconds: options.staleIfErrorSeconds,
    tags,
  };
}

function lifetimeOf(
  rule: CompiledRule,
  answer: AnswerFacts,
  cache: CacheOptions,
  experience: () => Experience,
): Pick<LifetimeProposal, "store" | "ttlSeconds"> {
  const { options, statuses } = rule;
  if (statuses === undefined && !LASTING.has(answer.status)) {
    const negative = NEGATIVE.has(answer.status) && options.negativeTtlSeconds > 0;
    return { store: true, ttlSeconds: negative ? options.negativeTtlSeconds : undefined };
  }
  const learned = options.targetStaleness === undefined ? undefined : learnedSeconds(rule, cache, experience());
  if (options.strategy !== "intelligent_adaptive") return { store: true, ttlSeconds: learned ?? options.ttlSeconds };
  const judged = judgedBy(answer, experience());
  // The origin's explicit word is worth more than a score: what it wants kept is kept.
  const explicit = answer.isExplicit && options.mode === "respect";
  const store = explicit || storeScore(judged, cache.decision, cache.maxEntryBytes).store;
  return { store, ttlSeconds: learned ?? adaptiveTtl(judged, options.ttlSeconds, cache.adaptiveTtl).seconds };
}

export const judgedBy = (
  { status, contentType, bytes, upstreamMs }: Pick<AnswerFacts, "status" | "contentType" | "bytes" | "upstreamMs">,
  { recentRequests, hitRatio }: Experience,
): Judged => ({ status, contentType, bytes, upstreamMs, recentRequests, hitRatio });

/** Changes a millisecond, by whoever has seen more: this isolate, or all of them. */
export const rateOf = ({ changes, fleet }: Experience): number | undefined =>
  fleet !== undefined && fleet.visits > changes.visits.length ? fleet.rate : changeRate(changes);

/** Undefined while too little is known, or the rule does not learn. At least a second: less is no cache. */
export function learnedSeconds(
  { options }: CompiledRule,
  { adaptiveTtl: range }: CacheOptions,
  experience: Experience,
): number | undefined {
  const rate = rateOf(experience);
  if (rate === undefined || options.targetStaleness === undefined) return undefined;
  const seconds = Math.floor(lifetimeFor(rate, options.targetStaleness) / 1000);
  return Math.max(1, Math.min(range.maximumSeconds, seconds));
}
