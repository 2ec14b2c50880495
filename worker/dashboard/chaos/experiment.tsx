// One experiment: while it runs, what those that are struck see against those that are spared; afterwards its report.
import { useMemo, useState } from "preact/hooks";
import type { Experiment } from "../../core/chaos/order.ts";
import type { ExperimentPoint, ExperimentReading, GroupReading } from "../../core/protocol/insight.ts";
import { post } from "../api.ts";
import { useNow } from "../clock.ts";
import { count, duration, moment, NONE, rate, share } from "../format.ts";
import { Badge, Card, Note, PageHead, ProblemNote, type Tone } from "../parts/basics.tsx";
import { Chart, type Curve } from "../parts/chart.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { ActButton, NeedsNote } from "../parts/needs.tsx";
import { say } from "../parts/said.tsx";
import { Table } from "../parts/table.tsx";
import { useResource } from "../resource.ts";
import { linkTo } from "../router.ts";

export type ShownExperiment = Omit<ExperimentReading, "spec"> & { readonly spec: Experiment };

const GROUPS = [
  ["faulted", "struck", 4],
  ["control", "spared", 1],
  ["whole", "all targeted", 6],
] as const;

export function verdictOf({ state, passed }: Pick<ShownExperiment, "state" | "passed">): readonly [Tone, string] {
  if (state === "running") return ["info", "running"];
  if (passed) return ["good", "passed"];
  return ["bad", state === "stopped" ? "stopped" : "failed"];
}

const RUNNING_MS = 1_500;
const OVER_MS = 10_000;

export function ExperimentPage({ id }: { id: string }) {
  const [isRunning, setRunning] = useState(true);
  const { value, problem, reload } = useResource<ShownExperiment>(
    `chaos/experiments/${encodeURIComponent(id)}`,
    isRunning ? RUNNING_MS : OVER_MS,
  );
  if (value !== undefined && (value.state === "running") !== isRunning) setRunning(value.state === "running");
  return (
    <>
      <nav class="crumbs" aria-label="Where this page belongs">
        <a href={linkTo("chaos")}>Chaos</a>
      </nav>
      {value === undefined ? <PageHead title={id} /> : <Report experiment={value} reload={reload} />}
      <ProblemNote problem={problem} />
    </>
  );
}

function Report({ experiment, reload }: { experiment: ShownExperiment; reload: () => void }) {
  const [tone, word] = verdictOf(experiment);
  const { name, hypothesis, startedAt, endedAt, startedBy, stopped, state, id } = experiment;
  const now = useNow();
  return (
    <>
      <PageHead title={name} lead={hypothesis === "" ? undefined : hypothesis}>
        <Badge tone={tone}>{word}</Badge>
        {state === "running" && <StopButton id={id} reload={reload} />}
      </PageHead>
      {state === "running" && <NeedsNote needs="operator" what="stop an experiment" />}
      {state === "running" ? (
        <Progress experiment={experiment} now={now} />
      ) : (
        <p class="quiet">
          Started {moment(startedAt, now)} by {startedBy}, ended {moment(endedAt, now)}.
        </p>
      )}
      {stopped !== null && (
        <Note tone="warn">
          Stopped by {stopped.by}: {stopped.reason}
        </Note>
      )}
      <Findings experiment={experiment} />
      <Figures experiment={experiment} />
      <Curves timeline={experiment.timeline} />
      <Card title="As it was ordered" name="spec">
        <pre class="code">{JSON.stringify(experiment.spec, undefined, 2)}</pre>
      </Card>
    </>
  );
}

function Progress({ experiment: { startedAt, endsAt, startedBy }, now }: { experiment: ShownExperiment; now: number }) {
  const whole = Math.max(1, endsAt - startedAt);
  const gone = Math.min(whole, Math.max(0, now - startedAt));
  return (
    <div class="progress">
      <progress max={whole} value={gone} aria-label="Time that has passed" />
      <p class="quiet">
        {duration(gone)} of {duration(whole)}, started by {startedBy}
      </p>
    </div>
  );
}

function StopButton({ id, reload }: { id: string; reload: () => void }) {
  const [asking, setAsking] = useState(false);
  return (
    <>
      <ActButton needs="operator" kind="danger" onClick={() => setAsking(true)}>
        Stop
      </ActButton>
      {asking && (
        <Confirm
          title="Stop the experiment?"
          verb="Stop it"
          danger
          act={async () => {
            await post(`chaos/experiments/${encodeURIComponent(id)}:stop`);
            say("The experiment is stopped.");
            reload();
          }}
          close={() => setAsking(false)}
        >
          <p>Every region obeys within two seconds. What was measured so far stays in the report.</p>
        </Confirm>
      )}
    </>
  );
}

