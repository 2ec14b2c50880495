// Whom a service would choose, and why: every instance with its score, what the score is made of, its breaker, and what speaks against it.
import { count, duration, NONE, rate, share } from "../format.ts";
import { Badge, Card, type Tone } from "../parts/basics.tsx";
import { Facts } from "../parts/facts.tsx";
import { Table, type Column } from "../parts/table.tsx";
import type { CandidateShown, Explanation } from "./answer.ts";

const score = (value: number | undefined): string => (value === undefined ? NONE : value.toFixed(3));

const BREAKER: Readonly<Record<string, Tone>> = { closed: "good", ramp: "warn", half_open: "warn", open: "bad" };

export function Choice({ explanation }: { explanation: Explanation }) {
  const { choice, candidates, algorithm, regionOrder = [], probe, suspect } = explanation;
  if (algorithm === null) return null;
  return (
    <>
      <Card title="Decision" name="decision">
        <Facts
          facts={[
            ["Algorithm", <code>{algorithm}</code>],
            [
              "Chosen",
              choice == null ? (
                <Badge tone="bad">nobody</Badge>
              ) : (
                <>
                  <strong>{choice.instance}</strong>
                  {choice.panic && <Badge tone="bad">panic</Badge>}
                </>
              ),
            ],
            ["Score", choice == null ? undefined : score(choice.score)],
            ["Confidence", choice == null ? undefined : share(choice.confidence)],
            ["Compared with", choice == null || choice.rival === "" ? undefined : choice.rival],
            [
              "Next best",
              choice == null || choice.alternatives.length === 0
                ? undefined
                : choice.alternatives.map((each) => `${each.id} (${score(each.score)})`).join(", "),
            ],
            ["Regions, nearest first", regionOrder.length === 0 ? undefined : regionOrder.join(", ")],
            ["Tried first, to see whether it is well again", probe ?? undefined],
            ["Tried first, to see whether it is broken", suspect ?? undefined],
          ]}
        />
      </Card>
      <Card title="Candidates" name="candidates">
        <Table
          caption="Instances of the service"
          columns={columnsOf(choice?.instance)}
          rows={candidates}
          keyOf={({ id }) => id}
          none="The service has no instances"
        />
      </Card>
    </>
  );
}

const columnsOf = (chosen: string | undefined): Column<CandidateShown>[] => [
  {
    title: "Instance",
    cell: ({ id, url, region }) => (
      <div>
        <strong>{id}</strong>
        <div class="quiet small wrap">
          {url}
          {region !== "" && ` · ${region}`}
        </div>
      </div>
    ),
  },
  {
    title: "Verdict",
    cell: ({ id, refused }) =>
      refused !== null ? (
        <div>
          <Badge tone="bad">refused</Badge>
          <div class="small">{refused}</div>
        </div>
      ) : id === chosen ? (
        <Badge tone="good">chosen</Badge>
      ) : (
        <Badge tone="quiet">could be</Badge>
      ),
  },
  { title: "Score", number: true, cell: (each) => score(each.score) },
  { title: "Made of", cell: (each) => <Factors candidate={each} /> },
  { title: "Latency", number: true, cell: ({ ewmaMs }) => (ewmaMs === 0 ? NONE : duration(ewmaMs)) },
  {
    title: "At once",
    number: true,
    cell: ({ inFlight, limit }) => `${count(inFlight)}${limit === null ? "" : ` of ${count(limit)}`}`,
  },
  {
    title: "Weight",
    number: true,
    cell: ({ weight, ramp }) => `${rate(weight)}${ramp === 1 ? "" : ` × ${share(ramp)}`}`,
  },
  {
    title: "Breaker",
    cell: ({ breaker: { stands, region, isolate } }) => {
      const reason = isolate.state === stands && isolate.reason !== "" ? isolate.reason : region.reason;
      return (
        <div>
          <Badge tone={BREAKER[stands] ?? "quiet"}>{stands}</Badge>
          {stands !== "closed" && reason !== "" && <div class="small">{reason}</div>}
        </div>
      );
    },
  },
  { title: "Health", cell: ({ health }) => health ?? <span class="quiet">not checked</span> },
];

function Factors({ candidate: { factors, weights } }: { candidate: CandidateShown }) {
  const named = Object.entries(factors);
  if (named.length === 0) return <span class="quiet">nothing measured</span>;
  return (
    <ul class="factors">
      {named.map(([name, value]) => (
        <li key={name}>
          <span class="quiet small">{name}</span> {value.toFixed(2)}
          <span class="quiet small"> × {(weights[name as keyof typeof weights] ?? 0).toFixed(2)}</span>
        </li>
      ))}
    </ul>
  );
}
