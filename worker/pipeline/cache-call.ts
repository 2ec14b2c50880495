// What the cache has to do with one request that goes forward: it asks the upstream about what is stored, and settles what
// comes of it: kept, confirmed, completed, or answered by what is stored when nothing better can be had (RFC 9111 §4.3, RFC
// 5861 §4). The answer never waits for storing, and no other request ever waits for ours without an end.
// Length: the ways one exchange can end belong together, and are read one beside the other.
import type { RequestDirectives } from "../core/cache/directives.ts";
import type { EntryMeta } from "../core/cache/entry.ts";
import type { CacheOptions } from "../core/cache/options.ts";
import { partWith } from "../core/cache/parts.ts";
import { contentRange } from "../core/cache/range.ts";
import { storing, type AnswerFields, type Asked, type Storing } from "../core/cache/storing.ts";
import { freshMs, mayStandIn, type Usability } from "../core/cache/usability.ts";
import {
  agrees,
  conditionsFor,
  confirmed,
  isNotModified,
  isStrong,
  sameVersion,
  updatedFields,
} from "../core/cache/validation.ts";
import { matches } from "../core/cache/vary.ts";
import { cacheStatusMember, type CacheStatus, type ForwardReason } from "../core/http/cache-status.ts";
import { contentLength } from "../core/http/limits.ts";
import type { Refusal } from "../core/http/problem.ts";
import { keepBody, splitBody } from "../platform/cache/keep.ts";
import type { CacheStore, Fill } from "../platform/cache/store.ts";
import type { StoredEntry } from "../platform/cache/tier.ts";
import { clean } from "./answer.ts";
import { answerFrom, notModified } from "./cached.ts";
import { forward, receive } from "./forward.ts";
import { lookAt, sawAgain } from "./repeats.ts";
import type { CacheCall as Call, Walk } from "./walk.ts";

/** The client's own fault: nothing that is stored would help. */
const CLIENT_FAULTS = new Set<Refusal["code"]>(["bad_request", "body_too_large"]);

/** The most of a body that is held in memory to be kept. */
const HOLD_BYTES = 4 * 1024 * 1024;

export interface Found {
  readonly key: string;
  readonly directives: RequestDirectives;
  /** What is stored under the key, usable or not. */
  readonly entries: readonly StoredEntry[];
  /** The one of them that this request would have. */
  readonly selected: StoredEntry | undefined;
  readonly why: Usability;
  readonly collapsed: boolean;
  /** Others wait for it from the start. */
  readonly fill: Fill | undefined;
  /** Why it goes forward, where that does not show in the rest. */
  readonly reason?: ForwardReason | undefined;
  /** Epoch ms: the answer is at least as new as this; left out, as the request. */
  readonly requestedAt?: number | undefined;
  /** Epoch ms; 0: nothing is known against it. */
  readonly uncacheableUntil?: number | undefined;
}

export class CacheCall implements Call {
  /** Whether the fetch outlives its client: it will be kept. */
  goesOn = false;
  readonly #walk: Walk;
  readonly #options: CacheOptions;
  readonly #found: Found;
  readonly #reason: ForwardReason;
  /** Asked about: their validators go along. */
  #asked: readonly StoredEntry[] = [];
  /** A stored beginning that is being completed. */
  #begun: StoredEntry | undefined = undefined;
  #requestedAt: number;
  /** Others wait for it. */
  #fill: Fill | undefined;

  constructor(walk: Walk, options: CacheOptions, found: Found) {
    this.#walk = walk;
    walk.isFromCache = false;
    this.#options = options;
    this.#found = found;
    this.#reason = found.reason ?? reasonOf(found);
    this.#requestedAt = found.requestedAt ?? walk.now;
    if (walk.method !== "HEAD") this.#prepare();
    const { fill } = found;
    this.#fill = fill;
    // Whoever waits for it learns when its client leaves before anything came.
    if (fill !== undefined) walk.request.signal.addEventListener("abort", () => this.goesOn || fill.end("alone"));
  }

