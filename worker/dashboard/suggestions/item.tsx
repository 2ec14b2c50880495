// One suggestion: what was seen, what would change, what it should bring, what it did bring, and a word of one's own.
import { useState } from "preact/hooks";
import type { MeasuredReading, SuggestionState } from "../../core/protocol/suggestions.ts";
import { post } from "../api.ts";
import { ago, count, duration, rate, share } from "../format.ts";
import { Badge, type Tone } from "../parts/basics.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { Facts } from "../parts/facts.tsx";
import { ActButton } from "../parts/needs.tsx";
import { say } from "../parts/said.tsx";
import { Table } from "../parts/table.tsx";
import type { SuggestionShown } from "./answer.ts";
import { effectInWords, figureName, figureValue, KIND } from "./words.ts";

const STATE: Readonly<Record<SuggestionState, readonly [tone: Tone, word: string]>> = {
  proposed: ["info", "proposed"],
  trial: ["warn", "on trial"],
  kept: ["good", "kept"],
  rolled_back: ["bad", "rolled back"],
  superseded: ["quiet", "superseded"],
};

interface ItemProps {
  readonly suggestion: SuggestionShown;
  readonly now: number;
  readonly reload: () => void;
}

export function SuggestionItem({ suggestion, now, reload }: ItemProps) {
  const { id, kind, state, service, route, reason, effect, expected, confidence, risk, measured } = suggestion;
  const [tone, word] = STATE[state];
  const place = [service, route].filter(Boolean).join(" · ");
  return (
    <li class="suggestion" data-suggestion={id} data-state={state}>
      <div class="alert-head">
        <div>
          <h3>{KIND[kind]}</h3>
          <p class="badges">
            <Badge tone={tone}>{word}</Badge>
            <span class="quiet">
              {place !== "" && `${place} · `}
              {whenOf(suggestion, now)}
            </span>
          </p>
        </div>
        <Decide suggestion={suggestion} reload={reload} />
      </div>
      <p>{reason}</p>
      <ChangeShown change={suggestion.change} />
      <Facts
        facts={[
          ["Should bring", effectInWords(effect.measure, effect.expected)],
          [
            "Does bring",
            effect.real === null ? (
              <span class="quiet">not measured yet</span>
            ) : (
              <strong class={effect.real < 0 ? "is-bad" : "is-good"}>
                {effectInWords(effect.measure, effect.real)}
              </strong>
            ),
          ],
          ["Confidence", share(confidence)],
          ["Speaks against it", risk.reason === "" ? share(risk.share) : `${risk.reason} (${share(risk.share)})`],
          ...Object.entries(expected).map(([name, value]) => [figureName(name), figureValue(name, value)] as const),
          ["Came to", suggestion.outcome === "" ? undefined : suggestion.outcome],
        ]}
      />
      {measured !== null && <Measured measured={measured} holdoutShare={suggestion.holdoutShare} />}
    </li>
  );
}

function whenOf({ proposedAt, appliedAt, decidedAt, decidedBy, state }: SuggestionShown, now: number): string {
  if (state === "proposed") return `proposed ${ago(proposedAt, now)}`;
  if (state === "trial") return `since ${ago(appliedAt, now)}${decidedBy === "" ? "" : `, by ${decidedBy}`}`;
  return `${ago(decidedAt, now)}${decidedBy === "" ? "" : `, by ${decidedBy}`}`;
}

const MOST_LETTERS = 72;

/** On one line where it fits. */
function written(value: unknown): string {
  const line = JSON.stringify(value);
  return line.length <= MOST_LETTERS ? line : JSON.stringify(value, undefined, 2);
}

function ChangeShown({ change: { path, before, after } }: Pick<SuggestionShown, "change">) {
  return (
    <div class={before == null ? "change is-new" : "change"}>
      <code class="quiet">{path}</code>
      {before != null && (
        <pre class="code is-removed">
          <span class="unseen">before: </span>
          {written(before)}
        </pre>
      )}
      <pre class="code is-added">
        <span class="unseen">after: </span>
        {written(after)}
      </pre>
    </div>
  );
}

const VERDICT: Readonly<Record<MeasuredReading["verdict"], readonly [tone: Tone, words: string]>> = {
  waiting: ["quiet", "too little evidence yet"],
  better: ["good", "better beyond noise"],
  worse: ["bad", "worse beyond noise"],
  alike: ["info", "no difference beyond noise"],
};

function Measured({ measured, holdoutShare }: { measured: MeasuredReading; holdoutShare: number }) {
  const [tone, words] = VERDICT[measured.verdict];
  const rows = [
    { name: "changed", of: measured.changed },
    { name: "as before", of: measured.holdout },
  ];
  return (
    <div class="framed">
      <p class="badges">
        <Badge tone={tone}>{words}</Badge>
        <span class="quiet small">
          {rate(Math.abs(measured.deviations))} standard errors apart; {share(holdoutShare)} of the traffic keeps the
          old way
        </span>
      </p>
      <Table
        caption="Changed traffic beside what was left as before"
        columns={[
          { title: "Group", cell: ({ name }) => <strong>{name}</strong> },
          { title: "Requests", number: true, cell: ({ of }) => count(of.requests) },
          { title: "Errors", number: true, cell: ({ of }) => share(of.errorRate) },
          { title: "Mean", number: true, cell: ({ of }) => duration(of.meanMs) },
          { title: "p95", number: true, cell: ({ of }) => duration(of.p95Ms) },
          { title: "Cache", number: true, cell: ({ of }) => share(of.hitRatio) },
          { title: "Attempts", number: true, cell: ({ of }) => of.attempts.toFixed(2) },
        ]}
        rows={rows}
        keyOf={({ name }) => name}
        none=""
      />
    </div>
  );
}

type Decision = "apply" | "rollback";

const DECISIONS: Readonly<Record<SuggestionShown["state"], Decision | undefined>> = {
  proposed: "apply",
  rolled_back: "apply",
  trial: "rollback",
  kept: "rollback",
  superseded: undefined,
};

function Decide({ suggestion: { id, state, kind, change }, reload }: Omit<ItemProps, "now">) {
  const [asking, setAsking] = useState(false);
  const decision = DECISIONS[state];
  if (decision === undefined) return null;
  const isApply = decision === "apply";
  const act = async (): Promise<void> => {
    await post(`suggestions/${encodeURIComponent(id)}:${decision}`);
    say(isApply ? "The suggestion is applied." : "The suggestion is rolled back.");
    reload();
  };
  return (
    <>
      <ActButton
        needs="operator"
        kind={isApply ? "main" : "danger"}
        label={`${isApply ? "Apply" : "Roll back"}: ${KIND[kind]}`}
        onClick={() => setAsking(true)}
      >
        {isApply ? "Apply …" : "Roll back …"}
      </ActButton>
      {asking && (
        <Confirm
          title={isApply ? "Apply this suggestion?" : "Roll this suggestion back?"}
          verb={isApply ? "Apply" : "Roll back"}
          danger={!isApply}
          act={act}
          close={() => setAsking(false)}
        >
          <p>
            <code>{change.path}</code>
          </p>
          <p>
            {isApply
              ? "Every region does so for most of the traffic; the rest keeps the old way, so that the effect can be measured. The policy itself is not changed."
              : "Every region goes back to what the policy says, within seconds."}
          </p>
        </Confirm>
      )}
    </>
  );
}
