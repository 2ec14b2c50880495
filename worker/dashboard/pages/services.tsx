// Services and their instances: who may be asked, who may not and why, until when and who finds out; how much each carries and how fast it
// answers. Operators take instances out of service and put them back; the gateway writes down who did.
import { useMemo, useState } from "preact/hooks";
import { post } from "../api.ts";
import { useNow } from "../clock.ts";
import { count, duration, NONE, plural, rate, share } from "../format.ts";
import { trafficOf, useLive, type LiveView } from "../live.ts";
import type { PageProps } from "../page-props.ts";
import { Badge, Button, Card, Empty, Note, PageHead, ProblemNote } from "../parts/basics.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { LiveBadge } from "../parts/live-badge.tsx";
import { say } from "../parts/said.tsx";
import { Spark } from "../parts/spark.tsx";
import { Table } from "../parts/table.tsx";
import { useResource } from "../resource.ts";
import { linkTo } from "../router.ts";
import { columnOf } from "../series.ts";
import {
  breakerTone,
  breakerWord,
  healthTone,
  loadOf,
  titleOf,
  whyOf,
  type Instance,
  type Service,
  type Services as ServicesRead,
} from "../services.ts";
import { useMay } from "../session.ts";

const EVERY_MS = 2_000;

export function Services({ rest }: PageProps) {
  const read = useResource<ServicesRead>("services?limit=200", EVERY_MS);
  const live = useLive(["service"]);
  const [only] = rest;
  const services = read.value?.items.filter(({ name }) => only === undefined || name === only) ?? [];
  return (
    <>
      <PageHead
        title={only === undefined ? "Services" : titleOf(only)}
        lead={
          only === undefined ? (
            "Every region judges for itself; what is shown first is the worst of what they see."
          ) : (
            <a href={linkTo("services")}>All services</a>
          )
        }
      >
        <LiveBadge />
      </PageHead>
      <ProblemNote problem={read.problem} />
      {read.value?.reachable === false && (
        <Note tone="warn">The region that answers could not be asked for its totals: counts are missing.</Note>
      )}
      {read.value?.next != null && <Note>These are the first 200 services by name; there are more.</Note>}
      {read.value !== undefined && services.length === 0 && (
        <Empty title={only === undefined ? "The policy names no service" : "There is no such service"} />
      )}
      {services.map((service) => (
        <ServiceCard key={service.name} service={service} live={live} reload={read.reload} />
      ))}
    </>
  );
}

interface ServiceCardProps {
  readonly service: Service;
  readonly live: LiveView;
  readonly reload: () => void;
}

function ServiceCard({ service, live, reload }: ServiceCardProps) {
  const { name, instances } = service;
  const { rows, now } = live;
  const series = `service ${name}`;
  const figures = now?.series[series];
  const requests = useMemo(() => columnOf(rows, series, "requests_per_second", 0), [rows, series]);
  const latency = useMemo(() => columnOf(rows, series, "latency_p95_ms"), [rows, series]);
  const standing = instances.filter(({ breaker }) => breaker.state !== "open").length;
  const tone = standing === instances.length ? "good" : standing === 0 ? "bad" : "warn";
  return (
    <Card
      name={`service ${name}`}
      title={titleOf(name)}
      aside={
        <Badge tone={instances.length === 0 ? "quiet" : tone}>
          {instances.length === 0
            ? "no instance known"
            : `${standing} of ${plural(instances.length, "instance")} in use`}
        </Badge>
      }
    >
      <div class="service-figures">
        <Figure label="Requests a second" value={rate(trafficOf(live, series))} values={requests} />
        <Figure label="Latency p95" value={duration(figures?.latency_p95_ms)} values={latency} />
        <Figure label="5xx" value={share(figures?.error_rate)} />
      </div>
      <Table
        caption={`Instances of ${name}`}
        none="No instance is known: the policy lists none, and none was discovered"
        rows={instances}
        keyOf={({ id }) => id}
        columns={[
          { title: "Instance", cell: (instance) => <Named instance={instance} /> },
          { title: "State", cell: (instance) => <State instance={instance} /> },
          { title: "Health", cell: (instance) => <Health instance={instance} /> },
          { title: "Requests/s", number: true, cell: (instance) => rate(loadOf(instance).requestsPerSecond) },
          { title: "In flight", number: true, cell: (instance) => count(loadOf(instance).inFlight) },
          { title: "p95", number: true, cell: (instance) => duration(loadOf(instance).p95Ms) },
          {
            title: "Answers",
            number: true,
            cell: ({ totals }) => (totals === null ? NONE : `${count(totals.ok)} good, ${count(totals.failed)} failed`),
          },
          { title: "Actions", cell: (instance) => <Actions service={name} instance={instance} reload={reload} /> },
        ]}
      />
    </Card>
  );
}

