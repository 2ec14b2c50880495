// What a request would find in the cache, under which key, and what is stored there.
import { bytes, count, duration } from "../format.ts";
import { Badge, Card, type Tone } from "../parts/basics.tsx";
import { Facts } from "../parts/facts.tsx";
import { Table, type Column } from "../parts/table.tsx";
import type { Lookup, Variant } from "./answer.ts";

const WOULD: Readonly<Record<Lookup["would"], readonly [tone: Tone, words: string]>> = {
  hit: ["good", "answered from the cache"],
  stale: ["good", "answered stale, and fetched anew behind it"],
  validate: ["warn", "asked whether it still holds"],
  miss: ["info", "fetched from the origin"],
  bypass: ["quiet", "passes the cache by"],
  refused: ["bad", "refused"],
};

const COLUMNS: readonly Column<Variant>[] = [
  { title: "Level", cell: ({ level }) => level },
  { title: "Status", number: true, cell: ({ status }) => String(status) },
  { title: "Varies by", cell: ({ vary }) => (vary.length === 0 ? "–" : vary.join(", ")) },
  { title: "Age", number: true, cell: ({ ageSeconds }) => duration(ageSeconds * 1_000) },
  {
    title: "Lifetime",
    number: true,
    cell: ({ ttlSeconds, lifetimeFrom }) => `${duration(ttlSeconds * 1_000)}, ${lifetimeFrom}`,
  },
  { title: "Tags", cell: ({ tags }) => (tags.length === 0 ? "–" : tags.join(", ")) },
  { title: "Size", number: true, cell: (each) => bytes(each.bytes) },
  {
    title: "Purge",
    cell: ({ purge }) => <Badge tone={purge === "stands" ? "good" : "warn"}>{purge}</Badge>,
  },
];

export function CacheVerdict({ lookup }: { lookup: Lookup }) {
  const { would, why, level, key, label, rule, pattern, variants, region } = lookup;
  const [tone, words] = WOULD[would];
  return (
    <Card
      title="Cache"
      name="cache-verdict"
      aside={<span>as seen from {region === "" ? "this isolate" : region}</span>}
    >
      <Facts
        facts={[
          [
            "Would be",
            <>
              <Badge tone={tone}>{would}</Badge> {words}
              {level != null && `, from ${level}`}
            </>,
          ],
          ["Because", why],
          ["Key", key === undefined ? undefined : <code>{key}</code>],
          ["Key, in words", label === undefined ? undefined : <code>{label}</code>],
          [
            "Rule",
            rule == null ? (
              pattern === undefined ? undefined : (
                <span class="quiet">none; counted under {pattern}</span>
              )
            ) : (
              <>
                <code>{rule.id}</code>{" "}
                <span class="quiet">
                  {rule.strategy}, priority {count(rule.priority)}
                  {rule.ttlSeconds !== null && `, ${duration(rule.ttlSeconds * 1_000)}`}, {rule.mode}
                  {rule.varyBy.length > 0 && `, by ${rule.varyBy.join(", ")}`}
                </span>
              </>
            ),
          ],
        ]}
      />
      {variants !== undefined && (
        <div class="after-facts">
          <Table
            caption="Variants stored under the key"
            columns={COLUMNS}
            rows={variants}
            keyOf={(each) => `${each.level} ${each.variant}`}
            none="Nothing is stored under this key"
          />
        </div>
      )}
    </Card>
  );
}
