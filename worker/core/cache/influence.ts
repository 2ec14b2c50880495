// What a policy's rules may do to caching, as the semantics see it: before the lookup they shape the key, after the
// answer they propose a lifetime. RFC 9111 decides first; a proposal adds lifetime where the origin is silent, or puts its
// own in place where it says `override`, and never makes a private answer shared.

/** Levels, cheapest first. */
export type TierName = "memory" | "edge" | "global" | "redis";

/** A rule's say about a request, before anything is looked up. */
export interface RequestInfluence {
  /** The rule in words, for analytics and `explain`; "" for none. */
  readonly rule: string;
  /** Not looked up, not stored: a rule's condition or strategy says so. */
  readonly bypass: boolean;
  /** The rule caches this method although HTTP alone would not: a POST, keyed by its payload. */
  readonly takesMethod: boolean;
  /** The query as the rule keys it, with its `?`; undefined for exactly the forwarded one. */
  readonly query: string | undefined;
  /** What the rule adds to the key: bounded, secrets hashed; "" for nothing. */
  readonly extra: string;
  /** Whether `extra` tells users apart by their Cookie or their credential; else such requests get no lifetime of ours. */
  readonly keysCookie: boolean;
  readonly keysCredential: boolean;
  /** A miss is shared with other isolates that miss the same. */
  readonly acrossIsolates: boolean;
  /** Levels to look into and to store in; undefined for those of the whole cache. */
  readonly tiers: readonly TierName[] | undefined;
  /** What the rule makes of the answer; undefined for HTTP's word alone. */
  propose(answer: AnswerFacts): LifetimeProposal | undefined;
}

/** What a rule may look at when an answer has come. */
export interface AnswerFacts {
  readonly method: string;
  readonly status: number;
  /** Lower-case media type without parameters; "" for none. */
  readonly contentType: string;
  /** As declared; -1 when it streams without a length. */
  readonly bytes: number;
  readonly upstreamMs: number;
  /** Whether the origin itself gave a lifetime. */
  readonly isExplicit: boolean;
  readonly now: number;
  header(name: string): string | null;
}

export interface LifetimeProposal {
  /** False: not stored, whatever HTTP allows (conditions, the score of P15). */
  readonly store: boolean;
  /** Undefined: the origin's word stands, and where it is silent there is none. */
  readonly ttlSeconds: number | undefined;
  /** `override`: before the origin's explicit lifetime, but never over no-store or private. */
  readonly mode: "respect" | "override";
  /** Epoch ms past which it may not be used, whatever its lifetime (a time bucket); Infinity for none. */
  readonly endsAt: number;
  readonly staleWhileRevalidateSeconds: number | undefined;
  readonly staleIfErrorSeconds: number | undefined;
  readonly tags: readonly string[];
}
