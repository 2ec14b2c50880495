// The one ControlObject: what must have a single order, in one place that forgets nothing. Policy generations are
// numbered and immutable here, epochs only rise here, and every change leaves an audit entry. Nothing on a request's
// path comes here: regions ask once a second while there is traffic, KV carries the newest document to cold isolates.
// A write is stored, with the alarm that publishes it, before it is answered; the alarm runs until KV has caught up.
import { DurableObject } from "cloudflare:workers";
import { AutoRouter } from "itty-router";
import { KEY_CHANGED, type Ledger, type LedgerEntry } from "../worker/core/protocol/ledgers.ts";
import { apiKeyName, POLICY_KEY } from "../worker/core/protocol/names.ts";
import type {
  Change,
  ControlAnswer,
  ControlQuestion,
  ControlRpc,
  GenerationEntry,
  Operation,
  PolicyDocument,
  PutAnswer,
} from "../worker/core/protocol/objects.ts";
import type { ListedKey } from "../worker/core/protocol/security.ts";
import type { AuditEntry, AuditFilter, OnceAnswer } from "../worker/core/protocol/writes.ts";
import type { Epochs } from "../worker/core/protocol/reports.ts";
import { AnswersOnce } from "../worker/platform/answers-once.ts";
import { AuditLog } from "../worker/platform/audit.ts";
import type { Env } from "../worker/platform/env.ts";
import { Generations } from "../worker/platform/generations.ts";
import { KeyRecords } from "../worker/platform/key-records.ts";
import { Ledgers } from "../worker/platform/ledgers.ts";
import { OffPath } from "../worker/platform/offpath.ts";
import { Operations } from "../worker/platform/operations.ts";
import { generationOf, type PolicyMetadata } from "../worker/platform/policies.ts";
import { RegionLoads } from "../worker/platform/region-loads.ts";

const LONGEST_NOTE = 1_000;
/** KV takes one write a second per key. */
const PUBLISH_EVERY_MS = 1_100;
const PUBLISH_RETRY_MS = 2_000;
const PUBLISH_TIMEOUT_MS = 10_000;
/** Copies of API keys written to KV in one turn of the alarm. */
const KEYS_AT_ONCE = 50;
/** A revoked key stays in KV as such, until no cache can hold what it was before. */
const REVOKED_SECONDS = 30 * 86_400;

