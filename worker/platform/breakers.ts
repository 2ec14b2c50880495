// The shared breakers of one service in one region, as its object keeps them. Memory is the truth; whatever must outlive a
// crash (state, deadline, leases, what an operator said) is written in the same turn, so it is stored before anybody hears
// of it. Windows are not: ten seconds of counts are not worth a wrong one. Stored deadlines are clamped when loaded.
//
// Without options (the policy says `breaker: false`, or is not known yet) nobody is judged, but operators are obeyed.
import * as v from "valibot";
import type { BreakerReading, Operation } from "../core/protocol/objects.ts";
import type { Verdict } from "../core/protocol/reports.ts";
import type { BreakerOptions } from "../core/resilience/breaker.ts";
import { LEASE_USE_MS } from "../core/resilience/gate.ts";
import { judge, verdictsOf } from "../core/resilience/judge.ts";
import type { JudgedBatch, Judgement } from "../core/resilience/judge.ts";
import { breakerOptions } from "../core/resilience/options.ts";
import { restore } from "../core/resilience/restore.ts";
import { reading, settle, sharedBreaker, step } from "../core/resilience/shared.ts";
import type { SharedBreaker, SharedOptions } from "../core/resilience/shared.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS breakers (instance TEXT PRIMARY KEY, operation INTEGER NOT NULL, state TEXT NOT NULL) WITHOUT ROWID;`;

const MOST_INSTANCES = 2_000;
/** What operators' words are carried out with where the policy judges nobody. */
const UNJUDGED: SharedOptions = { ...v.parse(breakerOptions, {}), leaseMs: 0 };

export class Breakers {
  #sql: SqlStorage;
  #options: SharedOptions | undefined;
  #breakers = new Map<string, SharedBreaker>();
  /** By instance, the number of the last operation obeyed. */
  #obeyed = new Map<string, number>();

  /** `policy` as the service's section says, `probeMs`: how long a probe may take. */
  constructor(sql: SqlStorage, policy: BreakerOptions | false, probeMs: number, now: number) {
    this.#sql = sql;
    sql.exec(SCHEMA);
    this.#options = sharedOptions(policy, probeMs);
    const rows = sql.exec<{ instance: string; operation: number; state: string }>(
      "SELECT instance, operation, state FROM breakers",
    );
    for (const { instance, operation, state } of rows) {
      this.#breakers.set(instance, restore(JSON.parse(state), this.#options ?? UNJUDGED, now));
      this.#obeyed.set(instance, operation);
    }
  }

  /** Under other options deadlines are clamped anew; who is no longer judged stands open again. */
  configure(policy: BreakerOptions | false, probeMs: number, now: number): void {
    this.#options = sharedOptions(policy, probeMs);
    for (const [id, breaker] of this.#breakers) {
      const stays = this.#options !== undefined || breaker.reason === "manual";
      const freed = { ...sharedBreaker(UNJUDGED), generation: breaker.generation + 1 };
      this.#breakers.set(id, stays ? restore(breaker, this.#options ?? UNJUDGED, now) : freed);
      this.#store(id);
    }
  }

  judge(batch: JudgedBatch, now: number): Judgement["leases"] {
    if (this.#options === undefined) return {};
    const { leases, changed } = judge(this.#breakers, batch, this.#options, now, Math.random);
    for (const id of changed) this.#store(id);
    this.#bound();
    return leases;
  }

  /** Does what operators said, each once. */
  obey(operations: readonly Operation[], now: number): void {
    for (const { number, instance, command } of operations) {
      if (number <= (this.#obeyed.get(instance) ?? 0)) continue;
      const options = this.#options ?? UNJUDGED;
      const before = this.#breakers.get(instance) ?? sharedBreaker(options);
      this.#breakers.set(instance, step(before, { kind: "command", command }, options, now, Math.random).state);
      this.#obeyed.set(instance, number);
      this.#store(instance);
    }
  }

  verdicts(now: number): Record<string, Verdict> {
    return verdictsOf(this.#breakers, now);
  }

  readings(now: number): Record<string, BreakerReading> {
    return Object.fromEntries([...this.#breakers].map(([id, breaker]) => [id, reading(settle(breaker, now))]));
  }

  #store(id: string): void {
    const { window: _, ...state } = this.#breakers.get(id)!;
    const row = [id, this.#obeyed.get(id) ?? 0, JSON.stringify(state)];
    this.#sql.exec("INSERT OR REPLACE INTO breakers (instance, operation, state) VALUES (?, ?, ?)", ...row);
  }

  /** Of too many the longest known closed ones are forgotten; one that is shut never is. */
  #bound(): void {
    for (const [id, { state }] of this.#breakers) {
      if (this.#breakers.size <= MOST_INSTANCES) return;
      if (state !== "closed") continue;
      this.#breakers.delete(id);
      this.#obeyed.delete(id);
      this.#sql.exec("DELETE FROM breakers WHERE instance = ?", id);
    }
  }
}

function sharedOptions(policy: BreakerOptions | false, probeMs: number): SharedOptions | undefined {
  return policy === false ? undefined : { ...policy, leaseMs: probeMs + LEASE_USE_MS };
}
