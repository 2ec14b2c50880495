// The policy: read, edited with the gateway's own judgement beside it, compared with what is in force, pushed so that nobody's change is
// lost unseen, and rolled back.
import { useEffect, useRef, useState } from "preact/hooks";
import type { GenerationEntry } from "../../core/protocol/objects.ts";
import { Problem } from "../api.ts";
import { Card, Button, Note, PageHead, ProblemNote } from "../parts/basics.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { ActButton, NeedsNote } from "../parts/needs.tsx";
import { say } from "../parts/said.tsx";
import type { PageProps } from "../page-props.ts";
import { usePagedList } from "../paged-list.ts";
import { Difference } from "../policy/difference.tsx";
import {
  pretty,
  push,
  useDocument,
  useVerdict,
  type Document,
  type Editing,
  type PolicyProblem,
} from "../policy/document.ts";
import { Editor, type EditorHold } from "../policy/editor.tsx";
import { GenerationPage, GenerationTable, type Generations } from "../policy/generations.tsx";
import { lineAt } from "../policy/places.ts";
import { ChangeList, VerdictPanel, whereIs } from "../policy/verdict.tsx";
import { useMay } from "../session.ts";

export function Policy({ rest: [asked] }: PageProps) {
  const editing = useDocument();
  const generations: Generations = usePagedList("policy/history", ({ generation }) => String(generation), {
    limit: 20,
    everyMs: 5_000,
  });
  const taken = (): void => {
    generations.reload();
    void editing.reload("drop");
  };
  const generation = asked !== undefined && /^[1-9]\d{0,14}$/.test(asked) ? Number(asked) : undefined;
  if (generation !== undefined) return <GenerationPage key={generation} generation={generation} taken={taken} />;
  return (
    <>
      <Workbench editing={editing} generations={generations} />
      <GenerationTable list={generations} />
    </>
  );
}

type View = "edit" | "changes";

function Workbench({ editing, generations }: { editing: Editing; generations: Generations }) {
  const { document, isDirty, edit, reload } = editing;
  const may = useMay("admin");
  const [view, setView] = useState<View>("edit");
  const [pushing, setPushing] = useState(false);
  const hold = useRef<EditorHold>(null);
  const checked = useVerdict(document?.text, document?.base.generation);
  const newest = generations.items?.[0];
  const isBehind = newest !== undefined && document !== undefined && newest.generation > document.base.generation;
  // Whoever only looks is shown what is in force; whoever edits is asked.
  useEffect(() => {
    if (isBehind && !isDirty) void reload("drop");
  }, [isBehind, isDirty, reload]);
  const jump = (from: number, to: number): void => {
    setView("edit");
    // The field may have to come back first.
    window.setTimeout(() => hold.current?.jump(from, to));
  };
  const { verdict } = checked;
  const canPush = document !== undefined && isDirty && verdict?.valid === true && verdict.changes.length > 0;
  return (
    <>
      <PageHead title="Policy" lead={leadOf(document)}>
        <Button disabled={!isDirty} onClick={() => document !== undefined && edit(document.base.text)}>
          Discard edits
        </Button>
        <ActButton needs="admin" kind="main" disabled={!canPush} onClick={() => setPushing(true)}>
          Push …
        </ActButton>
      </PageHead>
      <NeedsNote needs="admin" what="change the policy" />
      <ProblemNote problem={editing.problem} />
      {isBehind && isDirty && <Behind newest={newest} reload={reload} />}
      {document !== undefined && (
        <Card
          name="document"
          title="Document"
          aside={
            <div class="row">
              <Views view={view} set={setView} />
              <Button disabled={!may || view !== "edit"} onClick={() => edit(laidOut(document.text))}>
                Lay out
              </Button>
            </div>
          }
        >
          {view === "edit" ? (
            <div class="bench">
              <Editor
                hold={hold}
                text={document.text}
                label="Policy document"
                edit={edit}
                readOnly={!may}
                badLines={linesOf(verdict?.errors ?? [], document.text)}
                describedBy="verdict"
              />
              <VerdictPanel id="verdict" checked={checked} text={document.text} isDirty={isDirty} jump={jump} />
            </div>
          ) : (
            <Difference
              before={document.base.text}
              after={laidOut(document.text)}
              caption={`From generation ${document.base.generation} to the edited document`}
              none="Nothing was edited"
            />
          )}
        </Card>
      )}
      {pushing && document !== undefined && (
        <PushDialog
          document={document}
          close={() => setPushing(false)}
          pushed={() => {
            generations.reload();
            return reload("drop");
          }}
          conflicted={generations.reload}
        >
          {verdict !== undefined && <ChangeList changes={verdict.changes} truncated={verdict.truncated} />}
        </PushDialog>
      )}
    </>
  );
}

function leadOf(document: Document | undefined): string {
  if (document === undefined) return "";
  const { generation } = document.base;
  return generation === 0
    ? "No policy is in force yet."
    : `Generation ${generation} is what this text is compared with.`;
}

function Views({ view, set }: { view: View; set: (view: View) => void }) {
  return (
    <div class="tabs" role="group" aria-label="What is shown">
      <button type="button" aria-pressed={view === "edit"} onClick={() => set("edit")}>
        Edit
      </button>
      <button type="button" aria-pressed={view === "changes"} onClick={() => set("changes")}>
        Compare
      </button>
    </div>
  );
}

/** Laid out as the stored one is; what is no JSON stays as it is. */
function laidOut(text: string): string {
  try {
    return pretty(JSON.parse(text));
  } catch {
    return text;
  }
}

function linesOf(errors: readonly PolicyProblem[], text: string): number[] {
  const lines = errors.map((each) => lineAt(text, whereIs(each, text).from));
  return [...new Set(lines)].toSorted((a, b) => a - b);
}

function Behind({ newest, reload }: { newest: GenerationEntry; reload: Editing["reload"] }) {
  return (
    <Note tone="warn">
      <p>
        {newest.actor} has pushed generation {newest.generation} meanwhile
        {newest.note !== "" && `: ${newest.note}`}. Your edits began from an earlier one and cannot be pushed as they
        are.
      </p>
      <div class="row">
        <Button onClick={() => void reload("keep")}>Keep my edits, compare with {newest.generation}</Button>
        <Button onClick={() => void reload("drop")}>Discard my edits</Button>
      </div>
    </Note>
  );
}

interface PushDialogProps {
  readonly document: Document;
  readonly close: () => void;
  readonly pushed: () => Promise<void>;
  readonly conflicted: () => void;
  readonly children: preact.ComponentChildren;
}

function PushDialog({ document, close, pushed, conflicted, children }: PushDialogProps) {
  return (
    <Confirm
      title={`Push in the place of generation ${document.base.generation}?`}
      verb="Push"
      wantsNote
      act={async (note) => {
        try {
          const { generation } = await push(document, note);
          say(`Generation ${generation} is in force.`);
        } catch (error) {
          if (!(error instanceof Problem) || error.status !== 412) throw error;
          conflicted();
          throw new Problem(
            412,
            { title: "Somebody else has pushed meanwhile. Nothing was written: close this and compare." },
            error.correlationId,
          );
        }
        await pushed();
      }}
      close={close}
    >
      <p>Every region obeys within five seconds. An earlier generation can be taken up again at any time.</p>
      <div class="dialog-scroll" tabIndex={0} role="group" aria-label="What changes">
        {children}
      </div>
    </Confirm>
  );
}
