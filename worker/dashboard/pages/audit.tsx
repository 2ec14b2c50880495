// The audit log: who changed what, and when. It is kept by the object that stores what was changed, in the same write.
import { useState } from "preact/hooks";
import type { AuditEntry } from "../../core/protocol/writes.ts";
import { useNow } from "../clock.ts";
import { ago, plural } from "../format.ts";
import { Card, Field, PageHead, ProblemNote } from "../parts/basics.tsx";
import { MoreButton } from "../parts/more.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { usePagedList } from "../paged-list.ts";

const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export function Audit() {
  const list = usePagedList<AuditEntry>("audit", ({ id }) => String(id), { everyMs: 5_000 });
  const [words, setWords] = useState("");
  const now = useNow(5_000);
  const items = list.items ?? [];
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = items.filter(({ actor, action, detail }) => {
    const text = `${actor} ${action} ${detail}`.toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
  const columns: Column<AuditEntry>[] = [
    {
      title: "When",
      cell: ({ at }) => (
        <div>
          <time dateTime={new Date(at).toISOString()}>{full.format(at)}</time>
          <div class="quiet small">{ago(at, now)}</div>
        </div>
      ),
    },
    { title: "Who", cell: ({ actor }) => <span class="wrap">{actor}</span> },
    { title: "What", cell: ({ action }) => <code>{action}</code> },
    { title: "Detail", cell: ({ detail }) => <span class="wrap">{detail === "" ? "–" : detail}</span> },
  ];
  return (
    <>
      <PageHead title="Audit log" lead="Who changed what. Credentials never stand here." />
      <ProblemNote problem={list.problem} />
      {list.items !== undefined && (
        <Card name="audit" aside={<span class="quiet">{plural(shown.length, "entry", "entries")}</span>}>
          <Field label="Find" hint={list.hasMore ? "Among the entries that are shown." : undefined}>
            <input
              type="search"
              value={words}
              placeholder="who, what or why"
              onInput={({ currentTarget }) => setWords(currentTarget.value)}
            />
          </Field>
          <Table
            caption="Changes, the newest first"
            columns={columns}
            rows={shown}
            keyOf={({ id }) => String(id)}
            none={items.length === 0 ? "Nothing was changed yet" : "No entry has these words"}
          />
          <MoreButton list={list} />
        </Card>
      )}
    </>
  );
}