  /** What is to be asked: about the stored answers there are, or for the rest of one. */
  #prepare(): void {
    const { entries, selected } = this.#found;
    if (entries.length === 0) return;
    const { headers } = this.#walk;
    const whole = entries.filter(({ meta }) => meta.range === undefined);
    if (selected !== undefined) this.#asked = hasValidator(selected) ? [selected] : [];
    // §4.1: none of the variants was selected, and the origin may say that one of them is the answer after all.
    else this.#asked = whole.filter(({ meta }) => meta.etag !== "");
    if (whole.length > 0 || this.#walk.fields.range !== undefined) return;
    this.#begun = entries.find(({ meta }) => meta.range?.first === 0 && meta.range.total > 0 && matches(meta, headers));
  }

  /** The fields of the request that goes to the upstream. */
  shape(headers: Headers): void {
    if (this.#asked.length > 0) {
      for (const name of ["if-none-match", "if-modified-since", "if-range", "range"]) headers.delete(name);
      const { ifNoneMatch, ifModifiedSince } = conditionsFor(this.#asked.map(({ meta }) => meta));
      if (ifNoneMatch !== "") headers.set("if-none-match", ifNoneMatch);
      if (ifModifiedSince !== "") headers.set("if-modified-since", ifModifiedSince);
      return;
    }
    const begun = this.#begun?.meta;
    if (begun === undefined) return;
    for (const name of ["if-none-match", "if-modified-since"]) headers.delete(name);
    headers.set("range", `bytes=${begun.range!.last + 1}-`);
    if (isStrong(begun.etag)) headers.set("if-range", begun.etag);
  }

  /** From what came back to what the client gets. */
  settle(result: Response | Refusal): Promise<Response | Refusal> | Response | Refusal {
    const settled = this.#settle(result);
    return settled instanceof Promise ? settled.then((late) => this.#settled(late)) : this.#settled(settled);
  }

  /** Nothing was kept, or its own promise tells: nobody waits for what will not come. */
  #settled(given: Response | Refusal): Response | Refusal {
    if (!this.goesOn) this.#fill?.end("alone");
    return given;
  }

  #settle(result: Response | Refusal): Promise<Response | Refusal> | Response | Refusal {
    if (!(result instanceof Response)) return CLIENT_FAULTS.has(result.code) ? result : this.#standIn(result, 0);
    const { status } = result;
    if (status === 101) return result;
    if (status === 304 && this.#asked.length > 0) return this.#confirm(result);
    if (status >= 500) return this.#standIn(result, status);
    if (this.#begun !== undefined && (status === 206 || status === 416)) return this.#complete(result, this.#begun);
    if (this.#walk.method === "HEAD") return this.#head(result);
    return this.store(result);
  }

  get #store(): CacheStore {
    return this.#walk.gateway.cache;
  }

  /** Nothing will come of it. */
  drop(): void {
    this.#fill?.end("alone");
  }

  // --- nothing better to be had ---

  /** What is stored, where it may stand in for `failed`; else what failed (SEEDS P4: before a 503). */
  async #standIn(failed: Response | Refusal, status: number): Promise<Response | Refusal> {
    const { selected, directives } = this.#found;
    const now = Date.now();
    if (selected !== undefined && mayStandIn(selected.meta, directives, now, status > 0)) {
      const ttlSeconds = Math.floor(freshMs(selected.meta, now) / 1000);
      const member = { kind: "fwd", reason: "stale", ttlSeconds, detail: "stale-if-error" } as const;
      const answer = await this.#from(selected, status > 0 ? { ...member, status } : member);
      if (answer !== undefined) {
        if (failed instanceof Response) void failed.body?.cancel().catch(() => {});
        return answer;
      }
    }
    if (failed instanceof Response) return this.store(failed);
    this.#tell({ detail: failed.code });
    return failed;
  }

  // --- it still holds ---

  async #confirm(answer: Response): Promise<Response | Refusal> {
    const entry = confirmed(this.#asked, answer.headers.get("etag"));
    // It speaks of something else than was asked about: nothing can be made of it.
    if (entry === undefined) return this.#again();
    const fields = updatedFields(entry.meta, answer.headers);
    const decision = this.#decide(entry.meta.status, entry.meta.statusText, fields, this.#updateCookies);
    const walk = this.#walk;
    if (decision.store && decision.meta.lifetimeFrom === "none") sawAgain(walk, entry.meta.etag, fields);
    let current: StoredEntry = { ...entry, meta: { ...entry.meta, headers: pairs(fields) } };
    if (decision.store) {
      const meta = { ...decision.meta, bodyBytes: entry.meta.bodyBytes, method: entry.meta.method };
      current = this.#store.update(entry, meta, walk.ctx);
      this.#mark(true);
      this.#fill?.end("stored");
    } else if (decision.why === "no-store" || decision.why === "private") {
      this.#store.forget(this.#found.key, walk.ctx);
    }
    const settled = await this.#from(current, {
      kind: "fwd",
      reason: this.#reason,
      status: 304,
      stored: decision.store,
      ttlSeconds: Math.floor(freshMs(current.meta, Date.now()) / 1000),
    });
    if (settled === undefined) return this.#again();
    if (this.#updateCookies === "strip") {
      for (const cookie of answer.headers.getSetCookie()) settled.headers.append("set-cookie", cookie);
    }
    return settled;
  }

  /** A cookie that comes with an update is this client's, and no reason to doubt what is stored. */
  get #updateCookies(): CacheOptions["setCookie"] {
    return this.#options.setCookie === "store" ? "store" : "strip";
  }

  /** Once more, asking for the whole and about nothing. */
  async #again(): Promise<Response | Refusal> {
    this.#asked = [];
    this.#begun = undefined;
    this.#requestedAt = Date.now();
    const result = await receive(this.#walk, await forward(this.#walk));
    return this.#settle(result instanceof Response ? clean(this.#walk, result) : result);
  }

  // --- parts ---

  /** The rest of a stored beginning, or what came instead of it. */
  #complete(answer: Response, begun: StoredEntry): Promise<Response | Refusal> | Response | Refusal {
    const range = contentRange(answer.headers.get("content-range"));
    const held = begun.meta.range!;
    const fits = range !== undefined && range.first === held.last + 1 && range.last === held.total - 1;
    // §3.4: only parts of the same version, and only a strong validator says so.
    if (
      answer.status !== 206 ||
      !fits ||
      !sameVersion(begun.meta, answer.headers) ||
      !(begun.body instanceof Uint8Array)
    ) {
      void answer.body?.cancel().catch(() => {});
      return this.#again();
    }
    const headers = new Headers();
    updatedFields(begun.meta, answer.headers).forEach((value, name) => {
      if (name !== "content-range" && name !== "content-length" && name !== "set-cookie") headers.append(name, value);
    });
    headers.set("content-length", String(held.total));
    const whole = new Response(answer.body, { status: 200, statusText: "OK", headers, encodeBody: "manual" });
    return this.store(whole, begun.body);
  }

  // --- HEAD ---

  /** §4.3.5: a HEAD that agrees with what is stored freshens it, one that does not says that it is outdated. */
  #head(answer: Response): Response {
    const { selected, key } = this.#found;
    this.#tell({ status: answer.status });
    if (selected === undefined || answer.status === 304) return answer;
    const { ctx } = this.#walk;
    if (!agrees(selected.meta, answer.status, answer.headers)) {
      this.#store.forget(key, ctx);
      return answer;
    }
    const fields = updatedFields(selected.meta, answer.headers);
    const decision = this.#decide(selected.meta.status, selected.meta.statusText, fields, this.#updateCookies);
    if (decision.store) {
      const meta = { ...decision.meta, bodyBytes: selected.meta.bodyBytes, method: selected.meta.method };
      this.#store.update(selected, meta, ctx);
    }
    return answer;
  }

  // --- keeping ---

  /** The answer as it goes to the client, kept on its way where that may be; `begun`: bytes that go before its body. */
  store(answer: Response, begun?: Uint8Array<ArrayBuffer>): Response {
    const { status, statusText, headers, body } = answer;
    const decision = this.#decide(status, statusText, headers, this.#options.setCookie);
    if (!decision.store) this.#refused(status, decision.why);
    const meta = decision.store ? decision.meta : undefined;
    if (meta === undefined && begun === undefined) return lookAt(this.#walk, answer);
    if (meta?.lifetimeFrom === "none") sawAgain(this.#walk, meta.etag, headers);
    const total = contentLength(headers.get("content-length"));
    if (meta !== undefined && total !== undefined && total > this.#mostBytes && begun === undefined) {
      return this.#keepLarge(answer, meta, total);
    }
    if (meta !== undefined) {
      this.goesOn = true;
      this.#mark(true);
      this.#walk.cacheStored = true;
      this.#tell({ status, stored: true, ttlSeconds: Math.floor(freshMs(meta, Date.now()) / 1000) });
      if (body === null) {
        this.#kept(meta, new Uint8Array(0));
        return answer;
      }
    }
    const has = meta !== undefined && this.#clientHas(meta);
    if (has) this.#lead();
    const declared = total === undefined ? undefined : total - (begun?.byteLength ?? 0);
    const kept = keepBody(body!, { declared, mostBytes: this.#mostBytes, before: begun, forClient: !has });
    this.#walk.ctx.waitUntil(kept.done);
    if (meta !== undefined) void kept.whole.then((bytes) => this.#kept(meta, bytes));
    if (has) return notModified(headers);
    return new Response(kept.readable, { status, statusText, headers, encodeBody: "manual" });
  }

  /** Who asks conditionally leads nobody, for a 304 is of use to nobody else; what came is a whole answer, and is under way. */
  #lead(): void {
    const { key } = this.#found;
    if (this.#options.collapse === false || this.#fill !== undefined || this.#store.fills.has(key)) return;
    this.#fill = this.#store.lead(key, Date.now());
  }

  /** Its own conditions did not go to the upstream, for ours did: they are answered here (RFC 9111 §4.3.2). */
  #clientHas(meta: EntryMeta): boolean {
    const { ifNoneMatch, ifModifiedSince } = this.#walk.fields;
    if (this.#asked.length === 0 && this.#begun === undefined) return false;
    return isNotModified(meta, { ifNoneMatch, ifModifiedSince }, Date.now());
  }

  /** Not held in memory: it streams into a lower level, when there is one, as it streams to the client. */
  #keepLarge(answer: Response, meta: EntryMeta, bytes: number): Response {
    const { status, statusText, headers, body } = answer;
    const fits = this.#store.below !== undefined && meta.range === undefined && bytes <= this.#options.maxEntryBytes;
    this.#tell({ status, stored: fits, detail: fits ? undefined : "too-large" });
    if (!fits || body === null) return answer;
    const { forClient, forStore, done } = splitBody(body, bytes);
    const { ctx } = this.#walk;
    ctx.waitUntil(done);
    this.#store.keepStream({ ...meta, bodyBytes: bytes }, { bytes, open: () => Promise.resolve(forStore) }, ctx);
    return new Response(forClient, { status, statusText, headers, encodeBody: "manual" });
  }

  /** Whole, or undefined: then it never was. */
  #kept(meta: EntryMeta, bytes: Uint8Array<ArrayBuffer> | undefined): void {
    const { key } = this.#found;
    const store = this.#store;
    let end: "stored" | "alone" = "alone";
    if (bytes === undefined) this.goesOn = false;
    if (bytes !== undefined && !store.forgottenSince(meta.key, this.#requestedAt)) {
      const other = store.memory.peek(meta.key).find((entry) => entry.meta.variant === meta.variant);
      const entry =
        meta.range === undefined ? { meta, body: bytes } : partWith({ meta, body: bytes }, other, this.#mostBytes);
      if (entry !== undefined && entry.body.byteLength <= this.#options.maxEntryBytes) {
        const stored = store.keep({ ...entry.meta, bodyBytes: entry.body.byteLength }, entry.body, this.#walk.ctx);
        if (stored !== undefined && meta.key === key) end = "stored";
      }
    }
    this.#fill?.end(end);
  }

  get #mostBytes(): number {
    return Math.min(this.#options.maxEntryBytes, this.#store.memory.largestBytes, HOLD_BYTES);
  }

  /** May not be stored: later misses need not wait for each other, and what it replaces is outdated. */
  #refused(status: number, why: string): void {
    this.#tell({ status, detail: why });
    if (status !== 304 && status < 500) this.#mark(false);
    const replaces = status < 300 || status === 404 || status === 410;
    const { selected, key } = this.#found;
    if (replaces && status !== 206 && selected !== undefined && !this.#walk.isBackground && why !== "authorization") {
      this.#store.forget(key, this.#walk.ctx);
    }
  }

  #mark(cacheable: boolean): void {
    const { collapse } = this.#options;
    const { key, uncacheableUntil = 0 } = this.#found;
    if (cacheable) {
      this.#store.markCacheable(key);
      return;
    }
    if (collapse === false) return;
    const now = Date.now();
    const forMs = collapse.uncacheableSeconds * 1000;
    // Of a key that is asked for all the time it is noted once in half its time.
    if (uncacheableUntil - now < forMs / 2) this.#store.markUncacheable(key, now + forMs);
  }

  // --- words ---

  #decide(status: number, statusText: string, headers: AnswerFields, setCookie: CacheOptions["setCookie"]): Storing {
    const receivedAt = Date.now();
    return storing(
      this.#askedFor(this.#found.key, this.#walk.method),
      { status, statusText, headers, receivedAt, upstreamMs: this.#walk.upstreamMs },
      { setCookie },
    );
  }

  #askedFor(key: string, method: string): Asked {
    const walk = this.#walk;
    return {
      key,
      url: walk.publicUrl,
      path: walk.canonicalPath,
      method: method === "HEAD" ? "GET" : method,
      fields: walk.headers,
      noStore: this.#found.directives.noStore,
      hasCookie: walk.fields.cookie !== undefined,
      hasCredential: walk.hasCredential,
      influence: walk.influence,
      requestedAt: this.#requestedAt,
    };
  }

  async #from(entry: StoredEntry, status: CacheStatus): Promise<Response | undefined> {
    const answer = await answerFrom(this.#walk, entry, Date.now(), cacheStatusMember(status));
    if (answer === undefined) this.#walk.isFromCache = false;
    return answer;
  }

  #tell(status: Omit<Extract<CacheStatus, { kind: "fwd" }>, "kind" | "reason">): void {
    const collapsed = this.#found.collapsed;
    const { status: code, ttlSeconds, stored, detail } = status;
    const member = { kind: "fwd", reason: this.#reason, status: code, ttlSeconds, stored, collapsed, detail } as const;
    this.#walk.cacheStatus = cacheStatusMember(member);
  }
}

const hasValidator = ({ meta }: StoredEntry): boolean => meta.etag !== "" || meta.lastModified !== "";

/** Why what is stored does not answer (RFC 9211 §2.2). */
export function reasonOf({ entries, selected, why }: Pick<Found, "entries" | "selected" | "why">): ForwardReason {
  if (selected !== undefined) return why === "validate-request" ? "request" : "stale";
  if (entries.length === 0) return "uri-miss";
  return entries.some(({ meta }) => meta.range === undefined) ? "vary-miss" : "partial";
}

function pairs(fields: AnswerFields): (readonly [string, string])[] {
  const all: (readonly [string, string])[] = [];
  fields.forEach((value, name) => {
    if (name !== "set-cookie") all.push([name, value]);
  });
  return all;
}
