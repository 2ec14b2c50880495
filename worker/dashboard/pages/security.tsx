// Security: who came with wrong or misused credentials, who asked for more than they may, where keys of issuers come from, and API keys.
import type { LimitedReading } from "../../core/protocol/limiter.ts";
import { useNow } from "../clock.ts";
import { ago, count, moment, NONE } from "../format.ts";
import { Badge, Card, Note, PageHead, ProblemNote, Stat } from "../parts/basics.tsx";
import { CappedTable } from "../parts/capped.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { useResource } from "../resource.ts";
import type { SecurityReport } from "../security/answer.ts";
import { KeysCard } from "../security/keys.tsx";

type SecurityEvent = SecurityReport["events"][number];
type KeySet = SecurityReport["keySets"][number];

/** `credential_refused` as a label. */
const spoken = (kind: string): string => {
  const text = kind.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
};

export function Security() {
  const report = useResource<SecurityReport>("security", 5_000);
  const now = useNow();
  const { value } = report;
  const deaf = Object.entries(value?.regions ?? {}).flatMap(([name, { reachable }]) => (reachable ? [] : [name]));
  return (
    <>
      <PageHead
        title="Security"
        lead="From all isolates of all regions. No event holds a credential, whole or in part."
      />
      <ProblemNote problem={report.problem} />
      {deaf.length > 0 && <Note tone="warn">Not in these figures, for they do not answer: {deaf.join(", ")}.</Note>}
      {value !== undefined && (
        <>
          <div class="stats">
            {Object.entries(value.counts).map(([kind, times]) => (
              <Stat key={kind} name={kind} label={spoken(kind)} value={count(times)} />
            ))}
            <Stat name="limited" label="Limited of late" value={count(value.limited.length)} />
            <Stat name="keys" label="API keys" value={value.keys.count === null ? NONE : count(value.keys.count)} />
          </div>
          <KeysCard />
          <Card title="Events" name="events">
            <CappedTable
              caption="Security events, the newest first"
              columns={eventColumns(now)}
              rows={value.events}
              keyOf={({ region, at, kind, detail, route, address, who }) =>
                [region, at, kind, detail, route, address, who].join(" ")
              }
              none="Nobody came with a wrong credential or asked for more than they may"
            />
          </Card>
          <Card title="Limited or blocked" name="limited">
            <CappedTable
              caption="Who was refused of late"
              columns={limitedColumns(now)}
              rows={value.limited}
              keyOf={({ limit, who, kind }) => [limit, who, kind].join(" ")}
              none="Nobody was limited of late"
            />
          </Card>
        </>
      )}
      {value !== undefined && (
        <Card title="Keys of issuers" name="key-sets" aside="as the isolate that answers has them">
          <Table
            caption="Where keys of token issuers come from"
            columns={keySetColumns(now)}
            rows={value.keySets}
            keyOf={({ from }) => from}
            none="The policy names no issuer, or its keys were not needed yet"
          />
        </Card>
      )}
    </>
  );
}

const eventColumns = (now: number): Column<SecurityEvent>[] => [
  { title: "When", cell: ({ at }) => moment(at, now) },
  { title: "What", cell: ({ kind }) => <Badge tone="warn">{spoken(kind)}</Badge> },
  { title: "Detail", cell: ({ detail }) => (detail === "" ? "–" : <span class="wrap">{detail}</span>) },
  { title: "Where", cell: ({ route }) => (route === "" ? "–" : <code>{route}</code>) },
  {
    title: "Who",
    cell: ({ who, address, region }) => (
      <div>
        {who === "" ? <span class="quiet">unknown</span> : <span class="wrap">{who}</span>}
        <div class="quiet small">{[address, region].filter(Boolean).join(" · ")}</div>
      </div>
    ),
  },
  { title: "Times", number: true, cell: (event) => count(event.count) },
];

const limitedColumns = (now: number): Column<LimitedReading>[] => [
  { title: "Who", cell: ({ who }) => <code>{who}</code> },
  { title: "Limit", cell: ({ limit }) => limit },
  { title: "How", cell: ({ kind }) => <Badge tone={kind === "blocked" ? "bad" : "warn"}>{kind}</Badge> },
  { title: "Refused", number: true, cell: ({ times }) => count(times) },
  { title: "Last", cell: ({ at }) => ago(at, now) },
  { title: "Until", cell: ({ until }) => (until <= now ? <span class="quiet">over</span> : ago(until, now)) },
];

const keySetColumns = (now: number): Column<KeySet>[] => [
  { title: "From", cell: ({ from }) => <code>{from}</code> },
  { title: "Keys", number: true, cell: ({ keys }) => count(keys) },
  { title: "Loaded", cell: ({ loadedAt }) => ago(loadedAt, now) },
  {
    title: "State",
    cell: ({ problem, refused }) => (
      <div>
        <Badge tone={problem === "" ? "good" : "bad"}>{problem === "" ? "good" : "not taken"}</Badge>
        {problem !== "" && <div class="small wrap">{problem}</div>}
        {refused.length > 0 && <div class="small">{count(refused.length)} keys refused</div>}
      </div>
    ),
  },
];
