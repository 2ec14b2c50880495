// How an experiment went: its figures against its success criteria and against the control group, whether it must be stopped now,
// and what follows from it. Thresholds of recommendations are the seed's (A9): errors over 10 %, p95 over 5 s, recovery over 30 s.
import type { Experiment } from "./order.ts";

/** Figures of one group over the experiment, or over its last moments. */
export interface GroupFigures {
  readonly requests: number;
  readonly errorRate: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly perSecond: number;
}

export interface Sight {
  /** All targeted requests: struck, spared and neither. */
  readonly whole: GroupFigures;
  readonly faulted: GroupFigures;
  readonly control: GroupFigures;
  /** Struck requests as a share of all requests of the fleet. */
  readonly blastShare: number;
  /** From the end until errors were back at what they were before, seconds; undefined while not known, Infinity when they never were. */
  readonly recoverySeconds: number | undefined;
}

export interface Criterion {
  readonly name: "error_rate" | "throughput" | "p95" | "recovery" | "blast";
  readonly limit: number;
  /** Undefined: nothing was measured. */
  readonly value: number | undefined;
  readonly met: boolean;
}

/** Fewer requests than this prove nothing. */
const LEAST_REQUESTS = 20;

export function criteria({ success, maxBlastShare }: Experiment, sight: Sight): Criterion[] {
  const { whole, blastShare, recoverySeconds } = sight;
  const seen = whole.requests > 0;
  const all: Criterion[] = [
    atMost("error_rate", success.maxErrorRate, seen ? whole.errorRate : undefined),
    atMost("p95", success.maxP95Ms, seen ? whole.p95Ms : undefined),
    atMost("blast", maxBlastShare, seen ? blastShare : undefined),
    atMost("recovery", success.maxRecoverySeconds, recoverySeconds),
  ];
  const { minThroughput } = success;
  if (minThroughput !== undefined) {
    const value = seen ? whole.perSecond : undefined;
    all.push({ name: "throughput", limit: minThroughput, value, met: value === undefined || value >= minThroughput });
  }
  return all;
}

const atMost = (name: Criterion["name"], limit: number, value: number | undefined): Criterion => ({
  name,
  limit,
  value,
  met: value === undefined || value <= limit,
});

/** Why it must end at once; undefined when it may go on. Judged on the last moments, not on the whole. */
export function mustStop(spec: Experiment, sight: Sight): string | undefined {
  if (sight.whole.requests < LEAST_REQUESTS) return undefined;
  const broken = criteria(spec, sight).filter(({ met, name }) => !met && name !== "recovery");
  const blast = broken.find(({ name }) => name === "blast");
  if (blast !== undefined)
    return `the blast radius is exceeded: ${percent(blast.value)} of all requests are struck, ${percent(blast.limit)} are allowed`;
  if (!spec.rollbackOnFailure || broken.length === 0) return undefined;
  return `success criteria are not met: ${broken.map(inWords).join("; ")}`;
}

const percent = (share: number | undefined): string => `${((share ?? 0) * 100).toFixed(1)} %`;

export function inWords({ name, limit, value }: Criterion): string {
  switch (name) {
    case "error_rate":
      return `error rate ${percent(value)}, at most ${percent(limit)}`;
    case "blast":
      return `struck ${percent(value)} of all requests, at most ${percent(limit)}`;
    case "p95":
      return `p95 ${Math.round(value ?? 0)} ms, at most ${limit} ms`;
    case "throughput":
      return `${(value ?? 0).toFixed(1)} requests/s, at least ${limit}`;
    case "recovery":
      return `recovery ${value === Infinity ? "not seen" : `${Math.round(value ?? 0)} s`}, at most ${limit} s`;
  }
}

/** What to do about it, drawn from what happened; never empty. */
export function recommendations(spec: Experiment, sight: Sight): string[] {
  const { whole, faulted, control, recoverySeconds } = sight;
  if (whole.requests < LEAST_REQUESTS)
    return [
      `Only ${whole.requests} requests were targeted: run it longer, or with more traffic, before drawing conclusions.`,
    ];
  const advice: string[] = [];
  const kinds = new Set(spec.faults.map(({ kind }) => kind));
  if (whole.errorRate > 0.1) {
    advice.push(
      `Clients saw ${percent(whole.errorRate)} errors. Retries and fallbacks did not cover the fault: give the service a second instance or a \`fallback\`, and look at \`attempts\` (max, retryBudget).`,
    );
  }
  if (faulted.requests > 0 && faulted.errorRate > 0.5 && kinds.has("error"))
    advice.push(
      `${percent(faulted.errorRate)} of struck requests failed for good: what was struck was not repeatable, or every instance was a target.`,
    );
  if (whole.p95Ms > 5_000)
    advice.push(
      `95 % of answers took up to ${Math.round(whole.p95Ms)} ms: shorten \`timeouts.headersMs\`, or let a hedge start earlier (\`attempts.hedgeAfter\`).`,
    );
  else if (control.requests >= LEAST_REQUESTS && control.p95Ms > 0 && whole.p95Ms > 2 * control.p95Ms)
    advice.push(
      `p95 was ${(whole.p95Ms / control.p95Ms).toFixed(1)} times that of the control group (${Math.round(control.p95Ms)} ms): slow answers are waited for; \`attempts.hedgeAfter: "p95"\` would not.`,
    );
  if (recoverySeconds !== undefined && recoverySeconds > 30)
    advice.push(
      `It took ${recoverySeconds === Infinity ? "longer than was watched" : `${Math.round(recoverySeconds)} s`} until errors were back to normal: look at \`breaker.maxOpenMs\` and \`rampMs\`.`,
    );
  const broken = criteria(spec, sight).filter(({ met }) => !met);
  if (advice.length === 0 && broken.length > 0)
    advice.push(
      `Criteria were not met: ${broken.map(inWords).join("; ")}. Look at what struck requests met next: \`attempts\` (max, retryBudget), \`fallback\`, the breaker.`,
    );
  else if (advice.length === 0)
    advice.push(
      `Clients hardly noticed: ${percent(whole.errorRate)} errors while ${percent(faulted.requests / whole.requests)} of requests were struck. Try a greater share, or another kind of fault.`,
    );
  return advice;
}
