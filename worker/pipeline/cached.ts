// An answer made of what is stored (RFC 9111 §4): the stored fields as they are, Age as of now, and of the body what was asked
// for: all, a range, or nothing when the client has it already. What does not change from hit to hit is worked out once an
// entry and route, for this is the path that must cost least.
import { cacheStatusMember } from "../core/http/cache-status.ts";
import type { CompiledRoute } from "../core/policy/compiled.ts";
import { contentRangeField, requestedRange, resolveRange, rangeWithin, type ByteRange } from "../core/cache/range.ts";
import { ageMs, freshMs } from "../core/cache/usability.ts";
import { goesWithNotModified, ifRangeHolds, isNotModified } from "../core/cache/validation.ts";
import { withLength } from "../platform/cache/keep.ts";
import { MemoryEntry } from "../platform/cache/memory.ts";
import type { StoredEntry } from "../platform/cache/tier.ts";
import { addLasting } from "./answer.ts";
import { applyEdits } from "./forwarding.ts";
import type { Walk } from "./walk.ts";

/** What an entry's answers have in common, on one route of one generation. */
interface Prepared {
  readonly route: CompiledRoute;
  /** With all that does not change from answer to answer. */
  readonly fields: Headers;
  /**
   * Of a plain hit: only what differs from what a `Response` has anyway, for every word costs. Its fields have this second's
   * Age and Cache-Status; the runtime copies them into each answer.
   */
  readonly init: ResponseInit;
  /** Age in seconds that `init` and the texts are for. */
  age: number;
  ageText: string;
  hitText: string;
  /** Plain hits of this second. */
  hits: number;
}

/** Statuses without a body (RFC 9110 §6.4.1). */
const hasNoBody = (status: number): boolean => status === 204 || status === 205 || status === 304;

/** A fresh answer, or one that serves as such; undefined when its level has lost the body meanwhile. */
export function hit(walk: Walk, entry: StoredEntry, now: number): Response | Promise<Response | undefined> {
  const prepared = prepare(walk, entry);
  refreshTexts(prepared, entry, now);
  walk.cacheStatus = prepared.hitText;
  walk.cacheEntry = entry;
  const { ifNoneMatch, ifModifiedSince, range } = walk.fields;
  const { body, meta } = entry;
  const isPlain = ifNoneMatch === undefined && ifModifiedSince === undefined && range === undefined;
  if (isPlain && body instanceof Uint8Array && walk.method !== "HEAD" && !hasNoBody(meta.status)) {
    walk.hasCacheStatus = true;
    walk.isRepeated = ++prepared.hits > 1;
    return new Response(body, prepared.init);
  }
  return answer(walk, entry, prepared, now);
}

/** An answer that a fetch had to come before: `status` is the `sluice` member of Cache-Status. */
export function answerFrom(
  walk: Walk,
  entry: StoredEntry,
  now: number,
  status: string,
): Response | Promise<Response | undefined> {
  const prepared = prepare(walk, entry);
  refreshTexts(prepared, entry, now);
  walk.cacheStatus = status;
  walk.cacheEntry = entry;
  return answer(walk, entry, prepared, now);
}

function prepare(walk: Walk, entry: StoredEntry): Prepared {
  walk.isFromCache = true;
  const own = entry instanceof MemoryEntry ? entry : undefined;
  const before = own?.prepared as Prepared | undefined;
  const route = walk.route!;
  if (before?.route === route) return before;
  const { status, statusText, headers } = entry.meta;
  const fields = new Headers();
  for (const [name, value] of headers) fields.append(name, value);
  addLasting(walk, fields);
  if (route.responseHeaders !== undefined) applyEdits(fields, route.responseHeaders);
  const init: ResponseInit = {};
  if (status !== 200 || (statusText !== "" && statusText !== "OK")) {
    init.status = status;
    init.statusText = statusText;
  }
  if (fields.has("content-encoding")) init.encodeBody = "manual";
  const prepared: Prepared = { route, fields, init, age: -1, ageText: "", hitText: "", hits: 0 };
  if (own !== undefined) own.prepared = prepared;
  return prepared;
}

