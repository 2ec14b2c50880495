// An experiment as a form holds it: texts of its controls, with percents where the gateway has shares. The form knows one fault of one service
// or provider; what is more than that is written as JSON.
import type { InferInput } from "valibot";
import type { experimentOptions } from "../../core/chaos/options.ts";

export type WrittenExperiment = InferInput<typeof experimentOptions>;
type WrittenFault = WrittenExperiment["faults"][number];
export type FaultKind = WrittenFault["kind"];

export interface FaultField {
  readonly name: string;
  readonly label: string;
  /** "" where it may be left out. */
  readonly usual: string;
  /** What is written is this many times what is shown. */
  readonly per?: number;
}

interface FaultWords {
  readonly title: string;
  readonly fields: readonly FaultField[];
}

export const FAULTS: Readonly<Record<FaultKind, FaultWords>> = {
  error: { title: "Answer with an error", fields: [{ name: "status", label: "Status", usual: "503" }] },
  delay: {
    title: "Delay before it is sent",
    fields: [
      { name: "delayMs", label: "Delay, ms", usual: "1000" },
      { name: "jitterMs", label: "Up to this much more, ms", usual: "" },
    ],
  },
  timeout: { title: "Never answer", fields: [{ name: "afterMs", label: "Gives up after, ms", usual: "30000" }] },
  reset: { title: "Lose the connection", fields: [] },
  cut: { title: "Cut the answer short", fields: [{ name: "afterBytes", label: "After bytes", usual: "1024" }] },
  stall: { title: "Stall amid the answer", fields: [{ name: "afterBytes", label: "After bytes", usual: "1024" }] },
  drip: { title: "Drip the answer", fields: [{ name: "bytesPerSecond", label: "Bytes a second", usual: "100" }] },
  corruption: {
    title: "Corrupt bytes of the answer",
    fields: [{ name: "byteShare", label: "Share of bytes, %", usual: "1", per: 0.01 }],
  },
  malformed_event: { title: "Break an event of a stream", fields: [] },
  missing_done: { title: "Leave out the end of a stream", fields: [] },
};

export const FAULT_KINDS = Object.keys(FAULTS) as readonly FaultKind[];

export interface Draft {
  readonly name: string;
  readonly hypothesis: string;
  readonly kind: FaultKind;
  /** Of the fault, by field. */
  readonly details: Readonly<Record<string, string>>;
  /** `service orders` or `provider openai`; "" for none yet. */
  readonly target: string;
  /** "" for any. */
  readonly instance: string;
  readonly percent: string;
  readonly seconds: string;
  readonly controlPercent: string;
  readonly maxErrorPercent: string;
  readonly maxP95Ms: string;
  readonly countsForBreaker: boolean;
}

export const EMPTY: Draft = {
  name: "",
  hypothesis: "",
  kind: "error",
  details: {},
  target: "",
  instance: "",
  percent: "100",
  seconds: "60",
  controlPercent: "10",
  maxErrorPercent: "10",
  maxP95Ms: "5000",
  countsForBreaker: false,
};

/** As it is sent; what is no number becomes null, which the gateway refuses with its path. */
export function experimentOf(draft: Draft): WrittenExperiment {
  const { name, hypothesis, kind, details, target, instance, percent, seconds, controlPercent } = draft;
  const [what = "", ...names] = target.split(" ");
  const own = FAULTS[kind].fields.flatMap(({ name, usual, per = 1 }) => {
    const text = details[name] ?? usual;
    return text === "" && usual === "" ? [] : [[name, number(text, per)]];
  });
  const fault = {
    kind,
    ...Object.fromEntries(own),
    probability: number(percent, 0.01),
    target: { ...(what === "" ? {} : { [what]: names.join(" ") }), ...(instance === "" ? {} : { instance }) },
  };
  return {
    ...(name.trim() === "" ? {} : { name: name.trim() }),
    ...(hypothesis.trim() === "" ? {} : { hypothesis: hypothesis.trim() }),
    faults: [fault as WrittenFault],
    durationSeconds: number(seconds),
    success: { maxErrorRate: number(draft.maxErrorPercent, 0.01), maxP95Ms: number(draft.maxP95Ms) },
    controlShare: number(controlPercent, 0.01),
    ...(draft.countsForBreaker ? { countsForBreaker: true } : {}),
  };
}

/** Percents without the dust of binary fractions: 0.07, not 0.07000000000000001. */
function number(text: string, per = 1): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  return per === 1 ? value : Number((value * per).toPrecision(12));
}

/** The form of an experiment; undefined when it holds more than the form can show. */
export function draftOf(experiment: WrittenExperiment): Draft | undefined {
  const [fault, ...others] = experiment.faults ?? [];
  if (fault === undefined || others.length > 0) return undefined;
  const { service, provider, instance } = fault.target;
  const words = FAULTS[fault.kind];
  if (words === undefined || (service === undefined && provider === undefined)) return undefined;
  const written = fault as Readonly<Record<string, unknown>>;
  const details = words.fields.flatMap(({ name, per = 1 }) =>
    typeof written[name] === "number" ? [[name, shown(written[name] / per)]] : [],
  );
  const draft: Draft = {
    name: experiment.name ?? "",
    hypothesis: experiment.hypothesis ?? "",
    kind: fault.kind,
    details: Object.fromEntries(details),
    target: service === undefined ? `provider ${provider}` : `service ${service}`,
    instance: instance ?? "",
    percent: shown((fault.probability ?? 1) * 100),
    seconds: shown(experiment.durationSeconds ?? Number(EMPTY.seconds)),
    controlPercent: shown((experiment.controlShare ?? 0.1) * 100),
    maxErrorPercent: shown((experiment.success?.maxErrorRate ?? 0.1) * 100),
    maxP95Ms: shown(experiment.success?.maxP95Ms ?? Number(EMPTY.maxP95Ms)),
    countsForBreaker: experiment.countsForBreaker ?? false,
  };
  // A field the form does not know would be lost by sending the form.
  return isWithin(experiment, experimentOf(draft)) ? draft : undefined;
}

const shown = (value: number): string => String(Number(value.toPrecision(12)));

/** Everything written in `one` stands in `other` too. */
function isWithin(one: unknown, other: unknown): boolean {
  if (typeof one !== "object" || one === null) return Object.is(one, other);
  if (typeof other !== "object" || other === null) return false;
  return Object.entries(one).every(([name, value]) =>
    isWithin(value, (other as Readonly<Record<string, unknown>>)[name]),
  );
}