function Findings({ experiment: { state, criteria, recommendations } }: { experiment: ShownExperiment }) {
  return (
    <div class="grid">
      <Card title="Criteria" name="criteria">
        <Table
          caption="What it was to meet"
          columns={[
            {
              title: "Criterion",
              cell: ({ words, value, name }) => (value === null ? `${name}: not measured` : words),
            },
            {
              title: "Verdict",
              cell: ({ value, met }) =>
                value === null ? (
                  <Badge tone="quiet">open</Badge>
                ) : (
                  <Badge tone={met ? "good" : "bad"}>{met ? "met" : "broken"}</Badge>
                ),
            },
          ]}
          rows={criteria}
          keyOf={({ name }) => name}
          none="No criteria were set"
        />
      </Card>
      <Card title={state === "running" ? "What follows so far" : "What follows"} name="follows">
        {recommendations.length === 0 ? (
          <p class="quiet">Nothing yet: no request was targeted.</p>
        ) : (
          <ul class="bullets">
            {recommendations.map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
        )}
      </Card>
    </div>
  );
}

function Figures({ experiment }: { experiment: ShownExperiment }) {
  const { before, blastShare, recoverySeconds, state } = experiment;
  const measured = (group: GroupReading, words: (group: GroupReading) => string): string =>
    group.requests === 0 ? NONE : words(group);
  const rows = GROUPS.map(([group, label]) => ({ label, of: experiment[group] }));
  return (
    <Card title="Struck against spared" name="groups" aside={`${share(blastShare)} of all requests were struck`}>
      <Table
        caption="Figures of each group"
        columns={[
          { title: "Group", cell: ({ label }) => <strong>{label}</strong> },
          { title: "Requests", number: true, cell: ({ of }) => count(of.requests) },
          { title: "A second", number: true, cell: ({ of }) => measured(of, ({ perSecond }) => rate(perSecond)) },
          { title: "Errors", number: true, cell: ({ of }) => measured(of, ({ errorRate }) => share(errorRate)) },
          { title: "p50", number: true, cell: ({ of }) => measured(of, ({ p50Ms }) => duration(p50Ms)) },
          { title: "p95", number: true, cell: ({ of }) => measured(of, ({ p95Ms }) => duration(p95Ms)) },
        ]}
        rows={rows}
        keyOf={({ label }) => label}
        none=""
      />
      <p class="quiet small after-table">
        {before.requests === 0
          ? "Nothing was asked of the target in the minute before."
          : `In the minute before, ${share(before.errorRate)} of ${count(before.requests)} requests failed.`}
        {recoverySeconds !== null && ` Errors were as before ${duration(recoverySeconds * 1_000)} after the end.`}
        {recoverySeconds === null && state !== "running" && " Whether and when errors were as before is not known yet."}
      </p>
    </Card>
  );
}

function Curves({ timeline }: { timeline: readonly ExperimentPoint[] }) {
  // Behind the last request that was targeted there is nothing to see.
  const seen = useMemo(
    () => timeline.slice(0, timeline.findLastIndex(({ whole }) => whole.requests > 0) + 1),
    [timeline],
  );
  const at = useMemo(() => seen.map((point) => point.at), [seen]);
  const curves = useMemo(
    () => [curvesOf(seen, (of) => of.errorRate), curvesOf(seen, (of) => of.p95Ms)] as const,
    [seen],
  );
  const none = "No requests were targeted yet";
  return (
    <div class="grid">
      <Card title="Errors" name="errors-curve">
        <Chart name="Share of errors" at={at} curves={curves[0]} format={share} atLeast={0.02} none={none} />
      </Card>
      <Card title="Latency p95" name="latency-curve">
        <Chart name="Latency p95" at={at} curves={curves[1]} format={duration} none={none} />
      </Card>
    </div>
  );
}

const curvesOf = (timeline: readonly ExperimentPoint[], value: (of: GroupReading) => number): Curve[] =>
  GROUPS.map(([group, label, ink]) => ({
    ...{ label, ink, dots: true },
    values: timeline.map((point) => (point[group].requests === 0 ? null : value(point[group]))),
  }));
