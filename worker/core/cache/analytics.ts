// Who uses the cache, and what it is worth (SEEDS P17): per key and per pattern hits, misses, ratio, time saved and bytes
// served. Keys come from clients and have no bound, so they are counted by Space-Saving (Metwally, Agrawal, El Abbadi, ICDT
// 2005): the table has a fixed size, a newcomer takes the place of the least used and inherits its count as its possible
// error. What is asked for often is never lost. Tables add up: isolates tell deltas, `InsightObject` sums them.

export interface Usage {
  hits: number;
  /** Answered from here though no longer fresh; counted in hits too. */
  stale: number;
  misses: number;
  stored: number;
  /** What the origin would have taken, ms. */
  savedMs: number;
  /** Served from here. */
  bytes: number;
}

export interface KeyUsage extends Usage {
  /** Requests that may have been somebody else's. */
  error: number;
}

/** One request, as the cache answered it. */
export interface Access {
  readonly outcome: "hit" | "stale" | "miss";
  readonly stored: boolean;
  readonly savedMs: number;
  readonly bytes: number;
}

export const noUsage = (): Usage => ({ hits: 0, stale: 0, misses: 0, stored: 0, savedMs: 0, bytes: 0 });

export function addUsage(into: Usage, more: Usage): void {
  into.hits += more.hits;
  into.stale += more.stale;
  into.misses += more.misses;
  into.stored += more.stored;
  into.savedMs += more.savedMs;
  into.bytes += more.bytes;
}

export function countAccess(into: Usage, { outcome, stored, savedMs, bytes }: Access): void {
  if (outcome === "miss") into.misses++;
  else {
    into.hits++;
    if (outcome === "stale") into.stale++;
    into.savedMs += savedMs;
    into.bytes += bytes;
  }
  if (stored) into.stored++;
}

export const requestsOf = ({ hits, misses }: Usage): number => hits + misses;
export const hitRatio = (usage: Usage): number => (requestsOf(usage) === 0 ? 0 : usage.hits / requestsOf(usage));

/** Entries written that nobody was answered from: at least this many. */
export const wasted = ({ hits, stored }: Usage): number => Math.max(0, stored - hits);

/** Space-Saving over `size` keys. */
export class TopKeys {
  readonly size: number;
  readonly #usage = new Map<string, KeyUsage>();

  constructor(size: number) {
    this.size = size;
  }

  /** What is counted for `key`, its place taken when there is none left. Counting into it is the caller's. */
  of(key: string): KeyUsage {
    let usage = this.#usage.get(key);
    if (usage !== undefined) return usage;
    let error = 0;
    if (this.#usage.size >= this.size) {
      const [least, its] = this.#least();
      this.#usage.delete(least);
      error = requestsOf(its) + its.error;
    }
    usage = { ...noUsage(), error };
    this.#usage.set(key, usage);
    return usage;
  }

  /** Among the first few: an exact minimum would cost a scan per newcomer, and a near one loses nothing that is used often. */
  #least(): [string, KeyUsage] {
    const looked: [string, KeyUsage][] = [];
    for (const each of this.#usage) if (looked.push(each) === LOOKED_AT) break;
    const least = looked.reduce((low, each) => (weightOf(each[1]) < weightOf(low[1]) ? each : low));
    // The survivors move back, so that the next newcomer looks at others.
    for (const [key, usage] of looked) {
      this.#usage.delete(key);
      this.#usage.set(key, usage);
    }
    return least;
  }

  peek(key: string): KeyUsage | undefined {
    return this.#usage.get(key);
  }

  get count(): number {
    return this.#usage.size;
  }

  /** The most used first. */
  top(most: number): [key: string, usage: KeyUsage][] {
    return [...this.#usage].toSorted((a, b) => requestsOf(b[1]) - requestsOf(a[1])).slice(0, most);
  }

  entries(): IterableIterator<[string, KeyUsage]> {
    return this.#usage.entries();
  }

  set(key: string, usage: KeyUsage): void {
    this.#usage.set(key, usage);
  }

  clear(): void {
    this.#usage.clear();
  }
}

const LOOKED_AT = 8;
const weightOf = (usage: KeyUsage): number => requestsOf(usage) + usage.error;

const LONGEST_LABEL = 200;
const SECRET_NAME = /auth|token|secret|key|pass|session|credential|signature|sig|jwt|code/i;

/** `GET host/path?query` for tables and pages: values of parameters that may be secrets are hidden, the rest is bounded. */
export function keyLabel(method: string, authority: string, path: string, query: string): string {
  const label = `${method === "HEAD" ? "GET" : method} ${authority}${path}${query === "" ? "" : hideSecrets(query)}`;
  return label.length <= LONGEST_LABEL ? label : `${label.slice(0, LONGEST_LABEL - 1)}…`;
}

function hideSecrets(query: string): string {
  if (!SECRET_NAME.test(query)) return query;
  const pairs = query.slice(1).split("&");
  const hidden = pairs.map((pair) => {
    const equals = pair.indexOf("=");
    return equals > 0 && SECRET_NAME.test(pair.slice(0, equals)) ? `${pair.slice(0, equals)}=…` : pair;
  });
  return `?${hidden.join("&")}`;
}

const MOST_SEGMENTS = 6;

/** What keys without a rule are summed under: numbers and ids in a path become `*`. */
export function pathPattern(path: string): string {
  const segments = path.split("/");
  const kept = segments.slice(0, MOST_SEGMENTS + 1).map((segment) => (looksLikeId(segment) ? "*" : segment));
  const pattern = kept.join("/") + (segments.length > MOST_SEGMENTS + 1 ? "/*" : "");
  return pattern.length <= LONGEST_LABEL ? pattern : `${pattern.slice(0, LONGEST_LABEL - 1)}…`;
}

/** Numbers, UUIDs, hashes, anything long: what differs from request to request. */
function looksLikeId(segment: string): boolean {
  if (segment.length > 24) return true;
  let digits = 0;
  for (let at = 0; at < segment.length; at++) {
    const code = segment.charCodeAt(at);
    if (code >= 48 && code <= 57) digits++;
  }
  return digits > 0 && (digits === segment.length || (segment.length >= 8 && digits * 3 >= segment.length));
}
