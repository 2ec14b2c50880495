// A hit given again. Of a URL that is asked for many times a second the first answers of each second go the long way; the others
// differ from them in nothing but their ids, and are made here, out of one look at a map and a few at the request. That the long
// way would do the same is found out when an answer is remembered: nothing on its way may depend on who asks, when, or
// with which fields, beyond those that are looked at here. Whatever is in doubt goes the long way.
import { correlationId } from "../core/http/correlation.ts";
import { continueTrace, isTraceparent, startTrace } from "../core/http/trace.ts";
import { GATEWAY } from "../core/http/forwarding.ts";
import { serverTiming } from "../core/http/server-timing.ts";
import type { Access } from "../core/cache/analytics.ts";
import type { CompiledRule } from "../core/cache/rules.ts";
import type { RequestRecord } from "../core/insight/record.ts";
import type { CompiledPolicy } from "../core/policy/compiled.ts";
import { ANONYMOUS } from "../core/security/context.ts";
import { MemoryEntry } from "../platform/cache/memory.ts";
import type { Described } from "../platform/cache/observer.ts";
import type { Repeatable } from "../platform/cache/repeats.ts";
import type { Gateway } from "../platform/gateway.ts";
import { rulesOf } from "../platform/rules.ts";
import { describe } from "./cache-rule.ts";
import { recordOf } from "./record.ts";
import type { Walk } from "./walk.ts";

/** Fields with which a request asks for more than the plain answer, or may not be let through. Asked for by name: a pass over all costs more. */
const TELLING = [
  "cache-control",
  "pragma",
  "range",
  "if-none-match",
  "if-modified-since",
  "upgrade",
  "cdn-loop",
] as const;
/** With which it is somebody's. What its origin calls public it gets all the same. */
const PERSONAL = ["authorization", "cookie", "x-api-key"] as const;

/** An answer, and what is counted of the requests that get it. */
export interface Repeat extends Repeatable {
  readonly policy: CompiledPolicy;
  readonly entry: MemoryEntry;
  /** Also for requests that bring a user along. */
  readonly isForUsers: boolean;
  /** Epoch ms: its Age is right from here to there, and it is fresh. */
  readonly from: number;
  readonly until: number;
  /** Without a body: each answer is made after it. */
  readonly pattern: Response;
  /** The pattern's. Everything but the ids, which each request writes over those of the one before: a `Response` copies them. */
  readonly headers: Headers;
  /** What the route's own edits have left of the ids. */
  readonly hasCorrelationId: boolean;
  readonly hasTraceparent: boolean;
  readonly key: string;
  readonly route: string;
  readonly access: Access;
  readonly describe: () => Described;
  readonly record: RequestRecord;
}

/** Undefined: this request goes the long way. */
export function repeat(
  request: Request,
  url: string,
  ctx: ExecutionContext,
  gateway: Gateway,
  policy: CompiledPolicy,
  now: number,
): Response | undefined {
  const known = gateway.cache.memory.repeats.of(url);
  if (known === undefined || request.method !== "GET") return undefined;
  const { headers } = request;
  if (hasOneOf(headers, TELLING) || request.body !== null) return undefined;
  const found = pick(known as readonly Repeat[], headers);
  if (found === undefined || found.policy !== policy || now >= found.until || now < found.from) return undefined;
  if (found.entry.purgesSeen !== gateway.keeper.purges.epoch) return undefined;
  if (!found.isForUsers && hasOneOf(headers, PERSONAL)) return undefined;

  const received = headers.get("traceparent");
  const continues = received !== null && isTraceparent(received);
  const id = correlationId(headers.get("x-correlation-id") ?? undefined, now, Math.random);
  const traceparent = continues ? continueTrace(received, Math.random) : startTrace(Math.random, true);
  if (found.hasCorrelationId) found.headers.set("x-correlation-id", id);
  if (found.hasTraceparent) found.headers.set("traceparent", traceparent);
  // After a `Response` rather than after an object, whose every member the runtime would have to ask for.
  const answer = new Response(found.entry.body, found.pattern);
  count(found, ctx, gateway, now);
  const { recorder } = gateway;
  if (recorder.wants(policy.policy.telemetry, found.record.status, 0)) {
    const parentSpan = continues ? received.slice(36, 52) : "";
    recorder.record({ ...found.record, at: now, correlationId: id, traceparent, parentSpan }, ctx);
  }
  return answer;
}

function hasOneOf(headers: Headers, names: readonly string[]): boolean {
  for (let at = 0; at < names.length; at++) if (headers.has(names[at]!)) return true;
  return false;
}

function pick(known: readonly Repeat[], headers: Headers): Repeat | undefined {
  const first = known[0]!;
  // A line whose answers depend on nothing has one.
  if (first.acceptEncoding === undefined) return first;
  const acceptEncoding = headers.get("accept-encoding");
  for (let at = 0; at < known.length; at++) if (known[at]!.acceptEncoding === acceptEncoding) return known[at];
  return undefined;
}

