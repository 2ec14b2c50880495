// The gateway at a glance: how much, how fast, how well, from the cache or not, and what it cost.
import { useMemo } from "preact/hooks";
import { count, dollars, duration, rate, share } from "../format.ts";
import { Card, PageHead, ProblemNote, Stat } from "../parts/basics.tsx";
import { Chart } from "../parts/chart.tsx";
import { useResource } from "../resource.ts";
import { columnOf, type History } from "../series.ts";

export function Overview() {
  const hour = useResource<History>("history?grain=minute&rows=60&series=fleet", 10_000);
  const items = hour.value?.items ?? [];
  const at = useMemo(() => items.map((item) => item.at), [items]);
  const column = (measure: Parameters<typeof columnOf>[2]) => columnOf(items, "fleet", measure);
  const newest = items.at(-1)?.series["fleet"];
  return (
    <>
      <PageHead title="Overview" lead="All regions together." />
      <ProblemNote problem={hour.problem} />
      <div class="stats">
        <Stat name="requests" label="Requests a second" value={rate(newest?.requests_per_second)} />
        <Stat name="errors" label="Errors" value={share(newest?.error_rate)} />
        <Stat name="p95" label="Latency p95" value={duration(newest?.latency_p95_ms)} />
        <Stat name="cost" label="Cost" value={dollars(newest?.dollars)} note={`${count(newest?.requests)} requests`} />
      </div>
      <Card title="Requests a second" name="traffic">
        <Chart
          name="Requests a second"
          at={at}
          format={rate}
          none="No traffic in the last hour"
          curves={[{ label: "requests", ink: 1, area: true, values: column("requests_per_second") }]}
        />
      </Card>
    </>
  );
}
