// What isolates are told of an experiment, as it stands in the ledger `chaos`: enough to strike, nothing to report. It ends at
// `endsAt` by each isolate's own clock, whether or not anybody says so; `stopped` ends it before.
import type { InferOutput } from "valibot";
import type { experimentOptions } from "./options.ts";

export type Experiment = InferOutput<typeof experimentOptions>;
export type Fault = Experiment["faults"][number];

export interface ChaosOrder {
  readonly id: string;
  readonly name: string;
  readonly spec: Experiment;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly endsAt: number;
  readonly startedBy: string;
  /** Ended before its time: when, by whom, and why. */
  readonly stopped?: { readonly at: number; readonly by: string; readonly reason: string };
}

export type ExperimentState = "running" | "completed" | "stopped";

export function stateOf({ endsAt, stopped }: ChaosOrder, now: number): ExperimentState {
  if (stopped !== undefined) return "stopped";
  return now < endsAt ? "running" : "completed";
}

/** When it ended or will end. */
export const endOf = ({ endsAt, stopped }: ChaosOrder): number => Math.min(endsAt, stopped?.at ?? endsAt);
