// What `ControlObject` keeps of the writes of the admin API, beside what they changed: who did what, and which of them were done
// already. Types only, like everything objects say to each other (objects.ts).

export interface AuditEntry {
  id: number;
  at: number;
  actor: string;
  action: string;
  detail: string;
  /** Where the policy was changed: from which generation to which; else null. */
  generationBefore: number | null;
  generationAfter: number | null;
}

/** Which entries are asked for; what is absent narrows nothing. */
export interface AuditFilter {
  actor?: string | undefined;
  /** With all that stand under it: `policy` with `policy.put`. */
  action?: string | undefined;
  /** Epoch ms: from then on, and before then. */
  from?: number | undefined;
  to?: number | undefined;
}

export interface GenerationStep {
  before: number;
  after: number;
}

/**
 * What becomes of a write that carried a key of its caller's: `begun`, to be done now; `answered` already; `in_flight`; `other`, the
 * key stands for another request.
 */
export interface OnceAnswer {
  outcome: "begun" | "answered" | "in_flight" | "other";
  /** "" unless it is answered. */
  answer: string;
}
