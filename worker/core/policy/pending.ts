// Sections that a policy may have already and this build does not act on yet. They validate, and `ready` says what is
// not done: nothing in a policy is ever silently ignored. Who builds one deletes its line here.
import type { Policy } from "./schema.ts";

export interface PendingSection {
  /** As written in the policy, `services.*` for any service. */
  readonly section: string;
  readonly reason: string;
}

type InUse = (policy: Policy) => boolean;

const PENDING: readonly (PendingSection & { readonly inUse: InUse })[] = [];

/** The sections in use that are not acted on; for `ready` and `policy check`. */
export function pendingSections(policy: Policy): PendingSection[] {
  return PENDING.filter((each) => each.inUse(policy)).map(({ section, reason }) => ({ section, reason }));
}
