// What the operator was told is done, and what may have been done: a write whose answer never came stands as a possibility until a later one
// settles it. Pure. Law: only what was acknowledged is asked for again, and only what was never said may not be found.

export interface KeyState {
  readonly key: string;
  /** `doubtful`: its revocation was asked for and not answered. */
  state: "live" | "revoked" | "doubtful";
}

export type Command = "drain" | "open" | "close" | "reset";

export class Ledger {
  /** Generation to variant, as acknowledged. */
  readonly generations = new Map<number, number>();
  readonly keys = new Map<string, KeyState>();
  readonly alerts = new Set<string>();
  /** By instance: what was said last; undefined while that is in doubt. */
  readonly commands = new Map<string, Command | undefined>();
  /** By URL: when a purge of it was asked for that was acknowledged. */
  readonly purges = new Map<string, number>();
  newest = 0;
  /** Writes of the policy that were not answered since the newest that was. */
  doubtful = 0;

  policyStored(generation: number, variant: number): void {
    this.generations.set(generation, variant);
    if (generation <= this.newest) return;
    this.newest = generation;
    this.doubtful = 0;
  }
}

/** What a list of generations lacks of those that were acknowledged and must still be kept (the last `kept`). */
export function lostGenerations(ledger: Ledger, listed: readonly number[], kept: number): number[] {
  const there = new Set(listed);
  const newest = Math.max(ledger.newest, ...listed);
  return [...ledger.generations.keys()].filter((generation) => generation > newest - kept && !there.has(generation));
}

export function lostKeys(ledger: Ledger, listed: readonly { id: string; revokedAt: unknown }[]): string[] {
  const there = new Map(listed.map(({ id, revokedAt }) => [id, revokedAt !== null]));
  return [...ledger.keys].flatMap(([id, { state }]) => {
    const revoked = there.get(id);
    if (revoked === undefined) return [`key ${id} is not listed`];
    if (state === "revoked" && !revoked) return [`key ${id} was revoked and is not`];
    if (state === "live" && revoked) return [`key ${id} is revoked and nobody did that`];
    return [];
  });
}

/** The policy in force must be the newest acknowledged, or a later one that may have been stored. */
export function wrongPolicy(ledger: Ledger, generation: number): string | undefined {
  if (generation < ledger.newest) return `generation ${generation} is in force, ${ledger.newest} was acknowledged`;
  if (generation > ledger.newest + ledger.doubtful)
    return `generation ${generation} is in force, and at most ${ledger.newest + ledger.doubtful} was ever asked for`;
  return undefined;
}