function Figure({ label, value, values }: { label: string; value: string; values?: readonly (number | null)[] }) {
  return (
    <div class="service-figure">
      <div>
        <div class="stat-label">{label}</div>
        <div class="service-value" data-figure={label}>
          {value}
        </div>
      </div>
      {values !== undefined && <Spark values={values} label={`${label} over the last five minutes`} />}
    </div>
  );
}

function Named({ instance: { id, url, region, weight, from } }: { instance: Instance }) {
  return (
    <div>
      <strong>{id}</strong>
      <div class="quiet small">
        {region !== "" && <>{region} · </>}
        {weight !== 1 && <>weight {weight} · </>}
        {from !== "policy" && <>found by {from} · </>}
        <span class="mono">{url}</span>
      </div>
    </div>
  );
}

/** The worst of all regions, why, and each region whose word differs. */
function State({ instance }: { instance: Instance }) {
  const now = useNow();
  const { breaker, seenFrom } = instance;
  const regions = Object.entries(seenFrom).filter(
    ([, seen]) => seen.breaker !== undefined && seen.breaker.state !== breaker.state,
  );
  const why = whyOf(breaker, now);
  const holders = Object.entries(seenFrom).flatMap(([region, seen]) =>
    seen.breaker?.state === breaker.state && breaker.state !== "closed" ? [region] : [],
  );
  return (
    <div class="state">
      <Badge tone={breakerTone(breaker)}>{breakerWord(breaker)}</Badge>
      {why.map((line) => (
        <div key={line} class="small">
          {line}
        </div>
      ))}
      {holders.length > 0 && <div class="quiet small">as seen from {holders.join(", ")}</div>}
      {regions.map(([region, seen]) => (
        <div key={region} class="quiet small">
          {region}: {breakerWord(seen.breaker!)}
        </div>
      ))}
    </div>
  );
}

function Health({ instance: { health } }: { instance: Instance }) {
  if (health.checkedAt === 0) return <span class="quiet">not checked</span>;
  return (
    <div class="state">
      <Badge tone={healthTone(health.status)}>{health.status}</Badge>
      {health.problem !== undefined && <div class="small">{health.problem}</div>}
    </div>
  );
}

type Command = "drain" | "open" | "close" | "reset";

const COMMANDS: Readonly<Record<Command, { verb: string; does: string; danger: boolean }>> = {
  drain: {
    verb: "Drain",
    does: "It gets no new requests from any region, until it is closed or reset by an operator. Requests under way end as they would.",
    danger: true,
  },
  open: {
    verb: "Open",
    does: "Its breaker is opened in every region and stays open, without probes, until an operator closes or resets it.",
    danger: true,
  },
  close: {
    verb: "Close",
    does: "It is back in service at once, in every region. Should it fail again, it is kept out for as long as it would have been.",
    danger: false,
  },
  reset: {
    verb: "Reset",
    does: "It is back in service at once, in every region, with nothing held against it.",
    danger: false,
  },
};

interface Heard {
  readonly heard: Readonly<Record<string, boolean>>;
}

function Actions({ service, instance, reload }: { service: string; instance: Instance; reload: () => void }) {
  const may = useMay("operator");
  const [asked, setAsked] = useState<Command | undefined>(undefined);
  if (!may) return <span class="quiet small">for operators</span>;
  const isHeld = instance.breaker.state === "open" && instance.breaker.reason === "manual";
  const offered: readonly Command[] = isHeld
    ? ["close", "reset"]
    : instance.breaker.state === "closed"
      ? ["drain", "open", "reset"]
      : ["drain", "close", "reset"];
  const act = async (command: Command, note: string): Promise<void> => {
    const target = `services/${encodeURIComponent(service)}/instances/${encodeURIComponent(instance.id)}:${command}`;
    const { heard } = await post<Heard>(note === "" ? target : `${target}?${new URLSearchParams({ note }).toString()}`);
    const deaf = Object.entries(heard).flatMap(([region, heard]) => (heard ? [] : [region]));
    say(
      deaf.length === 0
        ? `${COMMANDS[command].verb}: ${instance.id}. Every region has heard.`
        : `${COMMANDS[command].verb}: ${instance.id}. Not heard yet by ${deaf.join(", ")}: within a second of traffic.`,
    );
    reload();
  };
  return (
    <div class="row actions">
      {offered.map((command) => (
        <Button
          key={command}
          label={`${COMMANDS[command].verb} ${instance.id} of ${service}`}
          onClick={() => setAsked(command)}
        >
          {COMMANDS[command].verb}
        </Button>
      ))}
      {asked !== undefined && (
        <Confirm
          title={`${COMMANDS[asked].verb} ${instance.id}?`}
          verb={COMMANDS[asked].verb}
          danger={COMMANDS[asked].danger}
          wantsNote
          act={(note) => act(asked, note)}
          close={() => setAsked(undefined)}
        >
          <p>{COMMANDS[asked].does}</p>
        </Confirm>
      )}
    </div>
  );
}
