// How an experiment is begun: from one the policy names, by a form, or as JSON; and never without being told first what it will do.
import { useState } from "preact/hooks";
import { ask } from "../api.ts";
import { duration, plural } from "../format.ts";
import { Card, Field, Note } from "../parts/basics.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { ActButton } from "../parts/needs.tsx";
import { say } from "../parts/said.tsx";
import { go } from "../router.ts";
import { draftOf, EMPTY, experimentOf, type Draft, type WrittenExperiment } from "./draft.ts";
import { DraftFields } from "./fields.tsx";
import type { Playground } from "./written-policy.ts";

type Mode = "form" | "json";

const pretty = (value: unknown): string => JSON.stringify(value, undefined, 2);

export function StartCard({ playground }: { playground: Playground }) {
  const [mode, setMode] = useState<Mode>("form");
  const [template, setTemplate] = useState("");
  const [draft, setDraft] = useState<Draft>({ ...EMPTY, target: playground.targets[0] ?? "" });
  const [text, setText] = useState("");
  const [asked, setAsked] = useState<WrittenExperiment | undefined>(undefined);
  const written = mode === "form" ? experimentOf(draft) : read(text);
  const inForm = mode === "form" ? draft : written === undefined ? undefined : draftSafely(written);
  const choose = (name: string): void => {
    setTemplate(name);
    const chosen = playground.experiments[name];
    if (chosen === undefined) return;
    const named = { name, ...chosen };
    const shown = draftSafely(named);
    setText(pretty(named));
    if (shown !== undefined) setDraft(shown);
    setMode(shown === undefined ? "json" : "form");
  };
  const turn = (to: Mode): void => {
    if (to === mode) return;
    if (to === "json") setText(pretty(written));
    else if (inForm !== undefined) setDraft(inForm);
    setMode(to);
  };
  return (
    <Card
      title="Start an experiment"
      name="start"
      aside={
        <div class="tabs" role="group" aria-label="How to write it">
          <button
            type="button"
            aria-pressed={mode === "form"}
            disabled={inForm === undefined}
            title={inForm === undefined ? "It holds more than the form can show." : undefined}
            onClick={() => turn("form")}
          >
            Form
          </button>
          <button type="button" aria-pressed={mode === "json"} onClick={() => turn("json")}>
            JSON
          </button>
        </div>
      }
    >
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          setAsked(written);
        }}
      >
        {Object.keys(playground.experiments).length > 0 && (
          <Field label="Start from" hint="Experiments that the policy names.">
            <select value={template} onChange={({ currentTarget }) => choose(currentTarget.value)}>
              <option value="">A new one</option>
              {Object.keys(playground.experiments).map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </Field>
        )}
        {mode === "form" ? (
          <DraftFields draft={draft} set={setDraft} playground={playground} />
        ) : (
          <Field label="Experiment as JSON" hint={written === undefined ? "This is not JSON yet." : undefined}>
            <textarea
              class="mono"
              rows={16}
              spellcheck={false}
              value={text}
              aria-invalid={written === undefined}
              onInput={({ currentTarget }) => setText(currentTarget.value)}
            />
          </Field>
        )}
        <div class="row">
          <ActButton needs="operator" type="submit" kind="main" disabled={written === undefined}>
            Start …
          </ActButton>
          <span class="quiet small">
            The policy allows {duration(playground.maxDurationSeconds * 1_000)} at most, and{" "}
            {plural(playground.maxConcurrent, "experiment")} at once.
          </span>
        </div>
      </form>
      {asked !== undefined && (
        <Confirm
          title="Break it on purpose?"
          verb="Start"
          danger
          act={async () => {
            const { value } = await ask<{ id: string }>("chaos/experiments", { method: "POST", body: asked });
            say("The experiment runs.");
            go("chaos", value.id);
          }}
          close={() => setAsked(undefined)}
        >
          <Consequences experiment={asked} />
        </Confirm>
      )}
    </Card>
  );
}

/** What somebody typed may have any shape: it is told as far as it can be read, and the gateway refuses what it is not. */
function Consequences({ experiment }: { experiment: Partial<WrittenExperiment> }) {
  const { faults, durationSeconds = 60, controlShare = 0.1 } = experiment;
  return (
    <>
      <p>
        For {duration(durationSeconds * 1_000)}, in every region, starting at once. It ends by itself, when its criteria
        are broken, or when you stop it.
      </p>
      <ul class="bullets">
        {(Array.isArray(faults) ? faults : []).map((fault: Partial<Fault> | null, index) => (
          <li key={index}>
            <strong>{String(fault?.kind)}</strong> befalls {percent(fault?.probability ?? 1)} of what goes to{" "}
            <code>{JSON.stringify(fault?.target)}</code>
          </li>
        ))}
      </ul>
      <Note tone="warn">
        Real requests are struck. {percent(controlShare)} of the targeted ones are spared, to compare with.
      </Note>
    </>
  );
}

type Fault = WrittenExperiment["faults"][number];

const percent = (value: number): string => `${Number((value * 100).toPrecision(4))} %`;

function read(text: string): WrittenExperiment | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as WrittenExperiment)
      : undefined;
  } catch {
    return undefined;
  }
}

/** What somebody typed may have any shape: what the form cannot read is no draft. */
function draftSafely(experiment: WrittenExperiment): Draft | undefined {
  try {
    return draftOf(experiment);
  } catch {
    return undefined;
  }
}
