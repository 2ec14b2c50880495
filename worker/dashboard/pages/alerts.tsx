// Alerts: what stands and who has seen it, how each rule of the policy does, what is over, and whether those who should be told were.
import { useState } from "preact/hooks";
import type { AlertReading, DeliveryReading, RuleReading } from "../../core/protocol/insight.ts";
import { post, Problem } from "../api.ts";
import { useNow } from "../clock.ts";
import { ago, count, dollars, duration, moment, rate, share } from "../format.ts";
import { Badge, Card, Empty, PageHead, ProblemNote, type Tone } from "../parts/basics.tsx";
import { Facts } from "../parts/facts.tsx";
import { MoreButton } from "../parts/more.tsx";
import { ActButton, NeedsNote } from "../parts/needs.tsx";
import { say } from "../parts/said.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { usePagedList } from "../paged-list.ts";
import { linkTo } from "../router.ts";

interface AlertsPage {
  readonly items: readonly AlertReading[];
  readonly next: number | string | null;
  readonly rules: readonly RuleReading[];
  readonly deliveries: readonly DeliveryReading[];
}

const SEVERITY: Readonly<Record<AlertReading["severity"], Tone>> = {
  critical: "bad",
  error: "bad",
  warning: "warn",
  info: "info",
};

const STATUS: Readonly<Record<RuleReading["status"], readonly [tone: Tone, word: string]>> = {
  ok: ["good", "not met"],
  pending: ["warn", "about to fire"],
  firing: ["bad", "firing"],
  unknown: ["quiet", "no figures"],
  error: ["bad", "cannot be evaluated"],
};

export function Alerts() {
  const list = usePagedList<AlertReading, AlertsPage>("alerts", ({ id }) => id, { everyMs: 3_000 });
  const now = useNow();
  const standing = list.items?.filter(({ state }) => state !== "resolved") ?? [];
  const over = list.items?.filter(({ state }) => state === "resolved") ?? [];
  const rules = list.first?.rules ?? [];
  return (
    <>
      <PageHead
        title="Alerts"
        lead="Rules of the policy, held every five seconds against what happened in the last 60."
      />
      <ProblemNote problem={list.problem} />
      {standing.length > 0 && <NeedsNote needs="operator" what="acknowledge an alert" />}
      {list.items !== undefined && (
        <>
          <Card title="Standing" name="standing" aside={<span class="quiet">{count(standing.length)}</span>}>
            {standing.length === 0 ? (
              <Empty title="Nothing to be alarmed at">{nothingBecause(rules)}</Empty>
            ) : (
              <ul class="alert-list">
                {standing.map((alert) => (
                  <Standing key={alert.id} alert={alert} now={now} reload={list.reload} />
                ))}
              </ul>
            )}
          </Card>
          <Rules rules={rules} now={now} />
          <Card title="History" name="history">
            <Table
              caption="Alerts that are over, the newest first"
              columns={historyColumns(now)}
              rows={over}
              keyOf={({ id }) => id}
              none="No alert was ever resolved"
            />
            <MoreButton list={list} />
          </Card>
          <Notices deliveries={list.first?.deliveries ?? []} now={now} />
        </>
      )}
    </>
  );
}

const nothingBecause = (rules: readonly RuleReading[]) =>
  rules.length === 0 ? (
    <>
      The policy has no alert rules. They stand in its section <code>alerts</code>:{" "}
      <a href={linkTo("policy")}>edit the policy</a>.
    </>
  ) : (
    `None of ${count(rules.length)} rules has fired and not been resolved.`
  );

