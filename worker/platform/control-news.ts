// What a region's object knows of `ControlObject`: epochs, their age, and the newest policy, which also outlives a
// restart. It asks at most once a second, once for all who wait; while `ControlObject` is away the last news stands.
import { CONTROL_NAME } from "../core/protocol/names.ts";
import type { News, PolicyDocument } from "../core/protocol/objects.ts";
import type { Epochs } from "../core/protocol/reports.ts";
import type { Env } from "./env.ts";
import { OffPath } from "./offpath.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS policy (id INTEGER PRIMARY KEY CHECK (id = 1), generation INTEGER NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL);`;

const ASK_EVERY_MS = 1_000;
/** An isolate waits two seconds for its report, so this must be less. */
const TIMEOUT_MS = 1_000;
const MOST_REFUSALS = 32;

export class ControlNews {
  epochs: Epochs = { policy: 0, purge: 0, keys: 0, chaos: 0 };
  readonly offPath = new OffPath("ControlObject");
  #env: Pick<Env, "CONTROL">;
  #sql: SqlStorage;
  #policy: PolicyDocument | undefined;
  #asOf = 0;
  #askedAt = 0;
  #asking: Promise<void> | undefined;
  /** Refusals of a policy that were written down already. */
  #refusals = new Set<string>();

  constructor(env: Pick<Env, "CONTROL">, sql: SqlStorage) {
    this.#env = env;
    this.#sql = sql;
    sql.exec(SCHEMA);
    const rows = sql.exec<{ generation: number; at: number; text: string }>("SELECT generation, at, text FROM policy");
    this.#policy = rows.toArray()[0];
    this.epochs.policy = this.#policy?.generation ?? 0;
  }

  /** Of the epochs, ms; counted from 1970 when there never was any news. */
  get ageMs(): number {
    return Date.now() - this.#asOf;
  }

  /** `ControlObject` has answered before. */
  get known(): boolean {
    return this.#asOf > 0;
  }

  /** As told to an isolate that knows generation `known`. */
  for(known: number): News {
    const policy = this.#policy;
    return {
      epochs: this.epochs,
      ageMs: this.ageMs,
      ...(policy !== undefined && policy.generation > known ? { policy } : {}),
    };
  }

  /** Until the news is as new as it gets: no older than a second, or `ControlObject` is away. */
  async refresh(): Promise<void> {
    if (this.#asking === undefined) {
      const now = Date.now();
      if (now - this.#askedAt < ASK_EVERY_MS) return;
      this.#askedAt = now;
      this.#asking = this.#ask(now).finally(() => {
        this.#asking = undefined;
      });
    }
    await this.#asking;
  }

  async #ask(now: number): Promise<void> {
    const known = this.#policy?.generation ?? 0;
    const answer = await this.offPath.call(() => this.#env.CONTROL.getByName(CONTROL_NAME).news(known), TIMEOUT_MS);
    if (!answer.ok) return;
    const { epochs, ageMs, policy } = answer.value;
    this.epochs = epochs;
    this.#asOf = now - ageMs;
    if (policy === undefined) return;
    this.#policy = policy;
    const row = [policy.generation, policy.at, policy.text];
    this.#sql.exec("INSERT OR REPLACE INTO policy (id, generation, at, text) VALUES (1, ?, ?, ?)", ...row);
  }

  /** A document that isolates refuse leaves one audit entry a region, not one a report. */
  async recordRefusal(actor: string, refusal: string): Promise<void> {
    if (this.#refusals.has(refusal)) return;
    if (this.#refusals.size >= MOST_REFUSALS) this.#refusals.clear();
    this.#refusals.add(refusal);
    const record = () => this.#env.CONTROL.getByName(CONTROL_NAME).record(actor, "policy.refused", refusal);
    const written = await this.offPath.call(record, TIMEOUT_MS);
    if (!written.ok) this.#refusals.delete(refusal);
  }
}
