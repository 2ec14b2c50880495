// Chaos: experiments that run and have run, and how to begin one; what is begun or chosen has a page of its own.
import type { WrittenPolicy } from "../../core/policy/schema.ts";
import { ExperimentPage, verdictOf, type ShownExperiment } from "../chaos/experiment.tsx";
import { StartCard } from "../chaos/start.tsx";
import { playgroundOf } from "../chaos/written-policy.ts";
import { useNow } from "../clock.ts";
import { ago, count, duration, share } from "../format.ts";
import { Badge, Card, Note, PageHead, ProblemNote } from "../parts/basics.tsx";
import { NeedsNote } from "../parts/needs.tsx";
import { Table, type Column } from "../parts/table.tsx";
import type { PageProps } from "../page-props.ts";
import { useResource } from "../resource.ts";
import { linkTo } from "../router.ts";

type Listed = Omit<ShownExperiment, "timeline">;

export function Chaos({ rest: [id] }: PageProps) {
  return id === undefined ? <Experiments /> : <ExperimentPage key={id} id={id} />;
}

function Experiments() {
  const list = useResource<{ items: readonly Listed[] }>("chaos/experiments", 3_000);
  const policy = useResource<WrittenPolicy>("policy", 15_000);
  const now = useNow();
  const playground = policy.value === undefined ? undefined : playgroundOf(policy.value);
  const columns: Column<Listed>[] = [
    {
      title: "Experiment",
      cell: ({ id, name, hypothesis }) => (
        <div>
          <a href={linkTo("chaos", id)}>{name}</a>
          {hypothesis !== "" && <div class="quiet small">{hypothesis}</div>}
        </div>
      ),
    },
    {
      title: "State",
      cell: (each) => {
        const [tone, word] = verdictOf(each);
        return <Badge tone={tone}>{word}</Badge>;
      },
    },
    { title: "Started", cell: ({ startedAt }) => ago(startedAt, now) },
    {
      title: "Lasted",
      number: true,
      cell: ({ startedAt, endedAt }) => duration((endedAt || now) - startedAt),
    },
    { title: "Targeted", number: true, cell: ({ whole }) => count(whole.requests) },
    { title: "Struck, of all", number: true, cell: ({ blastShare }) => share(blastShare) },
  ];
  return (
    <>
      <PageHead
        title="Chaos"
        lead="Break something on purpose, for some of the requests, for a while, and see whether clients notice."
      />
      <ProblemNote problem={list.problem ?? policy.problem} />
      {playground?.enabled === false && (
        <Note tone="info">
          The policy allows no experiments. They may be started once it says <code>{'"chaos": {"enabled": true}'}</code>
          : <a href={linkTo("policy")}>edit the policy</a>.
        </Note>
      )}
      {playground?.enabled === true && (
        <>
          <NeedsNote needs="operator" what="start an experiment" />
          <StartCard playground={playground} />
        </>
      )}
      {list.value !== undefined && (
        <Card title="Experiments" name="experiments">
          <Table
            caption="Experiments, the newest first"
            columns={columns}
            rows={list.value.items}
            keyOf={({ id }) => id}
            none="No experiment was started yet"
          />
        </Card>
      )}
    </>
  );
}
