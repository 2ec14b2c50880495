// Suggestions: what could be better, what is being tried, what was kept or taken back, each with what it should bring and did bring.
import type { LearningReading } from "../../core/protocol/insight.ts";
import type { Mix } from "../../core/protocol/reports.ts";
import { useNow } from "../clock.ts";
import { ago, count } from "../format.ts";
import { Card, Empty, PageHead, ProblemNote } from "../parts/basics.tsx";
import { NeedsNote } from "../parts/needs.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { useResource } from "../resource.ts";
import type { Suggestions as Answer, SuggestionShown } from "../suggestions/answer.ts";
import { SuggestionItem } from "../suggestions/item.tsx";

interface Section {
  readonly title: string;
  readonly name: string;
  readonly states: readonly SuggestionShown["state"][];
}

const SECTIONS: readonly Section[] = [
  { title: "On trial", name: "trial", states: ["trial"] },
  { title: "Proposed", name: "proposed", states: ["proposed"] },
  { title: "Kept", name: "kept", states: ["kept"] },
  { title: "Taken back", name: "over", states: ["rolled_back", "superseded"] },
];

export function Suggestions() {
  const { value, problem, reload } = useResource<Answer>("suggestions", 5_000);
  const now = useNow();
  return (
    <>
      <PageHead
        title="Suggestions"
        lead="What could be better, tried on a share of the traffic and measured against the rest before it stays."
      />
      <ProblemNote problem={problem} />
      {value !== undefined && (
        <>
          {value.items.length > 0 && <NeedsNote needs="operator" what="apply a suggestion or roll it back" />}
          {SECTIONS.map((section) => (
            <SectionCard key={section.name} section={section} items={value.items} now={now} reload={reload} />
          ))}
          {value.items.length === 0 && (
            <Card name="nothing">
              <Empty title="Nothing is suggested">
                Suggestions are drawn from what passes through. With little traffic, or nothing to mend, there are none.
              </Empty>
            </Card>
          )}
          <Learning learning={value.learning} now={now} />
        </>
      )}
    </>
  );
}

interface SectionProps {
  readonly section: Section;
  readonly items: readonly SuggestionShown[];
  readonly now: number;
  readonly reload: () => void;
}

function SectionCard({ section: { title, name, states }, items, now, reload }: SectionProps) {
  const own = items.filter(({ state }) => states.includes(state));
  if (own.length === 0) return null;
  return (
    <Card title={title} name={name} aside={count(own.length)}>
      <ul class="alert-list">
        {own.map((each) => (
          <SuggestionItem key={each.id} suggestion={each} now={now} reload={reload} />
        ))}
      </ul>
    </Card>
  );
}

type Learned = LearningReading & { readonly service: string };

const PARTS = ["performance", "load", "proximity", "adaptive"] as const satisfies readonly (keyof Mix)[];

/** The weight now, and what the policy began with where that differs. */
const weight = (now: number, start: number): string =>
  now.toFixed(2) === start.toFixed(2) ? now.toFixed(2) : `${start.toFixed(2)} → ${now.toFixed(2)}`;

function Learning({ learning, now }: { learning: Answer["learning"]; now: number }) {
  const rows = Object.entries(learning).map(([service, reading]): Learned => ({ ...reading, service }));
  const columns: Column<Learned>[] = [
    { title: "Service", cell: ({ service }) => <strong>{service}</strong> },
    ...PARTS.map((part): Column<Learned> => ({
      ...{ title: part.charAt(0).toUpperCase() + part.slice(1), number: true },
      cell: ({ mix, start }) => weight(mix[part], start[part]),
    })),
    { title: "Choices since", number: true, cell: ({ choices }) => count(choices) },
    { title: "Looked at", cell: ({ analysedAt }) => ago(analysedAt, now) },
  ];
  return (
    <Card title="Learned weights" name="learning" aside="of services with intelligent_adaptive">
      <Table
        caption="Weights of intelligent_adaptive by service"
        columns={columns}
        rows={rows}
        keyOf={({ service }) => service}
        none="No service has reported choices of intelligent_adaptive yet"
      />
    </Card>
  );
}
