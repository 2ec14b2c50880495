// What two documents differ in: line by line, with what stands around.
import { useMemo } from "preact/hooks";
import { plural } from "../format.ts";
import { Empty } from "../parts/basics.tsx";
import { compareLines, hunksOf, type Line } from "./lines.ts";

interface DifferenceProps {
  readonly before: string;
  readonly after: string;
  /** What the lines are of, for readers. */
  readonly caption: string;
  readonly none: string;
}

const SIGN: Readonly<Record<Line["kind"], string>> = { same: " ", added: "+", removed: "−" };
const WORD: Readonly<Record<Line["kind"], string>> = { same: "", added: "added: ", removed: "removed: " };

export function Difference({ before, after, caption, none }: DifferenceProps) {
  const lines = useMemo(() => compareLines(before, after), [before, after]);
  const hunks = useMemo(() => hunksOf(lines), [lines]);
  const countOf = (wanted: Line["kind"]): number => lines.filter(({ kind }) => kind === wanted).length;
  if (hunks.length === 0) return <Empty title={none} />;
  return (
    <div class="difference" role="group" aria-label={caption} tabIndex={0}>
      <p class="small quiet">
        {plural(countOf("added"), "line")} more, {plural(countOf("removed"), "line")} less
      </p>
      {hunks.map((hunk, index) => (
        <ol key={index} class="hunk">
          {hunk.map(({ kind, text, before: old, after: now }) => (
            <li key={`${kind} ${old ?? now}`} class={`line is-${kind}`}>
              <span class="line-number" aria-hidden="true">
                {now ?? old}
              </span>
              <span class="line-sign" aria-hidden="true">
                {SIGN[kind]}
              </span>
              <code>
                <span class="unseen">{WORD[kind]}</span>
                {text}
              </code>
            </li>
          ))}
        </ol>
      ))}
    </div>
  );
}
