// What isolates and the `BatchObject` say to each other. A batch is a meeting: whoever comes first brings the means to ask for
// all (`run`, called back over RPC, so that credentials and policy stay where they are), the others bring their items.
// Everything is JSON; nobody waits longer than the policy lets a batch stand open. And who fetches a key that several isolates miss
// at once: keys come as hashes, what is fetched as a line of the cache.

/** One caller's part of a batch. */
export interface BatchAsk {
  /** What may go together: same provider, model, tenant and options. */
  readonly key: string;
  readonly items: readonly unknown[];
  /** What each item weighs in the sharing of the usage: its tokens, estimated. */
  readonly weights: readonly number[];
  readonly maxItems: number;
  readonly maxWaitMs: number;
}

/** What became of all items of one call of `run`. */
export type BatchResult =
  | { readonly ok: true; readonly results: readonly unknown[]; readonly tokens: number }
  /** `alone`: one of the items may be to blame: each caller's own are asked for by themselves. */
  | { readonly ok: false; readonly alone: boolean; readonly error: unknown };

export type BatchRun = (items: readonly unknown[]) => Promise<BatchResult>;

/** What an isolate is told that misses a key. */
export type CrowdPlace =
  /** Ask, and bring what came under this lease. */
  | { readonly role: "leads"; readonly lease: number }
  /** Somebody asks: wait. */
  | { readonly role: "follows" }
  /** It was brought a moment ago. */
  | { readonly role: "has"; readonly line: Uint8Array<ArrayBuffer> }
  /** What was brought last may not be shared. */
  | { readonly role: "alone" };

export interface BatchRpc {
  /** The caller's own results, its share of the usage, or its own error. `heard` is called at once: the object is there. */
  join(ask: BatchAsk, run: BatchRun, heard: () => void): Promise<BatchResult>;
  /** Whether the caller is to fetch this key for the others, and for how long they wait for it at most. */
  lead(key: string, leaseMs: number): Promise<CrowdPlace>;
  /** What the leader brings; undefined when it brought nothing to share within `waitMs`. */
  follow(key: string, waitMs: number): Promise<Uint8Array<ArrayBuffer> | undefined>;
  bring(key: string, lease: number, line: Uint8Array<ArrayBuffer> | undefined): Promise<void>;
}
