// The alerts of `InsightObject`: every few seconds each rule of the policy is held against the figures of the last minute, and what
// turned is stored, together with the notices it asks for, before anybody hears of it. A rule that errs, or a notifier that is
// away, harms no other rule. States outlive the object's memory; an acknowledgement is stored before it is answered.
import {
  acknowledge,
  evaluate,
  resolve,
  ruleState,
  scopeInWords,
  type Alert,
  type AlertRule,
  type RuleState,
} from "../core/insight/alerts.ts";
import { compileCondition, type Condition, type Judgement, type Sight } from "../core/insight/condition.ts";
import { measuresOf } from "../core/insight/measures.ts";
import { MINUTE, usualOf, type Row } from "../core/insight/rollup.ts";
import type { Policy } from "../core/policy/schema.ts";
import type { RuleReading } from "../core/protocol/insight.ts";
import type { SeriesName, Slice, Slices } from "../core/protocol/rollups.ts";
import type { Deliveries, Turned } from "./deliveries.ts";
import type { Rollups } from "./rollups.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS alerts (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, resolved INTEGER NOT NULL, alert TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS alert_rules (rule TEXT PRIMARY KEY, state TEXT NOT NULL);`;

const WINDOW_MS = 60_000;
/** What is usual: the hours before, without the minutes that may be the trouble itself. */
const USUAL_FROM_MS = 3 * 3_600_000;
const USUAL_TO_MS = 3 * 60_000;
const KEPT = 1_000;

interface Rule {
  readonly rule: AlertRule;
  readonly condition: Condition;
  readonly series: SeriesName;
}

export class Alerts {
  #storage: DurableObjectStorage;
  #rollups: Rollups;
  #deliveries: Deliveries;
  #policy: Policy | undefined;
  #rules: Rule[] = [];
  #states = new Map<string, RuleState>();
  #minutes: { at: number; rows: Row[] } = { at: 0, rows: [] };

  constructor(storage: DurableObjectStorage, rollups: Rollups, deliveries: Deliveries) {
    this.#storage = storage;
    this.#rollups = rollups;
    this.#deliveries = deliveries;
    storage.sql.exec(SCHEMA);
    for (const { rule, state } of storage.sql.exec<{ rule: string; state: string }>(
      "SELECT rule, state FROM alert_rules",
    ))
      this.#states.set(rule, JSON.parse(state) as RuleState);
  }

  /** There is something to evaluate. */
  get watches(): boolean {
    return this.#rules.length > 0 || this.stands;
  }

  /** An alert stands, or is about to. */
  get stands(): boolean {
    for (const { since, alert } of this.#states.values()) if (since > 0 || alert !== undefined) return true;
    return false;
  }

  configure(policy: Policy): void {
    if (policy === this.#policy) return;
    this.#policy = policy;
    this.#rules = policy.alerts.flatMap((rule) => {
      if (!rule.enabled) return [];
      const compiled = compileCondition(rule.when);
      // The policy's parser has compiled it before.
      if (!compiled.ok) throw new TypeError(`alert ${rule.name}: ${compiled.error}`);
      return [{ rule, condition: compiled.value, series: scopeInWords(rule) as SeriesName }];
    });
  }

  /** Evaluates every rule; what turned is stored with its notices. */
  tick(now: number): void {
    const slices = this.#rollups.window(now, WINDOW_MS);
    const turned: Record<"fired" | "resolved", Turned[]> = { fired: [], resolved: [] };
    this.#storage.transactionSync(() => {
      for (const each of this.#rules) this.#evaluate(each, slices, turned, now);
      const standing = new Set(this.#rules.map(({ rule }) => rule.name));
      for (const [name, state] of this.#states) {
        if (standing.has(name)) continue;
        const { alert } = state;
        if (resolve(state, now) === "resolved")
          this.#over(state, { alert: alert!, notify: this.#notifyOf(name) }, turned);
        this.#states.delete(name);
        this.#storage.sql.exec("DELETE FROM alert_rules WHERE rule = ?", name);
      }
      const notifiers = this.#policy?.notifiers ?? {};
      for (const turn of ["fired", "resolved"] as const) this.#deliveries.add(notifiers, turn, turned[turn], now);
    });
  }

