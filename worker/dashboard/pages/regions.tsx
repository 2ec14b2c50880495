// Where the gateway stands: the regions on a map, how each does, and which region's traffic is served where. A flow is what the gateways of one
// region send to instances in another, as that region counts it.
import { useMemo } from "preact/hooks";
import { count, duration, rate, share } from "../format.ts";
import { trafficOf, useLive } from "../live.ts";
import { Badge, Card, Empty, Note, PageHead, ProblemNote, type Tone } from "../parts/basics.tsx";
import { LiveBadge } from "../parts/live-badge.tsx";
import { Table } from "../parts/table.tsx";
import { WorldMap } from "../parts/world-map.tsx";
import { flowsOf, standingOf, type Flow, type Region, type Regions as RegionsRead } from "../regions.ts";
import { useResource } from "../resource.ts";
import type { Services } from "../services.ts";

const EVERY_MS = 3_000;
const LEAST_RATE = 0.05;

const TONES: Readonly<Record<ReturnType<typeof standingOf>, Tone>> = {
  healthy: "good",
  ailing: "bad",
  silent: "warn",
  unknown: "quiet",
};
const WORDS: Readonly<Record<ReturnType<typeof standingOf>, string>> = {
  healthy: "Healthy",
  ailing: "Does not work",
  silent: "Does not answer",
  unknown: "Unknown",
};

export function Regions() {
  const read = useResource<RegionsRead>("regions?limit=200", EVERY_MS);
  const services = useResource<Services>("services?limit=200", EVERY_MS);
  const live = useLive(["region"]);
  const { now } = live;
  const regions = read.value?.items ?? [];
  const flows = useMemo(
    () => flowsOf(services.value?.items ?? []).filter(({ perSecond }) => perSecond >= LEAST_RATE),
    [services.value],
  );
  const unplaced = regions.filter(({ latitude, longitude }) => latitude === null || longitude === null);
  return (
    <>
      <PageHead title="Regions" lead="Where gateways and instances stand, and which region serves whose traffic.">
        <LiveBadge />
      </PageHead>
      <ProblemNote problem={read.problem ?? services.problem} />
      {read.value !== undefined && regions.length === 0 ? (
        <Card name="map">
          <Empty title="The policy names no region">
            With <code>regions</code> in the policy, instances are chosen by distance, and this map has something to
            show.
          </Empty>
        </Card>
      ) : (
        <Card name="map">
          <WorldMap
            regions={regions.map((region) => ({
              ...region,
              tone: TONES[standingOf(region)],
              word: WORDS[standingOf(region)],
              note: `${rate(trafficOf(live, `region ${region.name}`))}/s`,
            }))}
            flows={flows}
          />
          {unplaced.length > 0 && (
            <Note tone="info">
              Without coordinates in the policy, and so not on the map: {unplaced.map(({ name }) => name).join(", ")}.
            </Note>
          )}
        </Card>
      )}
      <Card title="Regions" name="regions">
        <Table
          caption="Regions"
          none="No region is known"
          rows={regions}
          keyOf={({ name }) => name}
          columns={[
            { title: "Region", cell: (region) => <strong>{region.name}</strong> },
            { title: "State", cell: (region) => <Standing region={region} /> },
            {
              title: "Requests/s",
              number: true,
              cell: ({ name }) => rate(trafficOf(live, `region ${name}`)),
            },
            {
              title: "5xx",
              number: true,
              cell: ({ name }) => share(now?.series[`region ${name}`]?.error_rate),
            },
            {
              title: "p95",
              number: true,
              cell: ({ name }) => duration(now?.series[`region ${name}`]?.latency_p95_ms),
            },
            { title: "Isolates", number: true, cell: ({ reading }) => count(reading?.isolates) },
            {
              title: "Load",
              number: true,
              cell: ({ inFlight, capacity }) =>
                capacity === null ? `${count(inFlight)} in flight` : `${count(inFlight)} of ${count(capacity)}`,
            },
            { title: "Endpoint", number: true, cell: (region) => <Endpoint region={region} /> },
          ]}
        />
      </Card>
      <Card
        title="Flows"
        name="flows"
        aside="requests a second, from the region of the gateway to the region of the instance"
      >
        <Table
          caption="Flows"
          none="No traffic in the last ten seconds"
          rows={flows}
          keyOf={({ from, to }) => `${from} ${to}`}
          columns={[
            { title: "From", cell: ({ from }) => from },
            { title: "Served in", cell: (flow) => <Served flow={flow} /> },
            { title: "Requests/s", number: true, cell: ({ perSecond }) => rate(perSecond) },
            { title: "Services", cell: ({ services }) => services.join(", ") },
          ]}
        />
      </Card>
    </>
  );
}

function Standing({ region }: { region: Region }) {
  const standing = standingOf(region);
  const problems = Object.entries(region.seenFrom).flatMap(([from, { endpoint }]) =>
    endpoint?.problem === undefined ? [] : [`from ${from}: ${endpoint.problem}`],
  );
  return (
    <div class="state">
      <Badge tone={TONES[standing]}>{WORDS[standing]}</Badge>
      {problems.map((line) => (
        <div key={line} class="small">
          {line}
        </div>
      ))}
    </div>
  );
}

/** How long its endpoint takes to answer a probe, from where it is nearest. */
function Endpoint({ region: { endpoint, seenFrom } }: { region: Region }) {
  if (endpoint === null) return <span class="quiet">none</span>;
  const probes = Object.values(seenFrom).flatMap(({ endpoint: probe }) => (probe === undefined ? [] : [probe]));
  if (probes.length === 0) return <span class="quiet">not probed yet</span>;
  const up = probes.filter((probe) => probe.up);
  if (up.length === 0) return <Badge tone="bad">down</Badge>;
  return <>{duration(Math.min(...up.map(({ latencyMs }) => latencyMs)))}</>;
}

function Served({ flow: { from, to } }: { flow: Flow }) {
  if (to === "") return <span class="quiet">no region</span>;
  return from === to ? (
    <>{to}</>
  ) : (
    <>
      {to} <span class="quiet small">elsewhere</span>
    </>
  );
}
