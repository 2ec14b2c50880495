// What this isolate knows of API keys: records by id, read from KV at first sight and from `ControlObject` where KV has
// nothing (it spreads slowly), and what the `keys` ledger says of them, which goes before both. A revoked key is refused
// as soon as the ledger has been heard; an id that nobody knows is not asked about twice. Both stores away: what was last known
// of a key stands; of one that was never seen nobody can say, and that is an answer of its own.
import type { LedgerEntry } from "../core/protocol/ledgers.ts";
import { KEY_CHANGED } from "../core/protocol/ledgers.ts";
import { apiKeyName } from "../core/protocol/names.ts";
import { readKeyRecord, type KeyRecord } from "../core/security/api-keys.ts";
import type { Env } from "./env.ts";
import type { Background } from "./news.ts";
import { OffPath, waitAtMost } from "./offpath.ts";
import { CONTROL_NAME } from "../core/protocol/names.ts";
import { share } from "./share.ts";

/** A record is read again after this, should no ledger have come by. */
const RECORD_GOOD_MS = 600_000;
const MISSING_GOOD_MS = 30_000;
/** The longest that a store is left alone: who shows a key for the first time is refused meanwhile, though it may be good. */
const LONGEST_REST_MS = 5_000;
const MOST_RECORDS = 5_000;
const MOST_LOOKUPS = 64;
const LOOKUP_MS = 2_000;
const KV_CACHE_SECONDS = 60;
/** What KV says may be this much older than what a ledger has forgotten. */
const KV_SPREAD_MS = 180_000;

/** `unknown`: neither store could be asked, and nothing was known before. */
export type KeyAnswer = KeyRecord | "missing" | "unknown";

interface Kept {
  readonly record: KeyRecord | "missing";
  readonly until: number;
}

export class ApiKeys {
  /** Reads of a store, of either kind: what wrong keys must not cause. */
  lookups = 0;
  readonly kv: OffPath;
  readonly control: OffPath;
  #env: Env;
  #now: () => number;
  #records = new Map<string, Kept>();
  #revoked = new Set<string>();
  /** Those that were changed: KV may hold what they were for a while. */
  #changed = new Set<string>();
  #lookingUp = new Map<string, { readonly startedAt: number; readonly done: Promise<KeyAnswer> }>();
  /** Epoch ms until which KV may still hold what is revoked already. */
  #distrustKvUntil = 0;

  constructor(env: Env, now: () => number) {
    this.#env = env;
    this.#now = now;
    this.kv = new OffPath("KV", now);
    this.control = new OffPath("ControlObject", now);
    this.kv.longestRestMs = this.control.longestRestMs = LONGEST_REST_MS;
  }

  /** Of the `keys` ledger. Those whose records or credentials are to be forgotten; `all` when that cannot be said. */
  hear(entries: readonly LedgerEntry[], lostBelow: number): ReadonlySet<string> | "all" {
    const affected = new Set(entries.map(({ key }) => key));
    for (const { key, text } of entries) {
      this.#records.delete(key);
      if (isRevocation(text)) this.#revoked.add(key);
      else if (text === KEY_CHANGED) this.#changed.add(key);
    }
    if (lostBelow === 0) return affected;
    this.#distrustKvUntil = Math.max(this.#distrustKvUntil, lostBelow + KV_SPREAD_MS);
    this.#records.clear();
    return "all";
  }

  isRevoked(id: string): boolean {
    return this.#revoked.has(id);
  }

  /** The record, at once when it is known. */
  find(id: string, background: Background): KeyAnswer | Promise<KeyAnswer> {
    if (this.#revoked.has(id)) return "missing";
    const now = this.#now();
    const kept = this.#records.get(id);
    if (kept !== undefined && now < kept.until) return kept.record;
    const flight = this.#lookingUp.get(id);
    if (flight !== undefined && now - flight.startedAt < LOOKUP_MS * 3) return follow(flight.done);
    if (this.#lookingUp.size >= MOST_LOOKUPS && flight === undefined) {
      this.#sweep(now);
      if (this.#lookingUp.size >= MOST_LOOKUPS) return "unknown";
    }
    const done = share(this.#lookUp(id).finally(() => this.#lookingUp.delete(id)));
    this.#lookingUp.set(id, { startedAt: now, done });
    background.waitUntil(done);
    return done;
  }

  /** Lookups whose requests were killed never settle. */
  #sweep(now: number): void {
    for (const [id, { startedAt }] of this.#lookingUp) if (now - startedAt >= LOOKUP_MS * 3) this.#lookingUp.delete(id);
  }

  async #lookUp(id: string): Promise<KeyAnswer> {
    this.lookups++;
    const now = this.#now();
    let isKvAway = false;
    if (now >= this.#distrustKvUntil && !this.#changed.has(id)) {
      const read = await this.kv.call(
        () => this.#env.KV.get(apiKeyName(id), { type: "text", cacheTtl: KV_CACHE_SECONDS }),
        LOOKUP_MS,
      );
      const record = read.ok && read.value !== null ? readKeyRecord(read.value) : undefined;
      if (record !== undefined && record.id === id) return this.#keep(id, record);
      isKvAway = !read.ok;
    }
    const asked = await this.control.call(() => this.#env.CONTROL.getByName(CONTROL_NAME).apiKey(id), LOOKUP_MS);
    // Where KV says that there is none it may have been revoked long ago.
    if (!asked.ok) return isKvAway ? this.#lastKnown(id) : "unknown";
    const record = asked.value === undefined ? undefined : readKeyRecord(asked.value);
    return this.#keep(id, record ?? "missing");
  }

  /** Revocations and changes are told by the ledger, and take what is known away: what is left has outlived its time alone. */
  #lastKnown(id: string): KeyAnswer {
    const known = this.#records.get(id)?.record ?? "missing";
    return known === "missing" ? "unknown" : this.#keep(id, known, MISSING_GOOD_MS);
  }

  #keep(id: string, record: KeyRecord | "missing", forMs = RECORD_GOOD_MS): KeyAnswer {
    if (this.#records.size >= MOST_RECORDS) this.#records.clear();
    // What was revoked while it was being read.
    const answer = this.#revoked.has(id) ? "missing" : record;
    const goodMs = answer === "missing" ? MISSING_GOOD_MS : forMs;
    this.#records.set(id, { record: answer, until: this.#now() + goodMs });
    return answer;
  }
}

/** Another request looks it up: on a timer of one's own. */
async function follow(done: Promise<KeyAnswer>): Promise<KeyAnswer> {
  let answer: KeyAnswer = "unknown";
  await waitAtMost(
    done.then((found) => {
      answer = found;
    }),
    LOOKUP_MS * 2,
  );
  return answer;
}

function isRevocation(text: string): boolean {
  try {
    const said: unknown = JSON.parse(text);
    return typeof said === "object" && said !== null && (said as { revoked?: unknown }).revoked === true;
  } catch {
    // Whatever it is, it is no key that is good: only revocations take something away.
    return true;
  }
}
