// The cache: what it is worth by level, rule and key, what a request would find in it, and purging.
import { useState } from "preact/hooks";
import type { CacheAdvice } from "../../core/protocol/cache-news.ts";
import { post, Problem } from "../api.ts";
import type { CacheKeys, CacheStats, CacheWarmth } from "../cache/answer.ts";
import { PurgeCard } from "../cache/purge.tsx";
import { Keys, Levels, Patterns } from "../cache/usage.tsx";
import type { Lookup, Question } from "../explain/answer.ts";
import { CacheVerdict } from "../explain/cache-verdict.tsx";
import { QuestionForm } from "../explain/question.tsx";
import { bytes, count, duration, share } from "../format.ts";
import { Card, Note, PageHead, ProblemNote, Stat } from "../parts/basics.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { useResource } from "../resource.ts";

const EVERY_MS = 5_000;
const since = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

export function Cache() {
  const stats = useResource<CacheStats>("cache/stats", EVERY_MS);
  const keys = useResource<CacheKeys>("cache/keys", EVERY_MS);
  const warmth = useResource<CacheWarmth>("cache/warmth", EVERY_MS);
  const { value } = stats;
  return (
    <>
      <PageHead
        title="Cache"
        lead={value === undefined ? undefined : `All regions together, since ${since.format(new Date(value.since))}.`}
      />
      <ProblemNote problem={stats.problem ?? keys.problem ?? warmth.problem} />
      {value !== undefined && (
        <>
          {value.isolate === null && <Note tone="warn">The policy switches the cache off.</Note>}
          <Figures stats={value} warmth={warmth.value} />
        </>
      )}
      <div class="grid">
        <PurgeCard done={stats.reload} />
        <LookupCard />
      </div>
      {value?.isolate != null && <Levels isolate={value.isolate} />}
      {value !== undefined && <Patterns patterns={value.patterns} />}
      {keys.value !== undefined && <Keys keys={keys.value} />}
      {value !== undefined && value.advice.length > 0 && <Advice advice={value.advice} />}
    </>
  );
}

function Figures({ stats: { total, isolate }, warmth }: { stats: CacheStats; warmth: CacheWarmth | undefined }) {
  const asked = total.hits + total.misses;
  const fleet = warmth?.fleet;
  return (
    <div class="stats">
      <Stat
        name="hit-share"
        label="Answered from the cache"
        value={share(asked === 0 ? undefined : total.hitRatio)}
        note={`${count(total.hits)} of ${count(asked)}`}
      />
      <Stat name="saved" label="Waiting spared" value={duration(total.savedMs)} note={`${bytes(total.bytes)} served`} />
      <Stat
        name="wasted"
        label="Stored for nothing"
        value={count(total.wasted)}
        note={`of ${count(total.stored)} stored`}
      />
      {isolate !== null && (
        <Stat
          name="memory"
          label="In this isolate's memory"
          value={bytes(isolate.memory.bytes)}
          note={`of ${bytes(isolate.memory.maxBytes)}`}
        />
      )}
      <Stat
        name="ahead"
        label="Fetched ahead"
        value={warmth?.enabled === true ? count(fleet?.fetched) : "off"}
        note={
          warmth?.enabled === true && fleet != null && fleet.fetched > 0
            ? `${share(fleet.precision)} were asked for`
            : "by cache.prefetch"
        }
      />
    </div>
  );
}

function LookupCard() {
  const [lookup, setLookup] = useState<Lookup | undefined>(undefined);
  const [problem, setProblem] = useState<Problem | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const ask = async (question: Question): Promise<void> => {
    setBusy(true);
    setProblem(undefined);
    try {
      setLookup(await post<Lookup>("cache/lookup", question));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div class="stack">
      <Card title="Look up a request" name="lookup">
        <QuestionForm verb="Look up" busy={busy} ask={(question) => void ask(question)} />
      </Card>
      <ProblemNote problem={problem} />
      {lookup !== undefined && <CacheVerdict lookup={lookup} />}
    </div>
  );
}

const KIND: Readonly<Record<CacheAdvice["kind"], string>> = {
  raise_ttl: "Keep longer",
  lower_ttl: "Keep shorter",
  drop_rule: "Drop the rule",
  add_rule: "Add a rule",
  keep_less: "Keep less",
};

const ADVICE_COLUMNS: readonly Column<CacheAdvice>[] = [
  { title: "Advice", cell: ({ kind }) => <strong>{KIND[kind]}</strong> },
  { title: "Of", cell: ({ target }) => <code>{target}</code> },
  {
    title: "Lifetime",
    number: true,
    cell: ({ before, after }) => `${duration(before * 1_000)} → ${duration(after * 1_000)}`,
  },
  { title: "Why", cell: ({ reason }) => <span class="wrap">{reason}</span> },
  { title: "Spares", number: true, cell: ({ expectedImprovement }) => share(expectedImprovement) },
  { title: "Confidence", number: true, cell: ({ confidence }) => share(confidence) },
];

function Advice({ advice }: { advice: readonly CacheAdvice[] }) {
  return (
    <Card title="Advice" name="advice" aside="made true by changing the policy">
      <Table
        caption="Changes to cache rules that should help"
        columns={ADVICE_COLUMNS}
        rows={advice}
        keyOf={({ id }) => id}
        none="No advice"
      />
    </Card>
  );
}
