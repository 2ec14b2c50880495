// The generations there were: who pushed them, and a way to see and to take one up again.
import { useEffect, useState } from "preact/hooks";
import type { GenerationEntry } from "../../core/protocol/objects.ts";
import { Problem } from "../api.ts";
import { useNow } from "../clock.ts";
import { bytes, moment } from "../format.ts";
import { Badge, Card, PageHead, ProblemNote } from "../parts/basics.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { MoreButton } from "../parts/more.tsx";
import { ActButton, NeedsNote } from "../parts/needs.tsx";
import { say } from "../parts/said.tsx";
import { Table, type Column } from "../parts/table.tsx";
import type { PagedList } from "../paged-list.ts";
import { go, linkTo } from "../router.ts";
import { Difference } from "./difference.tsx";
import { readGeneration, rollBack, type Base } from "./document.ts";

export type Generations = PagedList<GenerationEntry, { items: GenerationEntry[]; next: number | string | null }>;

export function GenerationTable({ list }: { list: Generations }) {
  const now = useNow(10_000);
  const newest = list.items?.[0]?.generation;
  const columns: Column<GenerationEntry>[] = [
    {
      title: "Generation",
      cell: ({ generation, rollbackOf }) => (
        <div>
          {generation === newest ? (
            <>
              <strong>{generation}</strong> <Badge tone="good">in force</Badge>
            </>
          ) : (
            <a href={linkTo("policy", String(generation))}>{generation}</a>
          )}
          {rollbackOf > 0 && <div class="quiet small">{rollbackOf} again</div>}
        </div>
      ),
    },
    { title: "Pushed", cell: ({ at }) => moment(at, now) },
    { title: "By", cell: ({ actor }) => <span class="wrap">{actor}</span> },
    { title: "Reason", cell: ({ note }) => (note === "" ? "–" : <span class="wrap">{note}</span>) },
    { title: "Size", number: true, cell: (each) => bytes(each.bytes) },
  ];
  return (
    <Card title="Generations" name="generations">
      <ProblemNote problem={list.problem} />
      <Table
        caption="Generations of the policy, the newest first"
        columns={columns}
        rows={list.items ?? []}
        keyOf={({ generation }) => String(generation)}
        none="No policy was pushed yet"
      />
      <MoreButton list={list} />
    </Card>
  );
}

/** One earlier generation beside the one in force. `taken` is told when it was taken up again. */
export function GenerationPage({ generation, taken }: { generation: number; taken: () => void }) {
  const [both, setBoth] = useState<{ past: Base; present: Base } | undefined>(undefined);
  const [problem, setProblem] = useState<Problem | undefined>(undefined);
  const [asking, setAsking] = useState(false);
  useEffect(() => {
    Promise.all([readGeneration(generation), readGeneration()]).then(
      ([past, present]) => setBoth({ past, present }),
      (error: unknown) => {
        if (!(error instanceof Problem)) throw error;
        setProblem(error);
      },
    );
  }, [generation]);
  return (
    <>
      <nav class="crumbs" aria-label="Where this page belongs">
        <a href={linkTo("policy")}>Policy</a>
      </nav>
      <PageHead
        title={`Generation ${generation}`}
        lead={
          both === undefined
            ? undefined
            : `What would change if it took the place of generation ${both.present.generation}.`
        }
      >
        {both !== undefined && both.present.text !== both.past.text && (
          <ActButton needs="admin" kind="main" onClick={() => setAsking(true)}>
            Roll back to {generation} …
          </ActButton>
        )}
      </PageHead>
      <NeedsNote needs="admin" what="roll back" />
      <ProblemNote problem={problem} />
      {both !== undefined && (
        <>
          <Card title="Changes" name="rollback-changes">
            <Difference
              before={both.present.text}
              after={both.past.text}
              caption={`From generation ${both.present.generation} to ${generation}`}
              none={`Generation ${both.present.generation} says the same`}
            />
          </Card>
          <Card title="Document" name="generation-text">
            <pre class="code is-tall" tabIndex={0}>
              {both.past.text}
            </pre>
          </Card>
        </>
      )}
      {asking && both !== undefined && (
        <Confirm
          title={`Roll back to generation ${generation}?`}
          verb="Roll back"
          wantsNote
          act={async (note) => {
            const stored = await rollBack(generation, both.present.generation, note);
            say(`Generation ${stored.generation} is in force: ${generation} again.`);
            taken();
            go("policy");
          }}
          close={() => setAsking(false)}
        >
          <p>Its document becomes a new generation, and every region obeys within five seconds.</p>
        </Confirm>
      )}
    </>
  );
}
