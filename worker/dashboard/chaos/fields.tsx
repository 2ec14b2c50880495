// The form of an experiment with one fault.
import { Field } from "../parts/basics.tsx";
import { FAULT_KINDS, FAULTS, type Draft, type FaultKind } from "./draft.ts";
import type { Playground } from "./written-policy.ts";

interface FieldsProps {
  readonly draft: Draft;
  readonly set: (draft: Draft) => void;
  readonly playground: Playground;
}

export function DraftFields({ draft, set, playground }: FieldsProps) {
  const change = (part: Partial<Draft>): void => set({ ...draft, ...part });
  const instances = playground.instancesOf(draft.target);
  return (
    <>
      <div class="form-pair">
        <Field label="Name">
          <input
            value={draft.name}
            maxLength={128}
            placeholder="one instance dies"
            onInput={({ currentTarget }) => change({ name: currentTarget.value })}
          />
        </Field>
        <Field label="Hypothesis">
          <input
            value={draft.hypothesis}
            maxLength={1024}
            placeholder="clients do not notice: another instance takes over"
            onInput={({ currentTarget }) => change({ hypothesis: currentTarget.value })}
          />
        </Field>
      </div>
      <fieldset>
        <legend>What happens, and to whom</legend>
        <div class="form-grid">
          <Field label="Fault">
            <select
              value={draft.kind}
              onChange={({ currentTarget }) => change({ kind: currentTarget.value as FaultKind, details: {} })}
            >
              {FAULT_KINDS.map((kind) => (
                <option key={kind} value={kind}>
                  {FAULTS[kind].title}
                </option>
              ))}
            </select>
          </Field>
          {FAULTS[draft.kind].fields.map(({ name, label, usual }) => (
            <Figure
              key={name}
              label={label}
              value={draft.details[name] ?? usual}
              optional={usual === ""}
              set={(value) => change({ details: { ...draft.details, [name]: value } })}
            />
          ))}
          <Field label="Target">
            <select
              value={draft.target}
              onChange={({ currentTarget }) => change({ target: currentTarget.value, instance: "" })}
            >
              {playground.targets.map((target) => (
                <option key={target} value={target}>
                  {target}
                </option>
              ))}
            </select>
          </Field>
          {instances.length > 0 && (
            <Field label="Instance">
              <select
                value={draft.instance}
                onChange={({ currentTarget }) => change({ instance: currentTarget.value })}
              >
                <option value="">any</option>
                {instances.map((id) => (
                  <option key={id} value={id}>
                    {id}
                  </option>
                ))}
              </select>
            </Field>
          )}
          <Figure
            label="Share of requests, %"
            value={draft.percent}
            most={100}
            set={(percent) => change({ percent })}
          />
          <Figure
            label="Lasts, s"
            value={draft.seconds}
            most={playground.maxDurationSeconds}
            set={(seconds) => change({ seconds })}
          />
        </div>
      </fieldset>
      <fieldset>
        <legend>When it has passed</legend>
        <div class="form-grid">
          <Figure
            label="Errors at most, %"
            value={draft.maxErrorPercent}
            most={100}
            set={(maxErrorPercent) => change({ maxErrorPercent })}
          />
          <Figure label="p95 at most, ms" value={draft.maxP95Ms} set={(maxP95Ms) => change({ maxP95Ms })} />
          <Figure
            label="Control group, %"
            value={draft.controlPercent}
            most={100}
            set={(controlPercent) => change({ controlPercent })}
          />
        </div>
        <label class="check">
          <input
            type="checkbox"
            checked={draft.countsForBreaker}
            onChange={({ currentTarget }) => change({ countsForBreaker: currentTarget.checked })}
          />
          <span>Breakers count these failures, as if they were real</span>
        </label>
      </fieldset>
    </>
  );
}

interface FigureProps {
  readonly label: string;
  readonly value: string;
  readonly set: (value: string) => void;
  readonly most?: number;
  readonly optional?: boolean;
}

function Figure({ label, value, set, most, optional = false }: FigureProps) {
  return (
    <Field label={label}>
      <input
        type="number"
        min={0}
        max={most}
        step="any"
        required={!optional}
        value={value}
        onInput={({ currentTarget }) => set(currentTarget.value)}
      />
    </Field>
  );
}
