// What a service would choose for a request that is only described, and why. Law: asking moves nothing. It works on copies, so
// that no turn, ramp or probe is used up by a question.
import { hasRoom } from "../core/resilience/concurrency.ts";
import { NOBODY, survey, suspect, suspectFrom } from "../core/resilience/available.ts";
import { standing, type Gate, type NewsState } from "../core/resilience/gate.ts";
import { REFUSED, chooseInstance, whyNone } from "../core/routing/choice.ts";
import { recordDecision } from "../core/routing/decision.ts";
import { pace } from "../core/routing/pace.ts";
import type { Place } from "../core/routing/regions.ts";
import { factorsFor, noFactors, weightsFor } from "../core/routing/score.ts";
import { choiceInput, compatibility, scoreFor, type Candidate, type ChoiceInput } from "../core/routing/strategy.ts";
import type { InstanceState } from "./instances.ts";
import type { ServiceState } from "./services.ts";

/** What choice depends on of a request, as `ChoiceInput` has it. */
export type Described = Pick<
  ChoiceInput,
  "like" | "affinityHash" | "method" | "payloadBytes" | "security" | "complexity"
>;

export function explainChoice(
  service: ServiceState,
  news: NewsState,
  request: Described,
  place: Place | undefined,
  now: number,
) {
  const { strategy, instances, compiled, mix, places, breaker } = service;
  const { routing } = compiled.options;
  const candidates = service.candidates.map((one) => ({ ...one }));
  const gates = service.gates.map((one) => ({ ...one }));
  const due = survey(gates, candidates, news, now, breaker);
  for (const one of candidates) if (one.ramp < 1 || one.rampStart > 0) pace(one, now, breaker);
  const input: ChoiceInput = { ...choiceInput(Math.random), ...request, now, explore: 0 };
  places?.order(input, place, now, routing.regions);
  const regionOrder = places?.names(input.regionOrder) ?? [];
  const from = suspectFrom(gates, candidates, breaker);
  const suspected = from === 0 ? NOBODY : suspect(gates, candidates, from, [], breaker);

  const beganMs = performance.now();
  const chosen = chooseInstance(strategy, candidates, input);
  const tookMs = performance.now() - beganMs;
  const evidence = instances.map(({ known }) => known);
  const idOf = (index: number): string | null => instances[index]?.compiled.id ?? null;
  return {
    algorithm: strategy.name,
    mix,
    regionOrder,
    candidates: instances.map((instance, index) =>
      viewOf(service, instance, candidates[index]!, gates[index]!, input, news),
    ),
    choice: chosen < 0 ? null : recordDecision(strategy, candidates, evidence, chosen, input, mix, routing, tookMs),
    refused:
      chosen >= 0 ? null : chosen === REFUSED ? "panic: those that stand have their share" : whyNone(candidates, input),
    // Asked first by a request that may be repeated: to find out whether it is well again, or whether it is broken.
    probe: idOf(due),
    suspect: idOf(suspected),
  };
}

function viewOf(
  service: ServiceState,
  { compiled, known, limiter }: InstanceState,
  c: Candidate,
  gate: Gate,
  input: ChoiceInput,
  news: NewsState,
) {
  const { id, origin, basePath, region, weight, priority } = compiled;
  const { routing } = service.compiled.options;
  const factors = factorsFor(c, known, input.like, input.now, routing, noFactors());
  const weights = weightsFor(factors, service.mix, routing, noFactors());
  if (c.demands !== undefined) factors.compatibility = compatibility(c.demands, input);
  const { local } = gate;
  return {
    ...{ id, url: origin + basePath, region, weight, priority },
    refused: refusalOf(c, gate, input, limiter === undefined || hasRoom(limiter)),
    score: scoreFor(c, input),
    merit: c.merit,
    factors: named(factors),
    weights: named(weights),
    ewmaMs: c.ewmaMs,
    inFlight: c.inFlight,
    ramp: c.ramp,
    limit: limiter === undefined ? null : Math.floor(limiter.limit),
    health: known.health?.status ?? null,
    breaker: {
      stands: standing(gate, news, input.now),
      region: { state: gate.state, reason: gate.reason, until: gate.until },
      isolate: { state: local.state, reason: local.reason, until: local.until, consecutiveFailures: local.consecutive },
    },
  };
}

/** Why it would not be chosen for this request; null when it could be. */
function refusalOf(c: Candidate, gate: Gate, input: ChoiceInput, free: boolean): string | null {
  if (c.open) return gate.reason === "manual" ? "an operator holds it open" : "its breaker is open";
  if (!gate.healthy) return "active checks find it unhealthy";
  if (c.weight <= 0) return "its weight is 0";
  if (c.demands !== undefined && compatibility(c.demands, input) === 0) return "it does not take such a request";
  return free ? null : "its limit of requests at once is reached";
}

/** What nobody reports is left out, and so is what weighs nothing. */
const named = (values: object): Record<string, number> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => typeof value === "number" && value === value));
