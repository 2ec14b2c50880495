// Security events: what an operator should see of those who came with wrong, stolen or misused credentials, or asked for more
// than they may. Counted always, kept by example: equal ones of a moment are one event with a count, and a flood leaves
// its number and its first faces. No event holds a credential, a query or a body.

import type { SecurityEventEntry, SecurityNews } from "../protocol/security.ts";

export type SecurityEventKind =
  // Identity.
  | "credential_refused"
  | "credentials_disagree"
  | "key_in_query"
  | "permission_denied"
  | "identity_unavailable"
  | "key_set_problem"
  | "admin_refused"
  | "admin_denied"
  // Limits and hardening.
  | "rate_limited"
  | "address_denied"
  | "method_forbidden"
  | "body_refused";

export interface SecurityFacts {
  readonly kind: SecurityEventKind;
  /** A code, never a text from outside. */
  readonly detail?: string;
  /** Id of the route, or an admin path. */
  readonly route?: string;
  /** As the edge vouches for it. */
  readonly address?: string;
  /** Public name of who it was: a user, or the id of a key. */
  readonly who?: string;
}

const MOST_EVENTS = 64;
const LONGEST_TEXT = 128;

/** What one isolate has seen since it last told. */
export class SecurityLog {
  /** Since the isolate's start, by kind. */
  readonly totals = new Map<string, number>();
  #counts = new Map<string, number>();
  #events = new Map<string, { -readonly [Name in keyof SecurityEventEntry]: SecurityEventEntry[Name] }>();

  note(facts: SecurityFacts, now: number): void {
    const { kind } = facts;
    this.totals.set(kind, (this.totals.get(kind) ?? 0) + 1);
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    const [detail, route, address, who] = [facts.detail, facts.route, facts.address, facts.who].map(short) as [
      string,
      string,
      string,
      string,
    ];
    const name = [kind, detail, route, address, who].join("\n");
    const known = this.#events.get(name);
    if (known !== undefined) known.count++;
    else if (this.#events.size < MOST_EVENTS)
      this.#events.set(name, { at: now, kind, detail, route, address, who, count: 1 });
  }

  /** Since the last call; undefined when there was nothing. */
  drain(): SecurityNews | undefined {
    if (this.#counts.size === 0) return undefined;
    const news = { counts: Object.fromEntries(this.#counts), events: [...this.#events.values()] };
    this.#counts = new Map();
    this.#events = new Map();
    return news;
  }
}

const short = (text = ""): string => (text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text);
