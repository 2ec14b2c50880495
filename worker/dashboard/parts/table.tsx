// Rows of the same kind. Numbers stand right and in tabular figures; on a narrow screen each row becomes a block in which
// every value carries its column's name.
import type { ComponentChildren } from "preact";
import { Empty } from "./basics.tsx";

export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => ComponentChildren;
  readonly number?: boolean;
}

interface TableProps<T> {
  /** What the rows are, for readers. */
  readonly caption: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
  /** Instead of rows, when there are none. */
  readonly none: string;
}

export function Table<T>({ caption, columns, rows, keyOf, none }: TableProps<T>) {
  if (rows.length === 0) return <Empty title={none} />;
  return (
    <div class="table-frame">
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ title, number }) => (
              <th key={title} scope="col" class={number === true ? "number" : undefined}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} data-row={keyOf(row)}>
              {columns.map(({ title, cell, number }) => (
                <td key={title} data-title={title} class={number === true ? "number" : undefined}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
