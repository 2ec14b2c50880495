// Whether an answer is at hand already (RFC 9111 §4). Memory is looked into at once; only where it has nothing to use are the
// levels below asked, and only where they have nothing either does the request wait for one that is fetching the same. What
// goes forward takes a `CacheCall` along, which asks the upstream the right question and settles what comes of it.
import { parseRequestDirectives, type RequestDirectives } from "../core/cache/directives.ts";
import { isSafe } from "../core/cache/invalidation.ts";
import { primaryKey } from "../core/cache/key.ts";
import type { CacheOptions } from "../core/cache/options.ts";
import { usability, type Usability } from "../core/cache/usability.ts";
import { matches, select } from "../core/cache/vary.ts";
import { cacheStatusMember, type ForwardReason } from "../core/http/cache-status.ts";
import { queryHoldsSecret } from "../core/security/redact.ts";
import { after } from "../platform/after.ts";
import type { CacheStore, Fill, FillEnd } from "../platform/cache/store.ts";
import type { StoredEntry } from "../platform/cache/tier.ts";
import { CacheCall, reasonOf } from "./cache-call.ts";
import { answerFrom, hit, hitPart } from "./cached.ts";
import { revalidate } from "./revalidate.ts";
import { UnsafeCall } from "./unsafe-call.ts";
import type { Verdict, Walk } from "./walk.ts";

const METHOD = cacheStatusMember({ kind: "fwd", reason: "method" });
const ONLY_IF_CACHED = cacheStatusMember({ kind: "fwd", reason: "miss", detail: "only-if-cached" });
/** Rounds of waiting for others: what they brought may be another variant. */
const MOST_ROUNDS = 2;

export function cache(walk: Walk): Verdict | Promise<Verdict> {
  const options = walk.policy.policy.cache;
  if (options === false) return undefined;
  const { influence, method } = walk;
  if (influence !== undefined && influence.bypass) return undefined;
  if (method !== "GET" && method !== "HEAD" && !(influence !== undefined && influence.takesMethod)) {
    walk.cacheStatus = METHOD;
    if (!isSafe(method)) walk.cacheCall = new UnsafeCall(walk, options);
    return undefined;
  }
  // A GET with a body asks for something that its URL does not say.
  if (walk.fields.upgrade !== undefined || (walk.request.body !== null && !influence?.takesMethod)) return undefined;
  const store = walk.gateway.cache;
  const key = primaryKey(method, walk.keyParts, influence);
  const { cacheControl, pragma } = walk.fields;
  walk.cacheKey = key;
  const directives = parseRequestDirectives(cacheControl, pragma);
  const now = walk.arrivedAt;
  const lookup = new Lookup(walk, options, store, key, directives);
  return lookup.use(store.sized(options.memoryBytes).peek(key), now) ?? lookup.beyondMemory();
}

class Lookup {
  readonly #walk: Walk;
  readonly #options: CacheOptions;
  readonly #store: CacheStore;
  readonly #key: string;
  readonly #directives: RequestDirectives;
  #collapsed = false;
  /** Why it could not be answered at once, where it waited for another's fetch. */
  #waitedFor: ForwardReason = "uri-miss";
  /** Found out at the first question: the key has to be hashed for it. */
  #uncacheableUntil = -1;
  #entries: readonly StoredEntry[] = [];
  #selected: StoredEntry | undefined = undefined;
  #why: Usability = "fresh";
  #reason: ForwardReason | undefined = undefined;

  constructor(walk: Walk, options: CacheOptions, store: CacheStore, key: string, directives: RequestDirectives) {
    this.#walk = walk;
    this.#options = options;
    this.#store = store;
    this.#key = key;
    this.#directives = directives;
  }

