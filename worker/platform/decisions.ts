// A sample of a service's choices (SEEDS P7), kept in this isolate and read by the admin API. It costs a request a comparison.
import type { CompiledService } from "../core/policy/compiled.ts";
import { recordDecision, type Decision } from "../core/routing/decision.ts";
import type { Mix } from "../core/routing/score.ts";
import type { Candidate, ChoiceInput, Strategy } from "../core/routing/strategy.ts";
import type { InstanceState } from "./instances.ts";

/** One choice in so many is recorded, the first one among them. */
export const RECORD_EVERY = 100;
const MOST_KEPT = 32;

/** Of a service, what a record of its choice is made of. */
interface Chooser {
  readonly strategy: Strategy;
  readonly candidates: readonly Candidate[];
  readonly instances: readonly InstanceState[];
  readonly input: ChoiceInput;
  readonly mix: Mix;
  readonly compiled: CompiledService;
}

/** The newest recorded choices of one service, oldest first. */
export class Decisions {
  readonly items: Decision[] = [];

  /** The choice that was just made. */
  record(by: Chooser, chosen: number, tookMs: number): void {
    const evidence = by.instances.map(({ known }) => known);
    const { routing } = by.compiled.options;
    if (this.items.length >= MOST_KEPT) this.items.shift();
    this.items.push(recordDecision(by.strategy, by.candidates, evidence, chosen, by.input, by.mix, routing, tookMs));
  }
}
