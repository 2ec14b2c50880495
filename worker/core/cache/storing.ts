// Whether an answer may be stored, and what is known about it from then on (RFC 9111 §3, §4.2). HTTP's word comes first: a rule
// may only refuse more, or give a lifetime where the origin is silent or the rule says `override`.
import { parseHttpDate } from "../http/date.ts";
import { ageSeconds } from "./delta.ts";
import { parseDirectives, type Directives } from "./directives.ts";
import { ENTRY_FORMAT, type EntryMeta } from "./entry.ts";
import type { LifetimeProposal, RequestInfluence, TierName } from "./influence.ts";
import { contentRange } from "./range.ts";
import { targetedDirectives } from "./targeted.ts";
import { nominate, nominatedBy, variantName, type RequestSource } from "./vary.ts";

/** An answer's fields; `Headers` fits. */
export interface AnswerFields {
  get(name: string): string | null;
  has(name: string): boolean;
  getSetCookie(): string[];
  forEach(callback: (value: string, name: string) => void): void;
}

/** What the answer answers. */
export interface Asked {
  readonly key: string;
  readonly url: string;
  readonly path: string;
  readonly method: string;
  readonly fields: RequestSource;
  /** The request said `no-store` (§5.2.1.5). */
  readonly noStore: boolean;
  readonly hasCookie: boolean;
  /** Authorization, or whatever else the route takes for a credential. */
  readonly hasCredential: boolean;
  readonly influence: RequestInfluence | undefined;
  readonly requestedAt: number;
}

export interface Answered {
  readonly status: number;
  readonly statusText: string;
  readonly headers: AnswerFields;
  readonly receivedAt: number;
  readonly upstreamMs: number;
}

export interface StoringOptions {
  readonly setCookie: "bypass" | "strip" | "store";
}

export type Storing =
  | { readonly store: true; readonly meta: EntryMeta }
  | { readonly store: false; readonly why: string };

const refuse = (why: string): Storing => ({ store: false, why });

/** §4.2.2, RFC 9110 §15.1: statuses that may be reused without explicit freshness. */
const HEURISTIC = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501]);

/** Statuses whose own rules about caching are kept here (§3: "understood"): those of RFC 9110, 6585 and 7725 that are final. */
const UNDERSTOOD = new Set([
  200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409,
  410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505, 511,
]);

/** §4.2.2: a tenth of the time since it was last modified, and not more than a day. */
const HEURISTIC_SHARE = 0.1;
const HEURISTIC_MOST_MS = 86_400_000;

