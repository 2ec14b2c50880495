// A long table that shows its first rows until somebody wants them all.
import { useState } from "preact/hooks";
import { count } from "../format.ts";
import { Button } from "./basics.tsx";
import { Table, type Column } from "./table.tsx";

interface CappedTableProps<T> {
  readonly caption: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
  readonly none: string;
  readonly most?: number;
}

export function CappedTable<T>({ rows, most = 15, ...table }: CappedTableProps<T>) {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? rows : rows.slice(0, most);
  return (
    <>
      <Table {...table} rows={shown} />
      {rows.length > shown.length && (
        <div class="more">
          <Button onClick={() => setWhole(true)}>Show all {count(rows.length)}</Button>
        </div>
      )}
    </>
  );
}