function Standing({ alert, now, reload }: { alert: AlertReading; now: number; reload: () => void }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | undefined>(undefined);
  const acknowledge = async (): Promise<void> => {
    setBusy(true);
    try {
      await post(`alerts/${encodeURIComponent(alert.id)}:ack`);
      say(`${alert.title} is acknowledged.`);
      reload();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  const isSeen = alert.state === "acknowledged";
  const labels = Object.entries(alert.labels);
  return (
    <li class={`alert is-${SEVERITY[alert.severity]}`} data-alert={alert.id}>
      <div class="alert-head">
        <div>
          <h3>{alert.title}</h3>
          <p class="badges">
            <Badge tone={SEVERITY[alert.severity]}>{alert.severity}</Badge>
            <Badge tone={isSeen ? "info" : "warn"}>{alert.state}</Badge>
            <span class="quiet">
              {alert.scope} · fired {ago(alert.firedAt, now)}
              {isSeen && ` · seen by ${alert.acknowledgedBy} ${ago(alert.acknowledgedAt, now)}`}
            </span>
          </p>
        </div>
        {!isSeen && (
          <ActButton
            needs="operator"
            kind="main"
            disabled={busy}
            label={`Acknowledge ${alert.title}`}
            onClick={() => void acknowledge()}
          >
            Acknowledge
          </ActButton>
        )}
      </div>
      {alert.description !== alert.condition && <p>{alert.description}</p>}
      <Facts
        facts={[
          ["Condition", <code>{alert.condition}</code>],
          ...Object.entries(alert.values).map(
            ([measure, value]) =>
              [measure, <Figure measure={measure} value={value} fired={alert.atFiring[measure]} />] as const,
          ),
          ...Object.entries(alert.annotations),
          ["Labels", labels.length === 0 ? undefined : labels.map(([name, value]) => `${name}: ${value}`).join(", ")],
        ]}
      />
      <ProblemNote problem={problem} />
    </li>
  );
}

function Figure({ measure, value, fired }: { measure: string; value: number; fired: number | undefined }) {
  return (
    <>
      <strong>{figure(measure, value)}</strong> now
      {fired !== undefined && <span class="quiet"> · {figure(measure, fired)} when it fired</span>}
    </>
  );
}

/** A figure in the unit that its name says. */
function figure(measure: string, value: number): string {
  if (measure.endsWith("_rate") || measure.endsWith("_ratio")) return share(value);
  if (measure.endsWith("_ms")) return duration(value);
  if (measure === "dollars") return dollars(value);
  return measure.endsWith("_second") ? rate(value) : count(value);
}

function Rules({ rules, now }: { rules: readonly RuleReading[]; now: number }) {
  const columns: Column<RuleReading>[] = [
    {
      title: "Rule",
      cell: ({ rule, scope }) => (
        <div>
          <strong>{rule}</strong>
          <div class="quiet small">{scope}</div>
        </div>
      ),
    },
    { title: "Severity", cell: ({ severity }) => <Badge tone={SEVERITY[severity]}>{severity}</Badge> },
    {
      title: "Condition",
      cell: ({ condition, error }) => (
        <div>
          <code class="wrap">{condition}</code>
          {error !== "" && <div class="is-bad small">{error}</div>}
        </div>
      ),
    },
    { title: "Now", cell: ({ values }) => <Values values={values} /> },
    {
      title: "State",
      cell: ({ enabled, status, since }) => {
        if (!enabled) return <Badge tone="quiet">switched off</Badge>;
        const [tone, word] = STATUS[status];
        return (
          <div>
            <Badge tone={tone}>{word}</Badge>
            {since > 0 && <div class="quiet small">for {ago(since, now).replace(" ago", "")}</div>}
          </div>
        );
      },
    },
    { title: "Last fired", cell: ({ firedAt }) => ago(firedAt, now) },
  ];
  return (
    <Card title="Rules" name="rules">
      <Table
        caption="Alert rules of the policy"
        columns={columns}
        rows={rules}
        keyOf={({ rule }) => rule}
        none="The policy has no alert rules"
      />
    </Card>
  );
}

function Values({ values }: { values: Readonly<Record<string, number>> }) {
  const known = Object.entries(values);
  if (known.length === 0) return <span class="quiet">not measured</span>;
  return (
    <div>
      {known.map(([measure, value]) => (
        <div key={measure} class="figure">
          <strong>{figure(measure, value)}</strong> <span class="quiet small">{measure}</span>
        </div>
      ))}
    </div>
  );
}

const historyColumns = (now: number): Column<AlertReading>[] => [
  {
    title: "Alert",
    cell: ({ title, scope }) => (
      <div>
        {title}
        <div class="quiet small">{scope}</div>
      </div>
    ),
  },
  { title: "Severity", cell: ({ severity }) => <Badge tone={SEVERITY[severity]}>{severity}</Badge> },
  { title: "Fired", cell: ({ firedAt }) => moment(firedAt, now) },
  { title: "Lasted", number: true, cell: ({ firedAt, resolvedAt }) => duration(resolvedAt - firedAt) },
  { title: "Seen by", cell: ({ acknowledgedBy }) => acknowledgedBy || <span class="quiet">nobody</span> },
];

const DELIVERY: Readonly<Record<DeliveryReading["state"], Tone>> = { waiting: "warn", sent: "good", failed: "bad" };

function Notices({ deliveries, now }: { deliveries: readonly DeliveryReading[]; now: number }) {
  const columns: Column<DeliveryReading>[] = [
    { title: "Notifier", cell: ({ notifier }) => notifier },
    { title: "Tells of", cell: ({ alerts }) => <span class="wrap">{alerts.join(", ")}</span> },
    { title: "Made", cell: ({ madeAt }) => moment(madeAt, now) },
    { title: "Tries", number: true, cell: ({ tries }) => count(tries) },
    {
      title: "State",
      cell: ({ state, nextAt, problem }) => (
        <div>
          <Badge tone={DELIVERY[state]}>{state}</Badge>
          {state === "waiting" && <span class="quiet small"> tried {ago(nextAt, now)}</span>}
          {problem !== "" && <div class="is-bad small">{problem}</div>}
        </div>
      ),
    },
  ];
  return (
    <Card title="Notices" name="notices">
      <Table
        caption="Notices to notifiers, the newest first"
        columns={columns}
        rows={deliveries}
        keyOf={({ id }) => id}
        none="Nobody was told of anything yet"
      />
    </Card>
  );
}