/** As the last step of the long way does. */
function count(found: Repeat, ctx: ExecutionContext, gateway: Gateway, now: number): void {
  const { isolate, keeper, cache } = gateway;
  cache.memory.repeats.given++;
  const { metrics, reporter } = isolate;
  metrics.observe(found.route, "", found.record.status, 0, "hit", -1);
  const { label } = keeper.observer.saw(found.key, found.access, found.describe);
  keeper.levels?.used(found.entry, ctx);
  if (keeper.scores) keeper.observer.heat(label, now);
  if (reporter.due(now)) ctx.waitUntil(reporter.send());
}

/** A plain hit has been answered the long way, and its like may come again within its second. */
export function remember(walk: Walk, answer: Response): void {
  const { cacheEntry: entry, gateway, policy, arrivedAt: now, fields } = walk;
  if (!(entry instanceof MemoryEntry) || entry.purgesSeen !== gateway.keeper.purges.epoch) return;
  const { meta } = entry;
  const acceptEncoding = dependsOn(meta.vary);
  const { influence } = walk;
  const keysUsers = influence !== undefined && (influence.keysCookie || influence.keysCredential);
  const isForUsers = meta.lifetimeFrom === "explicit" && !keysUsers;
  if (acceptEncoding === "more" || hasOneOf(walk.headers, TELLING) || !isEverybodys(walk)) return;
  if (!isForUsers && hasOneOf(walk.headers, PERSONAL)) return;
  const ageSeconds = Math.floor(Math.max(0, now - meta.bornAt) / 1000);
  const until = meta.bornAt + Math.min((ageSeconds + 1) * 1000, meta.lifetimeMs);
  if (until <= now) return;
  const pattern = new Response(null, { ...initOf(answer), headers: answer.headers });
  const { headers } = pattern;
  // It takes less than the tenth of a millisecond that this field can say.
  if (headers.has("server-timing")) replaceOwnTiming(headers);
  const described = describe(walk);
  const again: Repeat = {
    acceptEncoding: acceptEncoding === "encoding" ? (fields.acceptEncoding ?? null) : undefined,
    policy,
    entry,
    isForUsers,
    from: now,
    until,
    pattern,
    headers,
    hasCorrelationId: headers.get("x-correlation-id") === walk.correlationId,
    hasTraceparent: headers.get("traceparent") === walk.traceparent,
    key: walk.cacheKey,
    route: walk.route!.id,
    access: { outcome: "hit", stored: false, savedMs: meta.upstreamMs, bytes: Math.max(0, meta.bodyBytes) },
    describe: () => described,
    record: { ...recordOf(walk, answer.status), tookMs: 0 },
  };
  gateway.cache.memory.repeats.add(walk.url, meta.key, again);
}

const initOf = ({ status, statusText, headers }: Response): ResponseInit => ({
  ...(status === 200 && statusText === "OK" ? {} : { status, statusText }),
  ...(headers.has("content-encoding") ? { encodeBody: "manual" as const } : {}),
});

/** The gateway's own member is the last. */
function replaceOwnTiming(headers: Headers): void {
  const timing = headers.get("server-timing")!;
  const own = timing.lastIndexOf(`${GATEWAY};dur=`);
  if (own >= 0) headers.set("server-timing", timing.slice(0, own) + serverTiming(GATEWAY, 0));
}

/** What an answer was selected by. */
function dependsOn(vary: MemoryEntry["meta"]["vary"]): "nothing" | "encoding" | "more" {
  if (vary.length === 0) return "nothing";
  return vary.length === 1 && vary[0]![0] === "accept-encoding" ? "encoding" : "more";
}

/** Whether policy treats everybody alike who asks for this URL with none of the telling fields. */
function isEverybodys(walk: Walk): boolean {
  const { policy, gateway, rules, route, host, canonicalPath } = walk;
  const { cache } = policy.policy;
  if (cache === false || walk.security !== ANONYMOUS || walk.answerFields !== undefined) return false;
  // Of what is tried, each request goes its own way.
  if (walk.overlay !== undefined) return false;
  // Fetching ahead learns from every request.
  if (cache.prefetch !== false && cache.prefetch.enabled) return false;
  const all = rulesOf(policy);
  if (all.addresses !== undefined || all.forbidden.has("GET")) return false;
  if (rules === undefined || rules.cors !== undefined || rules.limit !== undefined) return false;
  if (route!.auth !== "none" && gateway.identity.rulesOf(policy).knowsAnybody) return false;
  const rule = walk.influence === undefined ? undefined : gateway.keeper.rulebook.rule(walk.influence.rule);
  if (rule !== undefined && rule.parts.some(isOfFields)) return false;
  let asked = false;
  const noting = {
    get: (name: string) => {
      asked = true;
      return walk.headers.get(name);
    },
  };
  // Fields may decide about the route: the answer is one route's.
  return policy.route(host, canonicalPath, "GET", noting) === route && !asked;
}

/** What a rule keys by that is neither in the URL nor a telling field. */
function isOfFields(part: CompiledRule["parts"][number]): boolean {
  if (part.kind !== "header" && part.kind !== "either") return false;
  return !(PERSONAL as readonly string[]).includes(part.name.toLowerCase());
}
