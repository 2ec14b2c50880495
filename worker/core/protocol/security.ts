// What isolates, objects and the admin API say to each other of API keys and of security events. Plain JSON; nothing in it is a
// credential, or lets one be made.

/** One thing a security report tells of, or several alike. Texts are codes and names, never what a client sent. */
export interface SecurityEventEntry {
  /** Epoch ms of the first. */
  readonly at: number;
  readonly kind: string;
  readonly detail: string;
  readonly route: string;
  readonly address: string;
  readonly who: string;
  readonly count: number;
}

/** What an isolate has to say of security since its last report: all of it in numbers, some of it as events. */
export interface SecurityNews {
  readonly counts: Readonly<Record<string, number>>;
  readonly events: readonly SecurityEventEntry[];
}

/** An API key as it may be shown: never its hash. Times are epoch ms, 0 for never. */
export interface ListedKey {
  number: number;
  id: string;
  name: string;
  user: string;
  tenant: string;
  roles: readonly string[];
  permissions: readonly string[];
  rateLimit: string;
  createdAt: number;
  expiresAt: number;
  revokedAt: number;
}

/** Security events of a region's isolates, newest first, and how many there were of each kind. */
export interface SecurityReading {
  counts: Record<string, number>;
  events: SecurityEventEntry[];
}
