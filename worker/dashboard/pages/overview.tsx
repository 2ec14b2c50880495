// The gateway at a glance: how much, how fast, how well, from the cache or not, and what it cost; over the last five minutes as it
// happens, or over the last hour minute by minute.
import { useMemo, useState } from "preact/hooks";
import { count, dollars, duration, rate, share } from "../format.ts";
import { trafficOf, useLive, type LiveView } from "../live.ts";
import { Card, PageHead, ProblemNote, Stat } from "../parts/basics.tsx";
import { Chart, type Curve, type Ink } from "../parts/chart.tsx";
import { LiveBadge } from "../parts/live-badge.tsx";
import { useResource } from "../resource.ts";
import { columnOf, namesOf, rowsOf, type History, type Measure, type Row } from "../series.ts";

const HOUR = "history?grain=minute&rows=60&series=fleet,level%20*";
/** Minutes are merged when they are over. */
const HOUR_EVERY_MS = 15_000;

type Span = "minutes" | "hour";
const SPANS: readonly (readonly [Span, string])[] = [
  ["minutes", "5 minutes, live"],
  ["hour", "1 hour"],
];

export function Overview() {
  const [span, setSpan] = useState<Span>("minutes");
  const live = useLive(["fleet", "level"]);
  const hour = useResource<History>(HOUR, HOUR_EVERY_MS);
  const past = useMemo(() => (hour.value === undefined ? undefined : rowsOf(hour.value)), [hour.value]);
  const rows = span === "minutes" ? live.rows : (past ?? []);
  const isKnown = span === "minutes" ? live.isKnown : past !== undefined;
  const words = span === "minutes" ? "in the last five minutes" : "in the last hour";
  return (
    <>
      <PageHead title="Overview" lead="All regions together.">
        <LiveBadge />
        <div class="tabs" role="group" aria-label="Time shown">
          {SPANS.map(([each, title]) => (
            <button key={each} type="button" aria-pressed={span === each} onClick={() => setSpan(each)}>
              {title}
            </button>
          ))}
        </div>
      </PageHead>
      {span === "hour" && <ProblemNote problem={hour.problem} />}
      <Figures live={live} past={past} />
      <Curves rows={rows} words={isKnown ? words : undefined} span={span} />
    </>
  );
}

/** What is now; what it cost is told of the hour, for a second costs nothing. */
function Figures({ live, past }: { live: LiveView; past: readonly Row[] | undefined }) {
  const fleet = live.now?.series["fleet"];
  const spent = past?.reduce((sum, { series }) => sum + (series["fleet"]?.dollars ?? 0), 0);
  const requests = past?.reduce((sum, { series }) => sum + (series["fleet"]?.requests ?? 0), 0);
  const errorRate = fleet?.error_rate;
  return (
    <div class="stats">
      <Stat name="requests" label="Requests a second" value={rate(trafficOf(live, "fleet"))} />
      <Stat
        name="errors"
        label="Answers with 5xx"
        value={share(errorRate)}
        {...(errorRate !== undefined && errorRate > 0.01 ? { tone: "bad" as const } : {})}
      />
      <Stat name="p50" label="Latency p50" value={duration(fleet?.latency_p50_ms)} />
      <Stat name="p95" label="Latency p95" value={duration(fleet?.latency_p95_ms)} />
      <Stat name="p99" label="Latency p99" value={duration(fleet?.latency_p99_ms)} />
      <Stat name="hits" label="From the cache" value={share(fleet?.cache_hit_ratio)} note="of requests that asked it" />
      <Stat
        name="cost"
        label="AI cost, last hour"
        value={dollars(spent)}
        note={`${count(requests)} requests in full minutes`}
      />
    </div>
  );
}

const LEVELS: readonly (readonly [name: string, ink: Ink])[] = [
  ["memory", 1],
  ["edge", 2],
  ["global", 5],
  ["redis", 3],
];

function Curves({ rows, words, span }: { rows: readonly Row[]; words: string | undefined; span: Span }) {
  const at = useMemo(() => rows.map((row) => row.at), [rows]);
  const curves = useMemo(() => {
    const of = (label: string, ink: Ink, measure: Measure, otherwise: number | null = null): Curve => ({
      ...{ label, ink, values: columnOf(rows, "fleet", measure, otherwise) },
    });
    const levels = namesOf(rows, "level");
    const seconds = span === "minutes" ? 5 : 60;
    return {
      traffic: [{ ...of("Requests", 1, "requests_per_second", 0), area: true }],
      latency: [of("p50", 1, "latency_p50_ms"), of("p95", 3, "latency_p95_ms"), of("p99", 4, "latency_p99_ms")],
      errors: [
        { ...of("5xx", 4, "error_rate"), area: true },
        of("4xx", 3, "rejected_rate"),
        of("429", 5, "limited_rate"),
      ],
      levels: LEVELS.filter(([name]) => levels.includes(name)).map(([name, ink]): Curve => ({
        ...{ label: name, ink },
        values: columnOf(rows, `level ${name}`, "cache_hits", 0).map((hits) => (hits ?? 0) / seconds),
      })),
      cost: [{ ...of("Dollars", 2, "dollars", 0), area: true }],
    };
  }, [rows, span]);
  /** Before the first figures nothing can be said of what there was. */
  const none = (what: string): string => (words === undefined ? "Waiting for figures" : `${what} ${words}`);
  const window = span === "minutes" ? "each 5 s" : "each minute";
  return (
    <div class="grid">
      <Card title="Requests a second" name="traffic" class="is-wide">
        <Chart name="Requests a second" at={at} format={rate} none={none("No traffic")} curves={curves.traffic} />
      </Card>
      <Card title="Latency" name="latency" aside="arrival to response headers">
        <Chart name="Latency" at={at} format={duration} none={none("No traffic")} curves={curves.latency} />
      </Card>
      <Card title="Errors and refusals" name="errors" aside="share of answers">
        <Chart name="Errors" at={at} format={share} atLeast={0.01} none={none("No traffic")} curves={curves.errors} />
      </Card>
      <Card title="Answers from the cache, by level" name="levels" aside="a second">
        <Chart
          name="Cache levels"
          at={at}
          format={rate}
          none={none("No answer came from the cache")}
          curves={curves.levels}
        />
      </Card>
      <Card title="AI cost" name="cost" aside={window}>
        <Chart
          name="Cost"
          at={at}
          format={dollars}
          none={none("No AI call with a known price")}
          curves={curves.cost[0]?.values.some((value) => value !== null && value > 0) === true ? curves.cost : []}
        />
      </Card>
    </div>
  );
}
