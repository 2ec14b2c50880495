// What will be asked for next (SEEDS A6), learned from what was: a Markov model of first order per class of client, and which
// keys are asked for in the same sessions. A session is one client's requests with gaps of at most five minutes. Classes that
// are like the asker's own (share of equal features above the threshold) speak together. Everything is bounded: the classes, the
// keys of each, the followers of a key, the clients remembered. What is used least makes room.
//
//   follows    P(b next | a) = transitions a to b / transitions from a         acts above `minimumConfidence`
//   correlates cosine of a and b over sessions = both / sqrt(with a x with b)   acts above `minimumCorrelation`

export interface PredictOptions {
  readonly sequenceGapSeconds: number;
  readonly minimumConfidence: number;
  readonly minimumCorrelation: number;
  readonly minimumSimilarity: number;
  /** Clients, and keys of a class, that are remembered. */
  readonly history: number;
}

export interface Prediction {
  readonly key: string;
  readonly probability: number;
  readonly reason: "sequence" | "correlation";
}

/** What tells askers apart: kind of client, language, hour of the day… Values compare by equality, position by position. */
export type Features = readonly string[];

const MOST_CLASSES = 16;
const MOST_FOLLOWERS = 8;
/** The seed asks for three similar accesses before it believes anything. */
const FEWEST_SEEN = 3;
/** Keys of a session that are looked at together. */
const SESSION_KEYS = 8;
/** Counts are halved when a key was left this often: old habits fade. */
const FADE_AT = 1000;

interface Follower {
  /** Transitions to it, and sessions it shares with the key. */
  next: number;
  together: number;
}

interface KeyState {
  left: number;
  sessions: number;
  readonly followers: Map<string, Follower>;
}

interface ClientClass {
  readonly features: Features;
  readonly keys: Map<string, KeyState>;
}

interface Session {
  last: string;
  at: number;
  /** Distinct keys, oldest first. */
  readonly keys: string[];
}

/** Changed in place: it is counted into behind every request. */
export class Sequences {
  readonly #classes = new Map<string, ClientClass>();
  readonly #sessions = new Map<number, Session>();

  get clients(): number {
    return this.#sessions.size;
  }

  get transitions(): number {
    let count = 0;
    for (const { keys } of this.#classes.values()) for (const { followers } of keys.values()) count += followers.size;
    return count;
  }

  /** `client` is a hash: nobody is remembered by name. */
  saw(client: number, features: Features, key: string, now: number, options: PredictOptions): void {
    const state = this.#key(features, key, options.history);
    let session = this.#sessions.get(client);
    const isNew = session === undefined || now - session.at > options.sequenceGapSeconds * 1000;
    if (isNew || session === undefined) session = { last: "", at: now, keys: [] };
    // The same page again is no step.
    if (session.last !== "" && session.last !== key) {
      const before = this.#key(features, session.last, options.history);
      before.left++;
      follower(before, key).next++;
      if (before.left >= FADE_AT) fade(before);
    }
    if (!session.keys.includes(key)) {
      state.sessions++;
      for (const other of session.keys) {
        follower(this.#key(features, other, options.history), key).together++;
        follower(state, other).together++;
      }
      session.keys.push(key);
      if (session.keys.length > SESSION_KEYS) session.keys.shift();
    }
    session.last = key;
    session.at = now;
    remember(this.#sessions, client, session, options.history);
  }

  /** The likeliest first, each key once. */
  predict(features: Features, key: string, options: PredictOptions): Prediction[] {
    let left = 0;
    let sessions = 0;
    const sums = new Map<string, { next: number; together: number; sessions: number }>();
    for (const like of this.#classes.values()) {
      if (similarity(like.features, features) <= options.minimumSimilarity) continue;
      const state = like.keys.get(key);
      if (state === undefined) continue;
      left += state.left;
      sessions += state.sessions;
      for (const [name, { next, together }] of state.followers) {
        const sum = sums.get(name) ?? { next: 0, together: 0, sessions: 0 };
        sum.next += next;
        sum.together += together;
        sum.sessions += like.keys.get(name)?.sessions ?? 0;
        sums.set(name, sum);
      }
    }
    const found: Prediction[] = [];
    for (const [name, sum] of sums) {
      const probability = left < FEWEST_SEEN ? 0 : sum.next / left;
      const enough = sum.together >= FEWEST_SEEN;
      const correlation = enough ? Math.min(1, sum.together / Math.sqrt(sessions * Math.max(1, sum.sessions))) : 0;
      if (probability > options.minimumConfidence) found.push({ key: name, probability, reason: "sequence" });
      else if (correlation > options.minimumCorrelation) {
        found.push({ key: name, probability: correlation, reason: "correlation" });
      }
    }
    return found.toSorted((a, b) => b.probability - a.probability);
  }

  #key(features: Features, key: string, most: number): KeyState {
    const id = features.join("\n");
    let own = this.#classes.get(id);
    if (own === undefined) own = { features, keys: new Map() };
    remember(this.#classes, id, own, MOST_CLASSES);
    const state = own.keys.get(key) ?? { left: 0, sessions: 0, followers: new Map<string, Follower>() };
    remember(own.keys, key, state, most);
    return state;
  }
}

/** Share of features that are equal; 0 for those that do not compare. */
export function similarity(a: Features, b: Features): number {
  const count = Math.min(a.length, b.length);
  if (count === 0) return 0;
  let equal = 0;
  for (let at = 0; at < count; at++) if (a[at] === b[at]) equal++;
  return equal / count;
}

/** The least likely makes room for a newcomer. */
function follower({ followers }: KeyState, key: string): Follower {
  let state = followers.get(key);
  if (state !== undefined) return state;
  if (followers.size >= MOST_FOLLOWERS) {
    let least: string | undefined;
    let count = Infinity;
    for (const [name, { next, together }] of followers) {
      if (next + together < count) [least, count] = [name, next + together];
    }
    followers.delete(least!);
  }
  state = { next: 0, together: 0 };
  followers.set(key, state);
  return state;
}

function fade(state: KeyState): void {
  state.left = Math.floor(state.left / 2);
  state.sessions = Math.ceil(state.sessions / 2);
  for (const each of state.followers.values()) {
    each.next = Math.floor(each.next / 2);
    each.together = Math.floor(each.together / 2);
  }
}

/** As the newest; the longest unused makes room. */
function remember<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > most) map.delete(map.keys().next().value!);
}