  /** The answer from what a level holds, when it may be used. */
  use(found: readonly StoredEntry[], now: number): Response | Promise<Response | undefined> | undefined {
    const entries = found.length === 0 || this.#store.purges === undefined ? found : this.#standing(found);
    this.#entries = entries;
    if (entries.length === 0) return undefined;
    const walk = this.#walk;
    const entry = select(entries, walk);
    if (entry !== undefined && entry.meta.lifetimeFrom !== "explicit" && this.#isUsers) {
      // Not even asked about, and no stand-in: what is stored may be another's page under the same validator.
      this.#entries = [];
      this.#reason = "request";
      return undefined;
    }
    this.#selected = entry;
    if (entry === undefined) return walk.fields.range === undefined ? undefined : this.#part(entries, now);
    const purged = this.#store.purges !== undefined && this.#store.verdict(entry) === "stale";
    const use = usability(entry.meta, this.#directives, now, purged);
    this.#why = use;
    if (use === "validate-stale" || use === "validate-request") return undefined;
    if (use === "while-revalidating") {
      // A body that was read is gone: what is keyed by one is asked for again by whoever has it.
      if (walk.method !== "GET" && walk.method !== "HEAD") return undefined;
      revalidate(walk, this.#options, this.#key, entry);
    }
    if (!this.#collapsed) return hit(walk, entry, now);
    const { status } = entry.meta;
    const member = cacheStatusMember({ kind: "fwd", reason: this.#waitedFor, status, collapsed: true });
    return answerFrom(walk, entry, now, member);
  }

  /**
   * A request that brings a user along, on a key that does not tell users apart: it gets what an origin calls public, and
   * nothing that is fresh by a guess or by a rule (A29).
   */
  get #isUsers(): boolean {
    const { fields, influence, hasCredential } = this.#walk;
    if (fields.cookie !== undefined && !(influence?.keysCookie ?? false)) return true;
    return hasCredential && !(influence?.keysCredential ?? false);
  }

  #standing(entries: readonly StoredEntry[]): readonly StoredEntry[] {
    return entries.filter((entry) => this.#store.verdict(entry) !== "gone");
  }

  #part(entries: readonly StoredEntry[], now: number): Response | undefined {
    const walk = this.#walk;
    for (const entry of entries) {
      if (entry.meta.range === undefined || !matches(entry.meta, walk)) continue;
      if (usability(entry.meta, this.#directives, now, this.#store.verdict(entry) === "stale") !== "fresh") continue;
      const answer = hitPart(walk, entry, now);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  /** Memory had nothing to use: the levels below, then others that fetch the same, then the upstream. */
  beyondMemory(): Verdict | Promise<Verdict> {
    // A key that lately brought nothing to store has nothing in any level either, most likely.
    const mayBeBelow = this.#store.below !== undefined && this.#why !== "validate-request";
    if (mayBeBelow && this.#lately === 0) return this.#below();
    return this.#waitOrGo(MOST_ROUNDS);
  }

  async #below(): Promise<Verdict> {
    const { below } = this.#store;
    const found = await below!.variants(this.#key, this.#walk.influence?.tiers);
    this.#waited();
    if (found.length > 0) {
      const promoted = found.map((entry) => this.#promote(entry));
      const inMemory = this.#entries;
      // What memory holds of the same variant is newer or the same.
      const others = promoted.filter(
        ({ meta }) =>
          !inMemory.some((own) => own.meta.variant === meta.variant && own.meta.receivedAt >= meta.receivedAt),
      );
      if (others.length > 0) {
        const answer = await this.use([...others, ...inMemory], this.#walk.now);
        if (answer !== undefined) return answer;
      }
    }
    return this.#waitOrGo(MOST_ROUNDS);
  }

  /** A lower level's entry is kept in memory as well, when its bytes are at hand and memory may have it. */
  #promote(entry: StoredEntry): StoredEntry {
    const { meta, body } = entry;
    if (!(body instanceof Uint8Array) || (meta.tiers !== undefined && !meta.tiers.includes("memory"))) return entry;
    if (this.#store.forgottenSince(this.#key, meta.requestedAt)) return entry;
    this.#store.memory.keep(meta, body);
    // Its level is told as the one it was found in.
    return entry;
  }

  #waitOrGo(rounds: number): Verdict | Promise<Verdict> {
    if (this.#directives.onlyIfCached) {
      this.#walk.cacheStatus = ONLY_IF_CACHED;
      return { code: "not_cached" };
    }
    const { collapse } = this.#options;
    if (collapse === false || rounds === 0 || !this.#mayCollapse) return this.#forward();
    const fill = this.#store.fills.get(this.#key);
    // One that has taken longer than anyone would wait has lost its request.
    const isUnderWay = fill !== undefined && Date.now() - fill.startedAt < collapse.waitMs;
    return isUnderWay ? this.#follow(fill, rounds, collapse.waitMs) : this.#forward();
  }

  /** Whether this request may share another's fetch, and others its own: only what asks for the same plain answer. */
  get #mayCollapse(): boolean {
    const { fields, influence, method, hasCredential } = this.#walk;
    const { collapse } = this.#options;
    if (collapse === false || method === "HEAD" || fields.range !== undefined) return false;
    if (hasCredential && !(influence?.keysCredential ?? false)) return false;
    const { noCache, noStore, maxAge } = this.#directives;
    if (noCache || noStore || maxAge === 0) return false;
    return this.#lately === 0;
  }

  /** Time has passed, and others may have found out something. */
  #waited(): void {
    this.#walk.now = Date.now();
    this.#uncacheableUntil = -1;
  }

  /** Until when the key counts as one that brings nothing to store, epoch ms; 0 for not at all. */
  get #lately(): number {
    if (this.#uncacheableUntil < 0) this.#uncacheableUntil = this.#store.uncacheableUntil(this.#key, this.#walk.now);
    return this.#uncacheableUntil;
  }

  /** What others bring answers it, or so it hopes. */
  #waits(): void {
    this.#collapsed = true;
    this.#waitedFor = this.#reason ?? reasonOf({ entries: this.#entries, selected: this.#selected, why: this.#why });
  }

  async #follow(fill: Fill, rounds: number, waitMs: number): Promise<Verdict> {
    this.#waits();
    const end = await Promise.race([fill.done, after(waitMs)]);
    this.#waited();
    if (end !== "stored") return this.#forward();
    const answer = await this.use(this.#store.memory.peek(this.#key), this.#walk.now);
    return answer ?? this.#waitOrGo(rounds - 1);
  }

  #forward(): Verdict | Promise<Verdict> {
    const walk = this.#walk;
    const { ifNoneMatch, ifModifiedSince } = walk.fields;
    // Who asks conditionally may get a 304, which is of use to nobody else.
    const leads = this.#mayCollapse && ifNoneMatch === undefined && ifModifiedSince === undefined;
    const fill = leads ? this.#store.lead(this.#key, Date.now()) : undefined;
    const shares = walk.influence?.acrossIsolates === true && this.#entries.length === 0;
    const { collapse } = this.#options;
    return fill !== undefined && shares && collapse !== false ? this.#meetOthers(fill, collapse) : this.#ask(fill);
  }

  /** Nothing of it is stored here: another isolate may be fetching it, or this one does for the others. */
  async #meetOthers(fill: Fill, collapse: Exclude<CacheOptions["collapse"], false>): Promise<Verdict> {
    const walk = this.#walk;
    const { crowds } = walk.gateway.keeper;
    // What is asked for with a credential in its query leaves no isolate.
    if (queryHoldsSecret(walk.publicUrl)) return this.#ask(fill);
    walk.request.signal.addEventListener("abort", () => fill.end("alone"));
    const { entries, lease } = await crowds.meet(this.#key, collapse);
    this.#waited();
    const fresh = entries.filter(({ meta }) => !this.#store.forgottenSince(this.#key, meta.requestedAt));
    for (const { meta, body } of fresh) this.#store.memory.keep(meta, body);
    if (fresh.length > 0) {
      this.#waits();
      const answer = await this.use(this.#store.memory.peek(this.#key), walk.now);
      if (answer !== undefined) {
        fill.end("stored");
        return answer;
      }
      this.#collapsed = false;
    }
    if (lease !== undefined) {
      const stored = (end: FillEnd) => (end === "stored" ? this.#store.memory.peek(this.#key)[0] : undefined);
      walk.ctx.waitUntil(fill.done.then((end) => crowds.bring(this.#key, lease, stored(end), walk.ctx)));
    }
    return this.#ask(fill);
  }

  #ask(fill: Fill | undefined): undefined {
    const walk = this.#walk;
    walk.cacheCall = new CacheCall(walk, this.#options, {
      key: this.#key,
      directives: this.#directives,
      entries: this.#entries,
      selected: this.#selected,
      why: this.#why,
      collapsed: this.#collapsed,
      fill,
      reason: this.#reason,
      uncacheableUntil: this.#lately,
    });
    return undefined;
  }
}
