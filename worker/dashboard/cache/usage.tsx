// How much of the cache is worth it: by pattern, by key, by level.
import { useState } from "preact/hooks";
import type { UsageReading } from "../../core/protocol/cache-news.ts";
import { bytes, count, duration, NONE, share } from "../format.ts";
import { Badge, Card } from "../parts/basics.tsx";
import { CappedTable } from "../parts/capped.tsx";
import { Table, type Column } from "../parts/table.tsx";
import type { CacheKeys, CacheStats, LevelShown } from "./answer.ts";

const usageColumns = (title: string): Column<UsageReading>[] => [
  { title, cell: ({ name }) => <code>{name}</code> },
  { title: "Hits", number: true, cell: ({ hits }) => count(hits) },
  { title: "Of them stale", number: true, cell: ({ stale }) => count(stale) },
  { title: "Misses", number: true, cell: ({ misses }) => count(misses) },
  { title: "Hit share", number: true, cell: ({ hitRatio }) => share(hitRatio) },
  { title: "Stored", number: true, cell: ({ stored }) => count(stored) },
  { title: "Wasted", number: true, cell: ({ wasted }) => count(wasted) },
  { title: "Time saved", number: true, cell: ({ savedMs }) => (savedMs === 0 ? NONE : duration(savedMs)) },
  { title: "Served", number: true, cell: (each) => (each.bytes === 0 ? NONE : bytes(each.bytes)) },
];

export function Patterns({ patterns }: { patterns: readonly UsageReading[] }) {
  return (
    <Card title="By rule or pattern" name="patterns">
      <CappedTable
        caption="Use of the cache by rule, or by path pattern where no rule applies"
        columns={usageColumns("Pattern")}
        rows={patterns}
        keyOf={({ name }) => name}
        none="No request was looked up yet"
      />
    </Card>
  );
}

export function Keys({ keys }: { keys: CacheKeys }) {
  const [shown, setShown] = useState<"items" | "wasted">("items");
  return (
    <Card
      title="Keys"
      name="keys"
      aside={
        <div class="tabs" role="group" aria-label="Which keys">
          <button type="button" aria-pressed={shown === "items"} onClick={() => setShown("items")}>
            Most used
          </button>
          <button type="button" aria-pressed={shown === "wasted"} onClick={() => setShown("wasted")}>
            Stored for nothing
          </button>
        </div>
      }
    >
      <CappedTable
        caption={shown === "items" ? "The most used keys" : "Keys that were stored and never answered from"}
        columns={usageColumns("Key")}
        rows={keys[shown]}
        keyOf={({ name }) => name}
        none={shown === "items" ? "No request was looked up yet" : "Everything that was stored was asked for again"}
      />
    </Card>
  );
}

const LEVEL_COLUMNS: readonly Column<LevelShown>[] = [
  { title: "Level", cell: ({ name }) => <strong>{name}</strong> },
  { title: "Hits", number: true, cell: ({ hits }) => count(hits) },
  { title: "Misses", number: true, cell: ({ misses }) => count(misses) },
  {
    title: "Hit share",
    number: true,
    cell: ({ hits, misses }) => share(hits + misses === 0 ? undefined : hits / (hits + misses)),
  },
  { title: "Stored", number: true, cell: ({ stored }) => count(stored) },
  { title: "Too slow", number: true, cell: ({ timeouts }) => count(timeouts) },
  { title: "Failed", number: true, cell: ({ failures }) => count(failures) },
  {
    title: "State",
    cell: ({ resting, lastFailure }) => (
      <div>
        <Badge tone={resting ? "warn" : "good"}>{resting ? "resting" : "answers"}</Badge>
        {lastFailure !== "" && <div class="small">last failure: {lastFailure}</div>}
      </div>
    ),
  },
];

export function Levels({ isolate }: { isolate: NonNullable<CacheStats["isolate"]> }) {
  const { memory, levels, sparedReads, purges } = isolate;
  return (
    <Card title="Levels below memory" name="levels" aside="as the isolate that answers sees them">
      <Table
        caption="Levels of the cache below memory"
        columns={LEVEL_COLUMNS}
        rows={levels}
        keyOf={({ name }) => name}
        none="The policy has no level below memory"
      />
      <p class="quiet small after-table">
        Memory holds {count(memory.keys)} keys in {bytes(memory.bytes)} of {bytes(memory.maxBytes)}.{" "}
        {count(sparedReads)} reads of costly levels were spared, and {count(purges.lines)} purges are held against
        entries.
      </p>
    </Card>
  );
}
