// What a region's object, or the one `InsightObject`, knows of `ControlObject`: epochs, their age, what operators said, and the newest policy, which
// also outlives a restart. It asks at most once a second, once for all who wait; while `ControlObject` is away the last
// news stands.
import { CONTROL_NAME } from "../core/protocol/names.ts";
import { longestNewsRestMs } from "../core/protocol/pace.ts";
import type { News, Operation, PolicyDocument, RegionLoad } from "../core/protocol/objects.ts";
import type { Epochs } from "../core/protocol/reports.ts";
import type { Env } from "./env.ts";
import { Ledgers } from "./ledgers.ts";
import { OffPath } from "./offpath.ts";
import { share } from "./share.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS policy (id INTEGER PRIMARY KEY CHECK (id = 1), generation INTEGER NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL);`;

const ASK_EVERY_MS = 1_000;
/** An isolate waits two seconds for its report, so this must be less. */
const TIMEOUT_MS = 1_000;
const MOST_REFUSALS = 32;

export class ControlNews {
  epochs: Epochs = { policy: 0, purge: 0, keys: 0, chaos: 0, trials: 0 };
  readonly offPath = new OffPath("ControlObject");
  /** Requests in flight from all other regions, by the region they go to. */
  othersInFlight: Record<string, number> = {};
  #load: (() => RegionLoad) | undefined;
  /** The newest policy; undefined while `ControlObject` holds none, or never answered. */
  document: PolicyDocument | undefined;
  #env: Pick<Env, "CONTROL">;
  #sql: SqlStorage;
  /** By `service/instance`. */
  #operations = new Map<string, Operation>();
  newestOperation = 0;
  /** A copy of the ledgers, which outlives a restart. */
  readonly ledgers: Ledgers;
  #asOf = 0;
  #askedAt = 0;
  #asking: Promise<void> | undefined;
  /** Refusals of a policy that were written down already. */
  #refusals = new Set<string>();

  /** `load`: what this region sends where, told with each question. */
  constructor(env: Pick<Env, "CONTROL">, sql: SqlStorage, load?: () => RegionLoad) {
    this.offPath.longestRestMs = longestNewsRestMs(0);
    this.#env = env;
    this.#load = load;
    this.#sql = sql;
    sql.exec(SCHEMA);
    this.ledgers = new Ledgers(sql);
    const rows = sql.exec<{ generation: number; at: number; text: string }>("SELECT generation, at, text FROM policy");
    this.document = rows.toArray()[0];
    this.epochs = { policy: this.document?.generation ?? 0, ...this.ledgers.numbers };
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
    const policy = this.document;
    return {
      epochs: this.epochs,
      ageMs: this.ageMs,
      ...(policy !== undefined && policy.generation > known ? { policy } : {}),
    };
  }

  /** What operators last said of a service's instances, above this number. */
  operations(service: string, after: number): Operation[] {
    if (after >= this.newestOperation) return [];
    return [...this.#operations.values()].filter((each) => each.service === service && each.number > after);
  }

  /** Asks without regard to when it was asked last; whether it answered. */
  async askNow(): Promise<boolean> {
    // An answer under way may have left before what this is asked for was stored.
    await this.#asking;
    this.#askedAt = 0;
    await this.refresh();
    return this.offPath.proven;
  }

  /** Until the news is as new as it gets: no older than a second, or `ControlObject` is away. */
  async refresh(): Promise<void> {
    if (this.#asking === undefined) {
      const now = Date.now();
      if (now - this.#askedAt < ASK_EVERY_MS) return;
      this.#askedAt = now;
      this.#asking = share(
        this.#ask(now).finally(() => {
          this.#asking = undefined;
        }),
      );
    }
    await this.#asking;
  }

  async #ask(now: number): Promise<void> {
    const known = { policy: this.document?.generation ?? 0, operation: this.newestOperation };
    const load = this.#load?.();
    const question = { ...known, ledgers: this.ledgers.numbers, ...(load === undefined ? {} : { load }) };
    const ask = () => this.#env.CONTROL.getByName(CONTROL_NAME).news(question);
    const answer = await this.offPath.call(ask, TIMEOUT_MS);
    if (!answer.ok) return;
    const { epochs, ageMs, policy, operations, inFlight, ledgers } = answer.value;
    this.epochs = epochs;
    this.othersInFlight = inFlight;
    this.#asOf = now - ageMs;
    for (const operation of operations) {
      this.#operations.set(`${operation.service}/${operation.instance}`, operation);
      this.newestOperation = Math.max(this.newestOperation, operation.number);
    }
    if (ledgers !== undefined) this.ledgers.take(ledgers);
    if (policy !== undefined) this.#keep(policy);
  }

  #keep(policy: PolicyDocument): void {
    this.document = policy;
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
