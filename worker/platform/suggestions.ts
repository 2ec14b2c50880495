// Suggestions in `InsightObject`: evidence in memory, lives in a table, orders to isolates through `ControlObject`'s ledger. A life is stored
// in the turn that changes it, and an order is written down again until it was; so a crash loses the evidence since the last
// analysis and nothing that was decided. Trials are counted from the rollups, second by second, each second once.
import { ageKinds, takeKinds, type Kind } from "../core/insight/kinds.ts";
import { findRoutes } from "../core/insight/findings.ts";
import { takeRepeats, targetName, type Repeats } from "../core/insight/repeats.ts";
import { merge, rowOf, SECOND } from "../core/insight/rollup.ts";
import {
  begin,
  end,
  isAlive,
  judge,
  measure,
  nextToTry,
  orderOf,
  propose,
  whyNotNow,
  type Life,
} from "../core/insight/suggestions.ts";
import type { CompiledPolicy } from "../core/policy/compiled.ts";
import type { Policy } from "../core/policy/schema.ts";
import { whyNotFitting } from "../core/policy/trials.ts";
import { CONTROL_NAME } from "../core/protocol/names.ts";
import { seriesName } from "../core/protocol/rollups.ts";
import type { DecideAnswer, EvidenceNews, Suggestion } from "../core/protocol/suggestions.ts";
import { cacheFindings, harmOf, patternOf } from "./cache-findings.ts";
import type { Env } from "./env.ts";
import { OffPath } from "./offpath.ts";
import { routeFacts } from "./route-facts.ts";
import type { Rollups } from "./rollups.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS suggestions (id TEXT PRIMARY KEY, life TEXT NOT NULL, at INTEGER NOT NULL);`;

/** Standing orders are written down anew so often: the ledger forgets its oldest entries. */
const SAY_AGAIN_MS = 86_400_000;
const LOOK_EVERY_MS = 1_000;

type Options = Exclude<Policy["telemetry"]["suggestions"], false>;

export class Suggestions {
  readonly control = new OffPath("ControlObject (suggestions)");
  #env: Pick<Env, "CONTROL">;
  #sql: SqlStorage;
  #rollups: Rollups;
  #lives = new Map<string, Life>();
  #kinds = new Map<string, Kind>();
  #repeats = new Map<string, Repeats>();
  #policy: CompiledPolicy | undefined;
  #analysedAt = 0;
  #lookedAt = 0;
  /** Whose order is on its way: nobody else changes it meanwhile. */
  #busy = new Set<string>();

  constructor(env: Pick<Env, "CONTROL">, sql: SqlStorage, rollups: Rollups) {
    this.#env = env;
    this.#sql = sql;
    this.#rollups = rollups;
    sql.exec(SCHEMA);
    for (const { id, life } of sql.exec<{ id: string; life: string }>("SELECT id, life FROM suggestions"))
      this.#lives.set(id, JSON.parse(life) as Life);
  }

  configure(policy: CompiledPolicy): void {
    this.#policy = policy;
  }