  #evaluate(
    { rule, condition, series }: Rule,
    slices: Slices,
    turned: Record<"fired" | "resolved", Turned[]>,
    now: number,
  ): void {
    const state = this.#states.get(rule.name) ?? ruleState();
    const before = keptOf(state);
    const slice: Slice = Object.hasOwn(slices, series) ? slices[series]! : {};
    const metrics = measuresOf(slice, WINDOW_MS / 1_000);
    const judged = this.#judge(condition, { metrics, usual: this.#usual(condition, series, now) });
    const turn = evaluate(state, rule, judged, condition.measures, metrics, this.#nextNumber(), now);
    this.#states.set(rule.name, state);
    if (turn === "fired") {
      this.#storeAlert(state.alert!);
      turned.fired.push({ alert: state.alert!, notify: rule.notify });
    }
    if (turn === "resolved") this.#over(state, { alert: state.alert!, notify: rule.notify }, turned);
    if (keptOf(state) !== before) this.#storeState(rule.name, state);
  }

  /** One rule's bug is that rule's own. */
  #judge(condition: Condition, sight: Sight): Judgement {
    try {
      return condition.judge(sight);
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) };
    }
  }

  #over(state: RuleState, one: Turned, turned: Record<"fired" | "resolved", Turned[]>): void {
    state.alert = undefined;
    this.#storeAlert(one.alert);
    turned.resolved.push(one);
  }

  #notifyOf(name: string): readonly string[] {
    return this.#policy?.alerts.find((rule) => rule.name === name)?.notify ?? [];
  }

  #usual({ source, measures }: Condition, series: SeriesName, now: number): Sight["usual"] {
    if (!/\b(baseline|deviation)\s*\(/.test(source)) return {};
    if (now - this.#minutes.at >= MINUTE.ms)
      this.#minutes = { at: now, rows: this.#rollups.read(MINUTE, now - USUAL_FROM_MS, now - USUAL_TO_MS) };
    const usual: Sight["usual"] = {};
    for (const measure of measures) {
      const known = usualOf(this.#minutes.rows, series, measure);
      if (known !== undefined) usual[measure] = known;
    }
    return usual;
  }

  /** Undefined when there is no such alert; stored before it is answered. */
  acknowledge(id: string, by: string, now: number): Alert | undefined {
    for (const [name, state] of this.#states) {
      const { alert } = state;
      if (alert?.id !== id) continue;
      acknowledge(alert, by, now);
      this.#storage.transactionSync(() => {
        this.#storeAlert(alert);
        this.#storeState(name, state);
      });
      return alert;
    }
    const [resolved] = this.#read("WHERE id = ?", id);
    if (resolved !== undefined && acknowledge(resolved, by, now)) this.#storeAlert(resolved);
    return resolved;
  }

  /** Newest first, below `before` by number. */
  list(before: number, limit: number): { number: number; alert: Alert }[] {
    return this.#storage.sql
      .exec<{ number: number; alert: string }>(
        "SELECT number, alert FROM alerts WHERE number < ? ORDER BY number DESC LIMIT ?",
        ...[before, limit],
      )
      .toArray()
      .map(({ number, alert }) => ({ number, alert: JSON.parse(alert) as Alert }));
  }

  rules(): RuleReading[] {
    return (this.#policy?.alerts ?? []).map((rule) => {
      const { status, error, since, firedAt, evaluatedAt, values = {} } = this.#states.get(rule.name) ?? ruleState();
      return {
        ...{ rule: rule.name, enabled: rule.enabled, severity: rule.severity, condition: rule.when },
        ...{ scope: scopeInWords(rule), status, error, since, firedAt, evaluatedAt, values },
      };
    });
  }

  #nextNumber(): number {
    return this.#storage.sql.exec<{ next: number }>("SELECT ifnull(max(number), 0) + 1 AS next FROM alerts").one().next;
  }

  #storeAlert(alert: Alert): void {
    const number = Number(alert.id.slice(alert.id.lastIndexOf(".") + 1));
    const row = [number, alert.id, alert.state === "resolved" ? 1 : 0, JSON.stringify(alert)];
    this.#storage.sql.exec("INSERT OR REPLACE INTO alerts (number, id, resolved, alert) VALUES (?, ?, ?, ?)", ...row);
    this.#storage.sql.exec("DELETE FROM alerts WHERE resolved = 1 AND number <= ?", number - KEPT);
  }

  #storeState(rule: string, state: RuleState): void {
    this.#storage.sql.exec(
      "INSERT OR REPLACE INTO alert_rules (rule, state) VALUES (?, ?)",
      rule,
      JSON.stringify(state),
    );
  }

  #read(clause: string, ...bindings: string[]): Alert[] {
    return this.#storage.sql
      .exec<{ alert: string }>(`SELECT alert FROM alerts ${clause}`, ...bindings)
      .toArray()
      .map(({ alert }) => JSON.parse(alert) as Alert);
  }
}

/** What of a state is worth a row: figures that move at each evaluation are not. */
const keptOf = (state: RuleState): string => JSON.stringify({ ...state, evaluatedAt: 0, values: undefined });