export class ControlObject extends DurableObject<Env> implements ControlRpc {
  #sql = this.ctx.storage.sql;
  #generations = new Generations(this.#sql);
  #operations = new Operations(this.#sql);
  #ledgers = new Ledgers(this.#sql);
  #keys = new KeyRecords(this.#sql);
  #audit = new AuditLog(this.#sql);
  #once = new AnswersOnce(this.#sql);
  #loads = new RegionLoads();
  #kv = new OffPath("KV");
  #epochs: Epochs = { policy: this.#generations.newest?.generation ?? 0, ...this.#ledgers.numbers };
  #router = AutoRouter()
    .get("/health", () => ({ status: "ok", generation: this.#epochs.policy, published: this.#generations.published }))
    .get("/state", () => ({ epochs: this.#epochs, history: this.history(Number.MAX_SAFE_INTEGER, 20) }));

  override fetch(request: Request): Promise<Response> {
    return this.#router.fetch(request);
  }

  news({ policy, operation, ledgers: known, load }: ControlQuestion): ControlAnswer {
    const { newest } = this.#generations;
    const now = Date.now();
    if (load !== undefined) this.#loads.take(load, now);
    if (load?.outdated !== undefined) {
      this.#ledgers.outdate(load.outdated, now);
      this.#epochs = { ...this.#epochs, ...this.#ledgers.numbers };
    }
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

  audit(below: number, limit: number, filter: AuditFilter = {}): AuditEntry[] {
    return this.#audit.list(below, limit, filter);
  }

  record(actor: string, action: string, detail: string): void {
    this.#audit.record(Date.now(), actor, action, detail);
  }

  beginOnce(name: string, fingerprint: string): OnceAnswer {
    return this.#once.begin(name, fingerprint, Date.now());
  }

  endOnce(name: string, answer?: string): void {
    this.#once.end(name, answer);
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

  async createKey(id: string, record: string, { actor, note }: Change): Promise<"stored" | "full"> {
    if (this.#keys.isFull) return "full";
    this.ctx.storage.transactionSync(() => {
      this.#keys.insert(id, record);
      this.append("keys", id, '{"made":true}', "key.create", { actor, note });
    });
    // Same turn, same transaction: no crash leaves a key that KV is never told of.
    await this.#publishSoon();
    return "stored";
  }

  apiKey(id: string): string | undefined {
    return this.#keys.get(id);
  }

  apiKeys(before: number, limit: number): ListedKey[] {
    return this.#keys.list(before, limit);
  }

  keyCount(): number {
    return this.#keys.count;
  }

  async changeKey(
    id: string,
    expected: string,
    record: string,
    { actor, note }: Change,
  ): Promise<"stored" | "conflict" | "unknown"> {
    const outcome = this.ctx.storage.transactionSync(() => {
      const changed = this.#keys.change(id, expected, record);
      if (changed === "stored") this.append("keys", id, KEY_CHANGED, "key.change", { actor, note });
      return changed;
    });
    if (outcome === "stored") await this.#publishSoon();
    return outcome;
  }

  async revokeKey(id: string, { actor, note }: Change): Promise<"revoked" | "already" | "unknown"> {
    const outcome = this.ctx.storage.transactionSync(() => {
      const revoked = this.#keys.revoke(id, Date.now());
      // Said again, it is told again: whoever asks twice may have reason to.
      if (revoked !== "unknown") this.append("keys", id, '{"revoked":true}', "key.revoke", { actor, note });
      return revoked;
    });
    if (outcome === "revoked") await this.#publishSoon();
    return outcome;
  }

  async #publishSoon(): Promise<void> {
    const due = await this.ctx.storage.getAlarm();
    if (due === null || due > Date.now()) await this.ctx.storage.setAlarm(Date.now());
  }

  /** Publishes the newest generation and the records of keys, and comes again until KV holds them. */
  override async alarm(): Promise<void> {
    let again = PUBLISH_RETRY_MS;
    try {
      const keysAre = await this.#publishKeys();
      const policyIs = await this.#publishPolicy();
      if (keysAre && policyIs) again = PUBLISH_EVERY_MS;
    } finally {
      const behind =
        this.#epochs.policy > this.#generations.published.generation || this.#keys.unpublished(1).length > 0;
      if (behind) await this.ctx.storage.setAlarm(Date.now() + again);
    }
  }

  /** Whether KV took what there was to write. */
  async #publishPolicy(): Promise<boolean> {
    const { newest, published } = this.#generations;
    if (newest === undefined || newest.generation <= published.generation) return true;
    // Woken for the sake of a key: the policy's own turn comes.
    if (Date.now() < published.at + PUBLISH_EVERY_MS) return true;
    const metadata: PolicyMetadata = { generation: newest.generation, at: newest.at };
    const write = () => this.env.KV.put(POLICY_KEY, newest.text, { metadata });
    const put = await this.#kv.call(write, PUBLISH_TIMEOUT_MS);
    // KV away: the write is stored, regions hand the document on, and the next alarm tries again.
    if (put.ok) this.#generations.setPublished(newest.generation, Date.now());
    else console.warn(`generation ${newest.generation} is not published yet: ${put.error.message}`);
    return put.ok;
  }

  async #publishKeys(): Promise<boolean> {
    for (const each of this.#keys.unpublished(KEYS_AT_ONCE)) {
      const lifetime = each.live ? {} : { expirationTtl: REVOKED_SECONDS };
      const put = await this.#kv.call(
        () => this.env.KV.put(apiKeyName(each.id), each.record, lifetime),
        PUBLISH_TIMEOUT_MS,
      );
      if (!put.ok) return false;
      this.#keys.setPublished(each);
    }
    return true;
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
      const action = rollbackOf > 0 ? "policy.rollback" : "policy.put";
      const step = { before: current, after: generation };
      this.#audit.record(Date.now(), actor, action, words.filter(Boolean).join(""), step);
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
