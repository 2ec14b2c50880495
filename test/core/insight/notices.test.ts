// What each kind of notifier is sent, in the shape the other side reads.
import { parse } from "valibot";
import { describe, expect, it } from "vitest";
import type { Alert } from "../../../worker/core/insight/alerts.ts";
import { bodiesOf, wants, type Notice } from "../../../worker/core/insight/notices.ts";
import { notifierOptions } from "../../../worker/core/insight/options.ts";

const alert = (more: Partial<Alert> = {}): Alert => ({
  ...{ id: "errors.7", rule: "errors", severity: "error", state: "active", title: "Errors <here> & there" },
  ...{ description: "0.5 of requests fail", labels: { team: "core" }, annotations: {}, scope: "service web" },
  ...{ condition: "metrics.error_rate > 0.2", atFiring: { error_rate: 0.5 }, values: { error_rate: 0.123456 } },
  ...{ since: 1_000, firedAt: 11_000, acknowledgedAt: 0, acknowledgedBy: "", resolvedAt: 0 },
  ...more,
});
const notice = (turn: Notice["turn"], ...alerts: Alert[]): Notice => ({ turn, alerts, at: 12_000 });
const written = {
  webhook: { kind: "webhook", url: "https://hooks.example.com/x" },
  slack: { kind: "slack", url: { secret: "SLACK" }, channel: "#ops" },
  pagerduty: { kind: "pagerduty", routingKey: { secret: "PD" } },
  email: { kind: "email", url: "https://mail.example.com/send", from: "a@example.com", to: ["b@example.com"] },
};
const bodies = (kind: keyof typeof written, of: Notice): unknown[] =>
  bodiesOf(parse(notifierOptions, written[kind]), of).map((body) => JSON.parse(body) as unknown);

describe("a notice", () => {
  it("is one event for a webhook, however many alerts turned", () => {
    expect(bodies("webhook", notice("fired", alert(), alert({ id: "slow.8", rule: "slow" })))).toEqual([
      {
        type: "alert.fired",
        timestamp: "1970-01-01T00:00:12.000Z",
        data: {
          alerts: [
            expect.objectContaining({ id: "errors.7", since: "1970-01-01T00:00:01.000Z", resolvedAt: null }),
            expect.objectContaining({ id: "slow.8" }),
          ],
        },
      },
    ]);
  });

  it("is text that cannot be mistaken for markup in Slack", () => {
    expect(bodies("slack", notice("fired", alert()))).toEqual([
      {
        channel: "#ops",
        text: "🔴 Errors <here> & there",
        blocks: [
          {
            type: "section",
            text: {
              type: "mrkdwn",
              text: "*🔴 Errors &lt;here&gt; &amp; there*\n0.5 of requests fail\n_service web_ error_rate 0.1235",
            },
          },
        ],
      },
    ]);
    const many = Array.from({ length: 60 }, (_, n) => alert({ id: `errors.${n}` }));
    const [shown] = bodies("slack", notice("resolved", ...many)) as [{ blocks: unknown[]; text: string }];
    expect([shown.blocks.length, shown.text]).toEqual([50, "60 alerts resolved"]);
  });

  it("opens and closes one incident an alert at PagerDuty, and holds no key", () => {
    const sent = bodies("pagerduty", notice("resolved", alert(), alert({ id: "slow.8" })));
    expect(sent).toMatchObject([
      { event_action: "resolve", dedup_key: "errors.7", payload: { severity: "error", source: "sluice service web" } },
      { event_action: "resolve", dedup_key: "slow.8" },
    ]);
    expect(JSON.stringify(sent)).not.toContain("routing_key");
  });

  it("is a letter by e-mail", () => {
    expect(bodies("email", notice("resolved", alert()))).toMatchObject([
      { from: "a@example.com", to: ["b@example.com"], subject: "[sluice] ✅ resolved: Errors <here> & there" },
    ]);
  });

  it.each([
    [{}, "fired", true],
    [{ enabled: false }, "fired", false],
    [{ sendResolved: false }, "resolved", false],
    [{ minimumSeverity: "critical" }, "fired", false],
    [{ minimumSeverity: "error" }, "fired", true],
  ] as const)("of %j %s: %s", (more, turn, expected) => {
    expect(wants(parse(notifierOptions, { ...written.webhook, ...more }), alert(), turn)).toBe(expected);
  });
});
