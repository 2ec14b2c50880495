// What notifiers are sent: one notice for all alerts that turned together, in the shape the other side reads. `webhook` is our
// own event (Standard Webhooks: type, timestamp, data); Slack's incoming webhooks, PagerDuty's Events API v2 and an e-mail service's
// HTTP interface have theirs. Nothing but what the policy and the figures say goes in: no address, no key.
import type { InferOutput } from "valibot";
import type { Alert, Severity } from "./alerts.ts";
import type { notifierOptions } from "./options.ts";
import { readable } from "./template.ts";

export type Notifier = InferOutput<typeof notifierOptions>;

export interface Notice {
  readonly turn: "fired" | "resolved";
  readonly alerts: readonly Alert[];
  /** Epoch ms. */
  readonly at: number;
}

const SEVERITIES: readonly Severity[] = ["info", "warning", "error", "critical"];

/** Whether a notifier wants to hear of this turn of this alert. */
export function wants(notifier: Notifier, alert: Alert, turn: Notice["turn"]): boolean {
  if (!notifier.enabled || (turn === "resolved" && !notifier.sendResolved)) return false;
  return SEVERITIES.indexOf(alert.severity) >= SEVERITIES.indexOf(notifier.minimumSeverity);
}

/**
 * Requests to make for a notice: PagerDuty takes one event a request, all others take one notice. Bodies are JSON, and hold no
 * secret: PagerDuty's `routing_key` is put in by whoever sends.
 */
export function bodiesOf(notifier: Notifier, notice: Notice): string[] {
  switch (notifier.kind) {
    case "webhook":
      return [JSON.stringify(webhook(notice))];
    case "slack":
      return [JSON.stringify(slack(notifier.channel, notice))];
    case "pagerduty":
      return notice.alerts.map((alert) => JSON.stringify(pagerduty(alert, notice)));
    case "email":
      return [JSON.stringify(email(notifier, notice))];
  }
}

const iso = (at: number): string => new Date(at).toISOString();

/** Standard Webhooks, "payload structure": a type with dots, when it happened, and the data. */
const webhook = ({ turn, alerts, at }: Notice) => ({
  type: `alert.${turn}`,
  timestamp: iso(at),
  data: { alerts: alerts.map(described) },
});

function described(alert: Alert) {
  const { id, rule, severity, state, title, description, labels, annotations, scope, condition, values, atFiring } =
    alert;
  return {
    ...{ id, rule, severity, state, title, description, labels, annotations, scope, condition, values, atFiring },
    since: iso(alert.since),
    firedAt: iso(alert.firedAt),
    resolvedAt: alert.resolvedAt === 0 ? null : iso(alert.resolvedAt),
  };
}

const MARKS: Readonly<Record<Severity, string>> = { info: "ℹ️", warning: "⚠️", error: "🔴", critical: "🚨" };

/** One line an alert, for those who read only that. */
const headline = ({ title, severity }: Alert, turn: Notice["turn"]): string =>
  turn === "resolved" ? `✅ resolved: ${title}` : `${MARKS[severity]} ${title}`;

const figures = ({ values }: Alert): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${readable(value)}`)
    .join(", ");

const subject = ({ turn, alerts }: Notice): string =>
  alerts.length === 1 ? headline(alerts[0]!, turn) : `${alerts.length} alerts ${turn}`;

/** Slack: text is the fallback, blocks are what is shown (at most 50). */
function slack(channel: string | undefined, notice: Notice) {
  const { turn, alerts } = notice;
  const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const block = (text: string) => ({ type: "section", text: { type: "mrkdwn", text: text.slice(0, 3_000) } });
  const blocks = alerts.slice(0, 49).map((alert) => {
    const lines = [
      `*${escape(headline(alert, turn))}*`,
      escape(alert.description),
      `_${escape(alert.scope)}_ ${escape(figures(alert))}`,
    ];
    return block(lines.join("\n"));
  });
  if (alerts.length > blocks.length) blocks.push(block(`and ${alerts.length - blocks.length} more`));
  return { ...(channel === undefined ? {} : { channel }), text: subject(notice), blocks };
}

/** PagerDuty Events API v2: the same dedup_key triggers and resolves one incident. */
const pagerduty = (alert: Alert, { turn, at }: Notice) => ({
  event_action: turn === "resolved" ? "resolve" : "trigger",
  dedup_key: alert.id,
  payload: {
    summary: alert.title.slice(0, 1_024),
    source: `sluice ${alert.scope}`,
    severity: alert.severity,
    timestamp: iso(at),
    custom_details: {
      description: alert.description,
      condition: alert.condition,
      values: alert.values,
      labels: alert.labels,
    },
  },
});

function email({ from, to }: Notifier & { kind: "email" }, notice: Notice) {
  const { turn, alerts } = notice;
  const text = alerts
    .map((alert) =>
      [
        headline(alert, turn),
        alert.description,
        `scope: ${alert.scope}`,
        `condition: ${alert.condition}`,
        `figures: ${figures(alert)}`,
        `since: ${iso(alert.since)}`,
      ].join("\n"),
    )
    .join("\n\n");
  return { from, to, subject: `[sluice] ${subject(notice)}`, text };
}