function refreshTexts(prepared: Prepared, { meta, level }: StoredEntry, now: number): void {
  const age = Math.floor(ageMs(meta, now) / 1000);
  if (prepared.age === age) return;
  prepared.age = age;
  prepared.hits = 0;
  prepared.ageText = String(age);
  prepared.hitText = cacheStatusMember({
    kind: "hit",
    ttlSeconds: Math.floor(freshMs(meta, now) / 1000),
    detail: level,
  });
  const headers = new Headers(prepared.fields);
  headers.set("age", prepared.ageText);
  headers.append("cache-status", prepared.hitText);
  prepared.init.headers = headers;
}

/** The long way: asked for conditionally, in part, without a body, from a level that has none at hand, or after a fetch. */
function answer(
  walk: Walk,
  entry: StoredEntry,
  prepared: Prepared,
  now: number,
): Response | Promise<Response | undefined> {
  const { meta, body } = entry;
  const { ifNoneMatch, ifModifiedSince, range, ifRange } = walk.fields;
  const headers = new Headers(prepared.fields);
  headers.set("age", prepared.ageText);
  if (isNotModified(meta, { ifNoneMatch, ifModifiedSince }, now)) return notModified(headers);
  const isHead = walk.method === "HEAD";
  const { status, statusText, bodyBytes } = meta;
  if (range !== undefined && !isHead && status === 200 && ifRangeHolds(meta, ifRange, now)) {
    const spec = requestedRange(range);
    if (spec !== undefined && body instanceof Uint8Array) {
      const part = resolveRange(spec, body.byteLength);
      if (part === undefined) return unsatisfiable(headers, body.byteLength);
      return partOf(headers, body, part, 0, body.byteLength);
    }
  }
  if (isHead || hasNoBody(status)) {
    if (isHead && !headers.has("content-length") && bodyBytes >= 0 && !hasNoBody(status)) {
      headers.set("content-length", String(bodyBytes));
    }
    return new Response(null, { status, statusText, headers });
  }
  const init: ResponseInit = { status, statusText, headers, encodeBody: "manual" };
  return body instanceof Uint8Array ? new Response(body, init) : opened(walk, body.open(), body.bytes, init);
}

async function opened(
  walk: Walk,
  opening: Promise<ReadableStream<Uint8Array> | undefined>,
  bytes: number,
  init: ResponseInit,
): Promise<Response | undefined> {
  const stream = await opening;
  if (stream === undefined) return undefined;
  if (bytes < 0) return new Response(stream, init);
  const { readable, done } = withLength(stream, bytes);
  walk.ctx.waitUntil(done);
  return new Response(readable, init);
}

/** RFC 9110 §15.4.5: what guides a cache, and nothing about a body that is not there. */
export function notModified(headers: Headers): Response {
  const names: string[] = [];
  headers.forEach((_, name) => {
    if (!goesWithNotModified(name)) names.push(name);
  });
  for (const name of names) headers.delete(name);
  return new Response(null, { status: 304, headers });
}

/** RFC 9110 §15.5.17. */
function unsatisfiable(headers: Headers, total: number): Response {
  const names: string[] = [];
  headers.forEach((_, name) => {
    if (name.startsWith("content-")) names.push(name);
  });
  for (const name of names) headers.delete(name);
  headers.set("content-range", `bytes */${total}`);
  return new Response(null, { status: 416, headers });
}

function partOf(
  headers: Headers,
  body: Uint8Array<ArrayBuffer>,
  { first, last }: ByteRange,
  offset: number,
  total: number,
): Response {
  headers.set("content-range", contentRangeField({ first, last }, total));
  headers.set("content-length", String(last - first + 1));
  const bytes = body.subarray(first - offset, last - offset + 1);
  return new Response(bytes, { status: 206, statusText: "Partial Content", headers, encodeBody: "manual" });
}

/** From a stored part, when it holds all that the request asks for (RFC 9111 §3.3). */
export function hitPart(walk: Walk, entry: StoredEntry, now: number): Response | undefined {
  const { meta, body } = entry;
  const spec = walk.fields.range === undefined ? undefined : requestedRange(walk.fields.range);
  if (spec === undefined || meta.range === undefined || !(body instanceof Uint8Array)) return undefined;
  const part = rangeWithin(spec, meta.range);
  if (part === undefined || !ifRangeHolds(meta, walk.fields.ifRange, now)) return undefined;
  const prepared = prepare(walk, entry);
  refreshTexts(prepared, entry, now);
  walk.cacheStatus = prepared.hitText;
  const headers = new Headers(prepared.fields);
  headers.set("age", prepared.ageText);
  return partOf(headers, body, part, meta.range.first, meta.range.total);
}
