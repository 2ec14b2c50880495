// Taking answers out of the cache: one kind of target at a time, hard or soft, and never without being told first what it means.
import { useState } from "preact/hooks";
import { post } from "../api.ts";
import { Card, Field } from "../parts/basics.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { ActButton, NeedsNote } from "../parts/needs.tsx";
import { say } from "../parts/said.tsx";

type Kind = "url" | "prefix" | "tag" | "pattern" | "all";

const KINDS: Readonly<Record<Kind, { readonly title: string; readonly label: string; readonly example: string }>> = {
  url: { title: "One URL", label: "URL or path", example: "/api/v1/users/42" },
  prefix: { title: "All under a prefix", label: "Prefix", example: "/api/v1/users/" },
  tag: { title: "A tag", label: "Tag", example: "users" },
  pattern: { title: "A pattern", label: "Pattern, * for anything", example: "/api/*/users/*" },
  all: { title: "Everything", label: "", example: "" },
};
const NAMES = Object.keys(KINDS) as readonly Kind[];

interface Purged {
  readonly heard: Readonly<Record<string, boolean>>;
}

export function PurgeCard({ done }: { done: () => void }) {
  const [kind, setKind] = useState<Kind>("url");
  const [target, setTarget] = useState("");
  const [soft, setSoft] = useState(false);
  const [asking, setAsking] = useState(false);
  const { label, example } = KINDS[kind];
  const words = kind === "all" ? "everything" : `${kind} ${target}`;
  const purge = async (): Promise<void> => {
    const body = { [kind]: kind === "all" ? true : target, soft };
    const { heard } = await post<Purged>("cache/purge", body);
    const deaf = Object.entries(heard).flatMap(([region, told]) => (told ? [] : [region]));
    say(
      deaf.length === 0
        ? `Purged ${words} in every region.`
        : `Purged ${words}. Not reached yet: ${deaf.join(", ")}, which obeys when it next answers.`,
    );
    done();
  };
  return (
    <Card title="Purge" name="purge">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          setAsking(true);
        }}
      >
        <NeedsNote needs="operator" what="purge" />
        <div class="form-grid">
          <Field label="What">
            <select value={kind} onChange={({ currentTarget }) => setKind(currentTarget.value as Kind)}>
              {NAMES.map((name) => (
                <option key={name} value={name}>
                  {KINDS[name].title}
                </option>
              ))}
            </select>
          </Field>
          {kind !== "all" && (
            <Field label={label}>
              <input
                class="mono"
                value={target}
                required
                maxLength={2048}
                placeholder={example}
                spellcheck={false}
                autocomplete="off"
                autocapitalize="off"
                onInput={({ currentTarget }) => setTarget(currentTarget.value)}
              />
            </Field>
          )}
        </div>
        <fieldset class="choices">
          <legend>How</legend>
          <Choice name="hard" chosen={!soft} choose={() => setSoft(false)}>
            Hard: it is gone; the next request goes to the origin
          </Choice>
          <Choice name="soft" chosen={soft} choose={() => setSoft(true)}>
            Soft: it is stale; the origin is asked whether it still holds
          </Choice>
        </fieldset>
        <div>
          <ActButton needs="operator" type="submit" kind="danger">
            Purge …
          </ActButton>
        </div>
      </form>
      {asking && (
        <Confirm title={`Purge ${words}?`} verb="Purge" danger act={purge} close={() => setAsking(false)}>
          <p>
            {soft ? "What is stored is asked about before it is used again" : "What is stored is not used any more"}, in
            every level of every region, within five seconds.
          </p>
          {kind === "all" && <p>The origins will be asked for everything again.</p>}
        </Confirm>
      )}
    </Card>
  );
}

interface ChoiceProps {
  readonly name: string;
  readonly chosen: boolean;
  readonly choose: () => void;
  readonly children: string;
}

function Choice({ name, chosen, choose, children }: ChoiceProps) {
  return (
    <label class="check">
      <input type="radio" name="purge-how" value={name} checked={chosen} onChange={choose} />
      <span>{children}</span>
    </label>
  );
}