  get #options(): Options | undefined {
    const suggestions = this.#policy?.policy.telemetry.suggestions;
    return suggestions === false ? undefined : suggestions;
  }

  hear({ region, kinds, repeats }: EvidenceNews): void {
    takeKinds(this.#kinds, kinds, region);
    takeRepeats(this.#repeats, repeats);
  }

  /** Something is being tried, is kept, or still has to be told. */
  get watches(): boolean {
    return [...this.#lives.values()].some((life) => isAlive(life) || isUntold(life));
  }

  /** Newest first. */
  list(): Suggestion[] {
    return [...this.#lives.values()]
      .map(({ shown }) => shown)
      .toSorted((a, b) => Math.max(b.decidedAt, b.proposedAt) - Math.max(a.decidedAt, a.proposedAt));
  }

  /** Looks at what is due; at most once a second, however often it is asked. */
  async tick(now: number): Promise<void> {
    if (now - this.#lookedAt < LOOK_EVERY_MS) return;
    this.#lookedAt = now;
    const policy = this.#policy;
    if (policy === undefined) return;
    const options = this.#options;
    for (const life of this.#lives.values()) {
      if (isAlive(life) && !this.#busy.has(life.shown.id)) this.#look(life, policy, options, now);
    }
    if (options !== undefined) {
      if (this.#analysedAt === 0) this.#analysedAt = now;
      else if (now - this.#analysedAt >= options.everySeconds * 1_000) this.#analyse(policy, options, now);
      const next = nextToTry(this.#lives, options);
      if (next !== undefined) await this.#begin(next, "insight", options, now);
    }
    await this.#say(now);
  }

  #analyse(policy: CompiledPolicy, options: Options, now: number): void {
    const findings = [
      ...cacheFindings(this.#repeats.values(), policy, options),
      ...findRoutes([...this.#kinds.values()], routeFacts(policy), options.minimumRequests, now - this.#analysedAt),
    ];
    this.#analysedAt = now;
    ageKinds(this.#kinds, 4 * options.minimumRequests);
    const before = new Set(this.#lives.keys());
    propose(this.#lives, findings, options, now, () => `s_${crypto.randomUUID().slice(0, 8)}`);
    for (const id of before) if (!this.#lives.has(id)) this.#sql.exec("DELETE FROM suggestions WHERE id = ?", id);
    for (const life of this.#lives.values()) if (life.foundAt === now) this.#store(life, now);
  }

  /** Counts what a trial has come to, and ends it where it must be. */
  #look(life: Life, policy: CompiledPolicy, options: Options | undefined, now: number): void {
    const unfit = whyNotFitting(life.trial, policy);
    if (unfit !== undefined) end(life, "superseded", "insight", unfit, now);
    else if (options === undefined) end(life, "rolled_back", "insight", "telemetry.suggestions is switched off", now);
    else {
      const to = rowOf(now, SECOND);
      if (to > life.countedTo) {
        const { id } = life.shown;
        const slices = merge(this.#rollups.read(SECOND, life.countedTo, to));
        measure(life, slices[seriesName("changed", id)] ?? {}, slices[seriesName("holdout", id)] ?? {}, to, options);
      }
      const target = this.#repeats.get(targetName(life.shown.route, patternOf(life)));
      judge(life, harmOf(life, target), options, now);
    }
    this.#store(life, now);
  }

  // --- words ---

  async decide(id: string, decision: "apply" | "rollback", by: string, now: number): Promise<DecideAnswer> {
    const life = this.#lives.get(id);
    const policy = this.#policy;
    if (life === undefined) return answer("unknown");
    if (policy === undefined || this.#busy.has(id)) return answer("away");
    if (decision === "rollback") return this.#rollBack(life, by, now);
    const options = this.#options;
    if (options === undefined) return answer("refused", "telemetry.suggestions is switched off");
    const problem = whyNotFitting(life.trial, policy) ?? whyNotNow(this.#lives, life, options);
    if (problem !== undefined) return answer("refused", problem);
    const begun = await this.#begin(life, by, options, now);
    return begun === undefined ? answer("away") : done(begun);
  }

  async #rollBack(life: Life, by: string, now: number): Promise<DecideAnswer> {
    const { state } = life.shown;
    if (state === "rolled_back" || state === "superseded") return done(life);
    const next = structuredClone(life);
    end(next, "rolled_back", by, "taken back by an operator", now);
    const said = await this.#tell(next, "suggestion.rollback", by);
    return said ? done(next) : answer("away");
  }

  async #begin(life: Life, by: string, options: Options, now: number): Promise<Life | undefined> {
    const next = structuredClone(life);
    begin(next, by, options, now);
    return (await this.#tell(next, "suggestion.apply", by)) ? next : undefined;
  }

  /** Writes an order down, and with it the life as it is from then on; false when it could not be. */
  async #tell(life: Life, action: string, actor: string): Promise<boolean> {
    const { id, kind, outcome } = life.shown;
    this.#busy.add(id);
    try {
      const text = JSON.stringify(orderOf(life));
      const change = { actor, note: `${kind}: ${action === "suggestion.apply" ? life.shown.reason : outcome}` };
      const said = await this.control.call(() =>
        this.#env.CONTROL.getByName(CONTROL_NAME).append("trials", id, text, action, change),
      );
      if (!said.ok) return false;
      const now = Date.now();
      life.saidAt = now;
      this.#lives.set(id, life);
      this.#store(life, now);
      return true;
    } finally {
      this.#busy.delete(id);
    }
  }

  /** What was decided here and is not written down yet, and now and then what stands. */
  async #say(now: number): Promise<void> {
    for (const life of this.#lives.values()) {
      if (this.#busy.has(life.shown.id)) continue;
      if (isUntold(life)) await this.#tell(life, actionOf(life), life.shown.decidedBy);
      else if (isAlive(life) && now - life.saidAt > SAY_AGAIN_MS)
        await this.#tell(life, "suggestion.stands", "insight");
    }
  }

  #store(life: Life, now: number): void {
    const row = [life.shown.id, JSON.stringify(life), now];
    this.#sql.exec("INSERT OR REPLACE INTO suggestions (id, life, at) VALUES (?, ?, ?)", ...row);
  }
}

const answer = (outcome: DecideAnswer["outcome"], reason = ""): DecideAnswer => ({ outcome, reason, suggestion: null });
const done = ({ shown }: Life): DecideAnswer => ({ outcome: "done", reason: "", suggestion: shown });

/** Applied at some time, and its newest turn is not in the ledger. */
const isUntold = ({ saidAt, shown }: Life): boolean => saidAt === 0 && shown.appliedAt > 0;

const actionOf = ({ shown: { state } }: Life): string =>
  ({
    proposed: "",
    trial: "suggestion.apply",
    kept: "suggestion.keep",
    rolled_back: "suggestion.rollback",
    superseded: "suggestion.supersede",
  })[state];
