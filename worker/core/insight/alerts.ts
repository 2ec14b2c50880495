// The life of an alert (SEEDS A17): a condition that holds for long enough makes one, it is acknowledged by somebody, and it is
// resolved when the condition no longer holds. `step(state, event)` over plain JSON; whoever calls it stores the state and sends the
// notices it says. Laws: one alert at a time for a rule; a rule never makes a new one within its cooldown; what is not
// known (no figures) neither makes nor keeps one; a rule that errs has a state of its own and touches no other.
import type { InferOutput } from "valibot";
import type { AlertReading } from "../protocol/insight.ts";
import { fillTemplate } from "./template.ts";
import type { Judgement } from "./condition.ts";
import type { Measure, Measures } from "./measures.ts";
import type { alertOptions } from "./options.ts";

export type AlertRule = InferOutput<typeof alertOptions>;
export type Severity = AlertRule["severity"];

/** `id` is `<rule>.<number>`, of all alerts ever. */
export type Alert = AlertReading;

/** How a rule stands; one a rule, kept as JSON. */
export interface RuleState {
  /** Epoch ms since when the condition holds; 0 when it does not. */
  since: number;
  /** When it last fired; 0 for never. */
  firedAt: number;
  /** The alert it made that is not resolved. */
  alert: Alert | undefined;
  /** What its last evaluation said. */
  status: "ok" | "pending" | "firing" | "unknown" | "error";
  error: string;
  evaluatedAt: number;
  /** What the figures of its condition then were; absent in what an older version kept. */
  values?: Measures;
}

export const ruleState = (): RuleState => ({
  since: 0,
  firedAt: 0,
  alert: undefined,
  status: "unknown",
  error: "",
  evaluatedAt: 0,
});

export type Turn = "fired" | "resolved" | undefined;

/** One evaluation. `number` numbers the alert it may make. Changes `state` in place and says what happened. */
export function evaluate(
  state: RuleState,
  rule: AlertRule,
  judged: Judgement,
  measures: readonly Measure[],
  values: Measures,
  number: number,
  now: number,
): Turn {
  state.evaluatedAt = now;
  state.error = "";
  const seen = pick(values, measures);
  state.values = seen;
  if (typeof judged === "object") {
    // What stands keeps standing: an error is no all-clear.
    state.status = "error";
    state.error = judged.error;
    return undefined;
  }
  if (judged !== true) {
    state.since = 0;
    state.status = judged === "unknown" ? "unknown" : "ok";
    return resolve(state, now);
  }
  if (state.since === 0) state.since = now;
  if (state.alert !== undefined) {
    state.status = "firing";
    state.alert.values = seen;
    return undefined;
  }
  const cooledAt = state.firedAt === 0 ? 0 : state.firedAt + rule.cooldownMinutes * 60_000;
  if (now - state.since < rule.forSeconds * 1_000 || now < cooledAt) {
    state.status = "pending";
    return undefined;
  }
  state.status = "firing";
  state.firedAt = now;
  state.alert = alertOf(rule, seen, state.since, number, now);
  return "fired";
}

/** The rule is gone or switched off, or its condition no longer holds. */
export function resolve(state: RuleState, now: number): Turn {
  const { alert } = state;
  if (alert === undefined) return undefined;
  alert.state = "resolved";
  alert.resolvedAt = now;
  return "resolved";
}

/** Somebody has seen it. A second acknowledgement changes nothing; what is resolved stays so, but it is known who saw it. */
export function acknowledge(alert: Alert, by: string, now: number): boolean {
  if (alert.acknowledgedAt > 0) return false;
  if (alert.state === "active") alert.state = "acknowledged";
  alert.acknowledgedAt = now;
  alert.acknowledgedBy = by;
  return true;
}

function alertOf(rule: AlertRule, values: Measures, since: number, number: number, now: number): Alert {
  const scope = scopeInWords(rule);
  const words: Record<string, string | number> = { rule: rule.name, severity: rule.severity, scope };
  for (const [measure, value] of Object.entries(values)) words[`metrics.${measure}`] = value;
  for (const [label, value] of Object.entries(rule.labels)) words[`labels.${label}`] = value;
  const fill = (template: string | undefined, absent: string) => fillTemplate(template ?? absent, words);
  const annotations = Object.entries(rule.annotations).map(([name, text]) => [name, fill(text, "")]);
  return {
    id: `${rule.name}.${number}`,
    rule: rule.name,
    severity: rule.severity,
    state: "active",
    title: fill(rule.title, rule.name),
    description: fill(rule.description, rule.when),
    labels: rule.labels,
    annotations: Object.fromEntries(annotations),
    scope,
    condition: rule.when,
    atFiring: values,
    values,
    since,
    firedAt: now,
    acknowledgedAt: 0,
    acknowledgedBy: "",
    resolvedAt: 0,
  };
}

function pick(values: Measures, measures: readonly Measure[]): Measures {
  const picked: Measures = {};
  for (const measure of measures) {
    const value = values[measure];
    if (value !== undefined) picked[measure] = value;
  }
  return picked;
}

/** `service orders`, or `fleet`; the narrowest that the rule names. */
export function scopeInWords({ scope }: AlertRule): string {
  if (scope?.instance !== undefined) return `instance ${scope.service ?? ""}/${scope.instance}`;
  if (scope?.model !== undefined)
    return `model ${scope.provider === undefined ? "" : `${scope.provider}/`}${scope.model}`;
  for (const kind of ["service", "route", "provider", "region"] as const) {
    const name = scope?.[kind];
    if (name !== undefined) return `${kind} ${name}`;
  }
  return "fleet";
}
