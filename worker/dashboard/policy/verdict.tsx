// What is thought of the document, beside it: valid or not, each problem a button that leads to its place, and what would change.
import type { Change } from "../../core/policy/differences.ts";
import { plural } from "../format.ts";
import { Badge, Note, ProblemNote } from "../parts/basics.tsx";
import type { Checked, PolicyProblem } from "./document.ts";
import { lineAt, offsetOfLine, placeOf } from "./places.ts";

/** Offsets of what a problem is about. */
export function whereIs({ path, message }: PolicyProblem, text: string): { from: number; to: number } {
  // Of what is no JSON the message tells the place, for there is no path yet.
  const [, line, column] = /line (\d+), column (\d+)/.exec(path === "" ? message : "") ?? [];
  if (line !== undefined) {
    const from = offsetOfLine(text, Number(line)) + Number(column) - 1;
    return { from, to: from + 1 };
  }
  return path === "" ? { from: text.length, to: text.length } : placeOf(text, path);
}

interface VerdictProps {
  readonly id: string;
  readonly checked: Checked;
  readonly text: string;
  readonly isDirty: boolean;
  readonly jump: (from: number, to: number) => void;
}

export function VerdictPanel({ id, checked: { verdict, problem }, text, isDirty, jump }: VerdictProps) {
  return (
    <div class="verdict" id={id} role="status" data-valid={verdict?.valid}>
      <p class="row">
        {verdict === undefined && <Badge tone="quiet">{problem === undefined ? "checking …" : "not checked"}</Badge>}
        {verdict?.valid === true && <Badge tone="good">valid</Badge>}
        {verdict?.valid === false && <Badge tone="bad">{plural(verdict.errors.length, "problem")}</Badge>}
        <span class="quiet">{isDirty ? "edited" : "as it is in force"}</span>
      </p>
      <ProblemNote problem={problem} />
      {verdict !== undefined && verdict.errors.length > 0 && (
        <ul class="problems">
          {verdict.errors.map((each) => {
            const { from, to } = whereIs(each, text);
            return (
              <li key={each.path + each.message}>
                <button type="button" onClick={() => jump(from, to)}>
                  <span class="quiet small">line {lineAt(text, from)}</span>
                  {each.path !== "" && <code>{each.path}</code>}
                  <span>{each.message}</span>
                </button>
              </li>
            );
          })}
        </ul>
      )}
      {verdict !== undefined && verdict.pending.length > 0 && (
        <Note tone="warn">
          Not acted on by this version:
          <ul>
            {verdict.pending.map(({ section, reason }) => (
              <li key={section}>
                <code>{section}</code>: {reason}
              </li>
            ))}
          </ul>
        </Note>
      )}
      {verdict?.valid === true && isDirty && <ChangeList changes={verdict.changes} truncated={verdict.truncated} />}
    </div>
  );
}

export function ChangeList({ changes, truncated }: { changes: readonly Change[]; truncated: boolean }) {
  if (changes.length === 0) return <p class="quiet">Written differently, but it says the same.</p>;
  return (
    <>
      <h3>
        {plural(changes.length, "change")}
        {truncated && " and more"}
      </h3>
      <ul class="changes">
        {changes.map((change) => (
          <li key={change.kind + change.path}>
            <Badge tone={change.kind === "added" ? "good" : change.kind === "removed" ? "bad" : "warn"}>
              {change.kind}
            </Badge>{" "}
            <code>{change.path === "" ? "the document" : change.path}</code>{" "}
            <span class="quiet small">{valuesOf(change)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

function valuesOf(change: Change): string {
  switch (change.kind) {
    case "added":
      return short(change.after);
    case "removed":
      return short(change.before);
    case "changed":
      return `${short(change.before)} → ${short(change.after)}`;
  }
}

const LONGEST = 60;

function short(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
