// Validation both ways (RFC 9111 §4.3): what is sent to ask the origin whether stored answers still hold, what its 304 or a
// HEAD changes in them, and what a client that asks conditionally is told from the cache.
import { parseHttpDate } from "../http/date.ts";
import type { EntryMeta } from "./entry.ts";
import type { AnswerFields } from "./storing.ts";

/** Conditions of a request, as far as a cache answers them (§4.3.2: If-Match and its kin are the origin's). */
export interface Conditions {
  readonly ifNoneMatch: string | undefined;
  readonly ifModifiedSince: string | undefined;
}

/** Entity tags of a list, weak ones with their `W/`; lenient about what is none, for origins are. */
function entityTags(list: string): string[] {
  const tags: string[] = [];
  let at = 0;
  while (at < list.length) {
    const start = at;
    const quote = list.indexOf('"', at);
    const comma = list.indexOf(",", at);
    if (quote >= 0 && (comma < 0 || quote < comma)) {
      const close = list.indexOf('"', quote + 1);
      at = close < 0 ? list.length : close + 1;
      const next = list.indexOf(",", at);
      at = next < 0 ? list.length : next;
    } else at = comma < 0 ? list.length : comma;
    const tag = list.slice(start, at).trim();
    if (tag !== "") tags.push(tag);
    at++;
  }
  return tags;
}

const opaque = (tag: string): string => (tag.startsWith("W/") ? tag.slice(2) : tag);

/** RFC 9110 §8.8.3.2: weak tags are good enough to answer "not modified". */
const matchesWeakly = (list: string, etag: string): boolean =>
  list.trim() === "*" || (etag !== "" && entityTags(list).some((tag) => opaque(tag) === opaque(etag)));

export const isStrong = (etag: string): boolean => etag.startsWith('"');

/**
 * Whether a client that asks conditionally has what is stored already: 304 (§4.3.2, RFC 9110 §13.2.2). If-None-Match goes
 * before If-Modified-Since; only answers that are 2xx are conditional (RFC 9110 §13.2.1).
 */
export function isNotModified(meta: EntryMeta, { ifNoneMatch, ifModifiedSince }: Conditions, now: number): boolean {
  if (meta.status < 200 || meta.status > 299) return false;
  if (ifNoneMatch !== undefined) return matchesWeakly(ifNoneMatch, meta.etag);
  if (ifModifiedSince === undefined) return false;
  const since = parseHttpDate(ifModifiedSince, now);
  if (since === undefined) return false;
  // Without Last-Modified the answer's Date stands in (§4.3.2).
  const modified = parseHttpDate(meta.lastModified, now) ?? Math.floor(meta.dateAt / 1000) * 1000;
  return modified <= since;
}

/**
 * Whether a range may be cut from what is stored, or the client has another version and needs the whole (RFC 9110 §13.1.5):
 * strong comparison, and a date only when it is exactly the one stored and strong (§8.8.2.2: a minute older than Date).
 */
export function ifRangeHolds(meta: EntryMeta, ifRange: string | undefined, now: number): boolean {
  if (ifRange === undefined) return true;
  const value = ifRange.trim();
  if (value.startsWith('"')) return value === meta.etag;
  if (value.startsWith("W/") || value !== meta.lastModified) return false;
  const modified = parseHttpDate(value, now);
  return modified !== undefined && modified + 60_000 <= meta.dateAt;
}

/** Whether an answer is the version of which a part is stored: by a strong validator and nothing less (RFC 9111 §3.4). */
export const sameVersion = (meta: EntryMeta, answer: Pick<AnswerFields, "get">): boolean =>
  isStrong(meta.etag) && answer.get("etag") === meta.etag;

/** Conditions that ask the origin about what is stored: every ETag as it is, Last-Modified of a single entry (§4.3.1). */
export function conditionsFor(metas: readonly EntryMeta[]): { ifNoneMatch: string; ifModifiedSince: string } {
  const tags = new Set<string>();
  for (const { etag } of metas) if (etag !== "") tags.add(etag);
  const [only] = metas;
  return { ifNoneMatch: [...tags].join(", "), ifModifiedSince: metas.length === 1 ? only!.lastModified : "" };
}

/** Which of the entries asked about a 304 speaks of (§4.3.3-4): the one it names, or the only one there is. */
export function confirmed<E extends { readonly meta: EntryMeta }>(
  asked: readonly E[],
  etag: string | null,
): E | undefined {
  if (asked.length === 1) return asked[0];
  return etag === null ? undefined : asked.find(({ meta }) => meta.etag !== "" && opaque(meta.etag) === opaque(etag));
}

/** §3.2: not taken over by an update. */
const NOT_UPDATED = new Set(["content-length"]);

/**
 * The fields of a stored answer after a 304 or a HEAD that agrees: what the update has replaces what is there, all the rest
 * stays (§3.2). As `AnswerFields`, so that storing decides about them as about any answer. Age and Date are the update's
 * alone: the stored answer is as new as the word that it still holds.
 */
export function updatedFields(meta: EntryMeta, update: AnswerFields): AnswerFields {
  const fields = new Map<string, string>();
  for (const [name, value] of meta.headers) {
    if (name !== "set-cookie" && name !== "age" && !(name === "date" && update.has("date"))) {
      fields.set(name, fields.has(name) ? `${fields.get(name)!}, ${value}` : value);
    }
  }
  update.forEach((value, name) => {
    if (!NOT_UPDATED.has(name) && name !== "set-cookie") fields.set(name, value);
  });
  const sent = update.getSetCookie();
  const cookies =
    sent.length > 0 ? sent : meta.headers.filter(([name]) => name === "set-cookie").map(([, value]) => value);
  if (cookies.length > 0) fields.set("set-cookie", cookies.join(", "));
  return {
    get: (name) => fields.get(name) ?? null,
    has: (name) => fields.has(name),
    getSetCookie: () => cookies,
    forEach: (callback) => fields.forEach((value, name) => callback(value, name)),
  };
}

/** §4.3.5: whether a HEAD's answer speaks of the stored one: what it says of version and length agrees. */
export function agrees(meta: EntryMeta, status: number, head: AnswerFields): boolean {
  if (status !== meta.status) return false;
  const same = (name: string, stored: string | undefined): boolean => {
    const said = head.get(name);
    return said === null || said === stored;
  };
  const length = meta.headers.find(([name]) => name === "content-length")?.[1];
  return (
    same("etag", meta.etag) &&
    same("last-modified", meta.lastModified) &&
    (length === undefined || same("content-length", length))
  );
}

/** Fields that describe a body which a 304 does not have (RFC 9110 §15.4.5). */
const ABOUT_BODY = new Set(["content-length", "content-type", "content-encoding", "content-language", "content-range"]);

export const goesWithNotModified = (name: string): boolean => !ABOUT_BODY.has(name);