/** Never of use to anybody but the hop, or written anew with each use. */
const NOT_STORED = new Set([
  "age",
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** May this answer be stored, and as what? `headers`: as the client of the gateway sees them, the hop's fields gone. */
export function storing(asked: Asked, answered: Answered, options: StoringOptions): Storing {
  const { headers, status } = answered;
  const targeted = targetedDirectives(headers);
  const said = targeted ?? parseDirectives(headers.get("cache-control"));
  const refused = whyNot(asked, answered, said);
  if (refused !== undefined) return refuse(refused);

  const vary = nominatedBy(headers.get("vary"));
  if (vary === "*") return refuse("vary");
  const range = status === 206 ? contentRange(headers.get("content-range")) : undefined;
  if (status === 206 && (range === undefined || isMultipart(headers))) return refuse("partial");

  const times = timesOf(asked, answered);
  const lifetime = lifetimeOf(asked, answered, said, targeted !== undefined, times.dateAt, options);
  if (typeof lifetime === "string") return refuse(lifetime);
  const etag = headers.get("etag") ?? "";
  const lastModified = headers.get("last-modified") ?? "";
  const { lifetimeMs, revalidateMs, errorMs } = lifetime;
  const isUseful = lifetimeMs > 0 || etag !== "" || lastModified !== "" || revalidateMs > 0 || errorMs > 0;
  if (!isUseful) return refuse("no-lifetime");

  const nominated = nominate(vary, asked.fields);
  const name = variantName(nominated);
  return {
    store: true,
    meta: {
      format: ENTRY_FORMAT,
      key: asked.key,
      variant: range === undefined ? name : `${name}p`,
      vary: nominated,
      method: asked.method,
      url: asked.url,
      path: asked.path,
      rule: asked.influence?.rule ?? "",
      tags: lifetime.tags,
      tiers: lifetime.tiers,
      status,
      statusText: answered.statusText,
      headers: storedFields(headers, said, options.setCookie),
      etag,
      lastModified,
      requestedAt: asked.requestedAt,
      receivedAt: answered.receivedAt,
      ...times,
      lifetimeMs,
      lifetimeFrom: lifetime.from,
      mustValidate: lifetime.mustValidate,
      neverStale: said.mustRevalidate || said.proxyRevalidate || said.sharedMaxAge >= 0,
      revalidateMs,
      errorMs,
      bodyBytes: -1,
      range,
      upstreamMs: answered.upstreamMs,
    },
  };
}

/** §3, line by line; undefined when HTTP has nothing against it. */
function whyNot(asked: Asked, answered: Answered, said: Directives): string | undefined {
  const { status, headers } = answered;
  // "the response status code is final"; a 304 says nothing of its own, a 101 is no answer.
  if (status < 200 || status > 599 || status === 304) return "status";
  if (asked.noStore) return "request-no-store";
  const mustUnderstand = status === 206 || said.mustUnderstand;
  if (mustUnderstand && !UNDERSTOOD.has(status)) return "status";
  // §5.2.2.3: whoever understands the status ignores the no-store that is meant for those who do not.
  if (said.noStore && !said.mustUnderstand) return "no-store";
  if (said.isPrivate) return "private";
  // §3.5
  if (asked.hasCredential && !(asked.influence?.keysCredential ?? false)) {
    if (!said.isPublic && !said.mustRevalidate && said.sharedMaxAge < 0) return "authorization";
  }
  // RFC 9110 §9.3.3: a POST's answer is its Content-Location's when it says so and for how long (checked by lifetimeOf).
  if (asked.method === "POST" && !(asked.influence?.takesMethod ?? false)) {
    if (headers.get("content-location") === null || status !== 200) return "method";
  }
  return undefined;
}

interface Times {
  readonly dateAt: number;
  readonly bornAt: number;
}

/**
 * §4.2.3: age_value + response_delay or the apparent age, whichever is more. Dates have whole seconds, so what is less than
 * one apart is no age.
 */
function timesOf(asked: Asked, { headers, receivedAt }: Answered): Times {
  const date = headers.get("date");
  // An invalid Date counts as none: the time of receipt (RFC 9110 §6.6.1).
  const dateAt = (date === null ? undefined : parseHttpDate(date, receivedAt)) ?? receivedAt;
  const apparentMs = Math.floor(Math.max(0, receivedAt - dateAt) / 1000) * 1000;
  const correctedMs = ageSeconds(headers.get("age")) * 1000 + (receivedAt - asked.requestedAt);
  return { dateAt, bornAt: receivedAt - Math.max(apparentMs, correctedMs) };
}

interface Lifetime {
  readonly lifetimeMs: number;
  readonly from: EntryMeta["lifetimeFrom"];
  readonly mustValidate: boolean;
  readonly revalidateMs: number;
  readonly errorMs: number;
  readonly tags: readonly string[];
  readonly tiers: readonly TierName[] | undefined;
}

/** How long it is fresh and by whose word; or why it is not stored at all. */
function lifetimeOf(
  asked: Asked,
  answered: Answered,
  said: Directives,
  isTargeted: boolean,
  dateAt: number,
  options: StoringOptions,
): Lifetime | string {
  const { headers, status, receivedAt } = answered;
  const { influence } = asked;
  const explicitMs = explicitLifetimeMs(headers, said, isTargeted, dateAt, receivedAt);
  const isExplicit = explicitMs >= 0 || said.noCache;
  const proposal = influence?.propose({
    method: asked.method,
    status,
    contentType: mediaType(headers.get("content-type")),
    bytes: bytesOf(headers),
    upstreamMs: answered.upstreamMs,
    isExplicit,
    now: receivedAt,
    header: (name) => headers.get(name),
  });
  if (proposal !== undefined && !proposal.store) return "rule";

  // What a user's own request brought is shared on the origin's explicit word alone, unless the key tells users apart.
  const isUsers =
    (asked.hasCookie && !(influence?.keysCookie ?? false)) ||
    (asked.hasCredential && !(influence?.keysCredential ?? false));
  if (isUsers && !isExplicit && !said.isPublic) return "cookie";
  if (headers.has("set-cookie")) {
    if (options.setCookie === "bypass") return "set-cookie";
    if (options.setCookie === "store" && explicitMs <= 0) return "set-cookie";
  }
  if (asked.method === "POST" && !(influence?.takesMethod ?? false) && explicitMs <= 0) return "method";

  const ruleMs = proposal === undefined || isUsers ? -1 : ruleLifetimeMs(proposal, isExplicit);
  const heuristicMs = !isExplicit && !isUsers ? heuristicLifetimeMs(headers, status, said, dateAt, receivedAt) : -1;
  const stands = { tags: proposal?.tags ?? [], tiers: influence?.tiers, ...staleness(said, proposal) };
  if (ruleMs >= 0) {
    const leftMs = Math.max(0, proposal!.endsAt - receivedAt);
    return { ...stands, lifetimeMs: Math.min(ruleMs, leftMs), from: "rule", mustValidate: false };
  }
  if (isExplicit) {
    return { ...stands, lifetimeMs: Math.max(0, explicitMs), from: "explicit", mustValidate: said.noCache };
  }
  if (heuristicMs >= 0) return { ...stands, lifetimeMs: heuristicMs, from: "heuristic", mustValidate: false };
  // §3, last point: without a lifetime only what may be reused by heuristic, for the validators it carries.
  if (!HEURISTIC.has(status) && !said.isPublic) return "status";
  return { ...stands, lifetimeMs: 0, from: "none", mustValidate: false };
}

/** §4.2.1, in its order: for shared caches s-maxage, then max-age, then Expires less Date. -1: nothing said. */
function explicitLifetimeMs(
  headers: AnswerFields,
  said: Directives,
  isTargeted: boolean,
  dateAt: number,
  receivedAt: number,
): number {
  if (said.sharedMaxAge >= 0) return said.sharedMaxAge * 1000;
  if (said.maxAge >= 0) return said.maxAge * 1000;
  // RFC 9213 §2.2: a targeted field stands in for Expires as well.
  const expires = isTargeted ? null : headers.get("expires");
  if (expires === null) return -1;
  // §5.3: an invalid date, "0" above all, is a time in the past.
  const expiresAt = parseHttpDate(expires, receivedAt);
  return expiresAt === undefined ? 0 : Math.max(0, expiresAt - dateAt);
}

/** §4.2.2. -1: not by heuristic. */
function heuristicLifetimeMs(
  headers: AnswerFields,
  status: number,
  said: Directives,
  dateAt: number,
  now: number,
): number {
  if (!HEURISTIC.has(status) && !said.isPublic) return -1;
  const lastModified = headers.get("last-modified");
  const modifiedAt = lastModified === null ? undefined : parseHttpDate(lastModified, now);
  if (modifiedAt === undefined || modifiedAt >= dateAt) return -1;
  return Math.min((dateAt - modifiedAt) * HEURISTIC_SHARE, HEURISTIC_MOST_MS);
}

function ruleLifetimeMs({ ttlSeconds, mode }: LifetimeProposal, isExplicit: boolean): number {
  if (ttlSeconds === undefined || (isExplicit && mode === "respect")) return -1;
  return ttlSeconds * 1000;
}

/** RFC 5861: the origin's word, a rule's where the origin is silent or the rule overrides. */
function staleness(
  said: Directives,
  proposal: LifetimeProposal | undefined,
): { revalidateMs: number; errorMs: number } {
  const whose = (origin: number, rule: number | undefined): number =>
    rule !== undefined && (origin < 0 || proposal?.mode === "override") ? rule : origin;
  const revalidate = whose(said.staleWhileRevalidate, proposal?.staleWhileRevalidateSeconds);
  const error = whose(said.staleIfError, proposal?.staleIfErrorSeconds);
  return { revalidateMs: Math.max(0, revalidate) * 1000, errorMs: error < 0 ? -1 : error * 1000 };
}

/** §3.1: all fields, those of the hop aside, and those that `no-cache` names (§5.2.2.4). */
function storedFields(
  headers: AnswerFields,
  said: Directives,
  setCookie: StoringOptions["setCookie"],
): readonly (readonly [string, string])[] {
  const fields: [string, string][] = [];
  headers.forEach((value, name) => {
    if (NOT_STORED.has(name) || name === "set-cookie" || said.noCacheFields.includes(name)) return;
    fields.push([name, value]);
  });
  if (setCookie === "store" && !said.noCacheFields.includes("set-cookie")) {
    for (const cookie of headers.getSetCookie()) fields.push(["set-cookie", cookie]);
  }
  return fields;
}

function mediaType(contentType: string | null): string {
  if (contentType === null) return "";
  const end = contentType.indexOf(";");
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}

const isMultipart = (headers: AnswerFields): boolean =>
  mediaType(headers.get("content-type")) === "multipart/byteranges";

function bytesOf(headers: AnswerFields): number {
  const length = headers.get("content-length");
  return length !== null && /^\d{1,15}$/.test(length) ? Number(length) : -1;
}
