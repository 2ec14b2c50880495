// The one ControlObject: what must have a single order, in one place that forgets nothing. Policy generations are
// numbered and immutable here, epochs only rise here, and every change leaves an audit entry. Nothing on a request's
// path comes here: regions ask once a second while there is traffic, KV carries the newest document to cold isolates.
// A write is stored, with the alarm that publishes it, before it is answered; the alarm runs until KV has caught up.
import { DurableObject } from "cloudflare:workers";
import { AutoRouter } from "itty-router";
import type { Ledger, LedgerEntry } from "../worker/core/protocol/ledgers.ts";
import { POLICY_KEY } from "../worker/core/protocol/names.ts";
import type {
  AuditEntry,
  Change,
  ControlAnswer,
  ControlQuestion,
  ControlRpc,
  GenerationEntry,
  Operation,
  PolicyDocument,
  PutAnswer,
} from "../worker/core/protocol/objects.ts";
import type { Epochs } from "../worker/core/protocol/reports.ts";
import type { Env } from "../worker/platform/env.ts";
import { Generations } from "../worker/platform/generations.ts";
import { Ledgers } from "../worker/platform/ledgers.ts";
import { OffPath } from "../worker/platform/offpath.ts";
import { Operations } from "../worker/platform/operations.ts";
import { generationOf, type PolicyMetadata } from "../worker/platform/policies.ts";
import { RegionLoads } from "../worker/platform/region-loads.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, detail TEXT NOT NULL
  );`;

const AUDIT_KEPT = 5_000;
const LONGEST_NOTE = 1_000;
/** KV takes one write a second per key. */
const PUBLISH_EVERY_MS = 1_100;
const PUBLISH_RETRY_MS = 2_000;
const PUBLISH_TIMEOUT_MS = 10_000;

export class ControlObject extends DurableObject<Env> implements ControlRpc {
  #sql = this.ctx.storage.sql;
  #generations = new Generations(this.#sql);
  #operations = new Operations(this.#sql);
  #ledgers = new Ledgers(this.#sql);
  #loads = new RegionLoads();
  #kv = new OffPath("KV");
  #epochs: Epochs = { policy: this.#generations.newest?.generation ?? 0, ...this.#ledgers.numbers };
  #router = AutoRouter()
    .get("/health", () => ({ status: "ok", generation: this.#epochs.policy, published: this.#generations.published }))
    .get("/state", () => ({ epochs: this.#epochs, history: this.history(Number.MAX_SAFE_INTEGER, 20) }));

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql.exec(SCHEMA);
  }

  override fetch(request: Request): Promise<Response> {
    return this.#router.fetch(request);
  }

  news({ policy, operation, ledgers: known, load }: ControlQuestion): ControlAnswer {
    const { newest } = this.#generations;
    const now = Date.now();
    if (load !== undefined) this.#loads.take(load, now);
    const inFlight = this.#loads.besides(load?.region ?? "", now);
    const newer = newest !== undefined && newest.generation > policy;
    const operations = this.#operations.after(operation);
    const ledgers = this.#ledgers.since(known);
    return {
      ...{ epochs: this.#epochs, ageMs: 0, operations, inFlight },
      ...(ledgers === undefined ? {} : { ledgers }),
      ...(newer ? { policy: newest } : {}),
    };
  }

  policy(generation?: number): PolicyDocument | undefined {
    return generation === undefined ? this.#generations.newest : this.#generations.get(generation);
  }

  async put(text: string, change: Change, expected?: number): Promise<PutAnswer> {
    const last = this.#generations.newest?.generation ?? (await this.#floor());
    return this.#append(text, change, last, expected, 0);
  }

  async rollback(generation: number, change: Change, expected?: number): Promise<PutAnswer> {
    const earlier = this.#generations.get(generation);
    if (earlier === undefined) return { outcome: "unknown", generation: this.#epochs.policy };
    return this.#append(earlier.text, change, this.#epochs.policy, expected, generation);
  }

  history(before: number, limit: number): GenerationEntry[] {
    return this.#generations.history(before, limit);
  }

  audit(before: number, limit: number): AuditEntry[] {
    return this.#sql
      .exec<Record<"id" | "at", number> & Record<"actor" | "action" | "detail", string>>(
        "SELECT id, at, actor, action, detail FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?",
        before,
        limit,
      )
      .toArray();
  }

  record(actor: string, action: string, detail: string): void {
    const row = [Date.now(), actor, action, detail.slice(0, LONGEST_NOTE)];
    this.#sql.exec("INSERT INTO audit (at, actor, action, detail) VALUES (?, ?, ?, ?)", ...row);
    this.#sql.exec("DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?", AUDIT_KEPT);
  }

  append(ledger: Ledger, key: string, text: string, action: string, { actor, note }: Change): number {
    const { number } = this.ctx.storage.transactionSync(() => {
      this.record(actor, action, [key, note].filter(Boolean).join(": "));
      return this.#ledgers.append(ledger, key, text, Date.now());
    });
    this.#epochs = { ...this.#epochs, [ledger]: number };
    return number;
  }

  ledger(ledger: Ledger): LedgerEntry[] {
    return this.#ledgers.entries(ledger);
  }

  operate(operation: Omit<Operation, "number">, { actor, note }: Change): Operation {
    const { service, instance, command } = operation;
    return this.ctx.storage.transactionSync(() => {
      this.record(actor, `instance.${command}`, [`${service}/${instance}`, note].filter(Boolean).join(": "));
      return this.#operations.append(operation, Date.now());
    });
  }

  /** Publishes the newest generation, and comes again until KV holds it. */
  override async alarm(): Promise<void> {
    const { newest } = this.#generations;
    let again = PUBLISH_RETRY_MS;
    try {
      if (newest === undefined) return;
      const metadata: PolicyMetadata = { generation: newest.generation, at: newest.at };
      const write = () => this.env.KV.put(POLICY_KEY, newest.text, { metadata });
      const put = await this.#kv.call(write, PUBLISH_TIMEOUT_MS);
      // KV away: the write is stored, regions hand the document on, and the next alarm tries again.
      if (!put.ok) return console.warn(`generation ${newest.generation} is not published yet: ${put.error.message}`);
      this.#generations.setPublished(newest.generation, Date.now());
      again = PUBLISH_EVERY_MS;
    } finally {
      const behind = this.#epochs.policy > this.#generations.published.generation;
      if (behind) await this.ctx.storage.setAlarm(Date.now() + again);
    }
  }

  /** Stores a document as the generation after `last`, unless it is the one in force or the expectation fails. */
  async #append(
    text: string,
    { actor, note }: Change,
    last: number,
    expected: number | undefined,
    rollbackOf: number,
  ): Promise<PutAnswer> {
    // `last` may have been overtaken while KV was asked for it.
    const current = Math.max(last, this.#epochs.policy);
    if (expected !== undefined && expected !== current) return { outcome: "conflict", generation: current };
    if (text === this.#generations.newest?.text) return { outcome: "unchanged", generation: current };
    const generation = current + 1;
    const change = { actor, note: note.slice(0, LONGEST_NOTE) };
    const words = [
      `generation ${generation}`,
      rollbackOf > 0 && ` from ${rollbackOf}`,
      change.note && `: ${change.note}`,
    ];
    this.ctx.storage.transactionSync(() => {
      this.#generations.append({ generation, text, at: Date.now() }, change, rollbackOf);
      this.record(actor, rollbackOf > 0 ? "policy.rollback" : "policy.put", words.filter(Boolean).join(""));
    });
    this.#epochs = { ...this.#epochs, policy: generation };
    // Same turn, same transaction: a crash keeps both the generation and the alarm that publishes it, or neither.
    await this.ctx.storage.setAlarm(Math.max(Date.now(), this.#generations.published.at + PUBLISH_EVERY_MS));
    return { outcome: "stored", generation };
  }

  /** An empty store numbers on from what KV holds: isolates never go back to a lower generation. */
  async #floor(): Promise<number> {
    const { value, metadata } = await this.env.KV.getWithMetadata<PolicyMetadata>(POLICY_KEY, "stream");
    await value?.cancel();
    return generationOf(metadata);
  }
}
