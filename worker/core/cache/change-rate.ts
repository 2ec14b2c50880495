// How often a resource changes, learned from what revalidations find, and how long it may then be kept (SEEDS P16's learned
// lifetime). Changes are taken as a Poisson process (Cho and Garcia-Molina, "Estimating Frequency of Change", ACM TOIT 2003).
// A visit tells one of three things of the time since the last one: nothing changed, something did, or something did and
// Last-Modified says when. The likelihood of rate r (changes a ms) over all visits is greatest where its derivative is zero:
//
//   sum over changed t / (e^(r t) - 1)  +  (dated changes) / r  =  sum over unchanged t  +  sum over dated ages
//
// Like their estimator, ours adds half a visit of the other kind, so that "always changed" and "never changed" stay finite.
// A hit at a random moment of a lifetime T finds an outdated answer with probability 1 - (1 - e^(-rT)) / (rT).

/** Visits kept: enough for an estimate within about a third, and old habits are forgotten. */
const MOST_VISITS = 32;
/** With fewer nothing is learned yet. */
const FEWEST_VISITS = 4;

export interface Visit {
  /** Since the visit before, ms. */
  readonly elapsedMs: number;
  readonly changed: boolean;
  /** How long before this visit it was last modified, ms; undefined when nothing dates the change. */
  readonly ageMs?: number | undefined;
}

export interface ChangeHistory {
  readonly visits: readonly Visit[];
}

export const noHistory: ChangeHistory = { visits: [] };

export function visited(history: ChangeHistory, visit: Visit): ChangeHistory {
  if (!(visit.elapsedMs > 0)) return history;
  return { visits: [...history.visits.slice(1 - MOST_VISITS), visit] };
}

/** Changes a millisecond; undefined while too little is known. */
export function changeRate({ visits }: ChangeHistory): number | undefined {
  if (visits.length < FEWEST_VISITS) return undefined;
  const mean = visits.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0) / visits.length;
  // t and weight of each changed visit, t of the rest, and the dated ones.
  const changed: [ms: number, weight: number][] = [];
  let stillMs = 0;
  let dated = 0;
  for (const { elapsedMs, changed: moved, ageMs } of visits) {
    if (!moved) stillMs += elapsedMs;
    else if (ageMs === undefined || ageMs > elapsedMs) changed.push([elapsedMs, 1]);
    else {
      dated++;
      stillMs += Math.max(1, ageMs);
    }
  }
  if (stillMs === 0) stillMs = mean / 2;
  if (changed.length + dated === 0) changed.push([mean, 0.5]);
  /** Falls as the rate grows: positive below the estimate, negative above. */
  const slope = (rate: number): number =>
    changed.reduce((sum, [ms, weight]) => sum + (weight * ms) / Math.expm1(rate * ms), dated / rate) - stillMs;
  // Bounds far outside what visits of this length can tell, halved in the logarithm.
  let low = Math.log(1e-6 / mean);
  let high = Math.log(1e4 / mean);
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (slope(Math.exp(middle)) > 0) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}

/** Share of hits that are outdated when kept for `lifetimeMs`, hits coming at any moment alike. */
export function expectedStaleness(rate: number, lifetimeMs: number): number {
  const x = rate * lifetimeMs;
  return x === 0 ? 0 : 1 + Math.expm1(-x) / x;
}

/** The longest lifetime, ms, whose expected staleness keeps to `target` (0 to 1). */
export function lifetimeFor(rate: number, target: number): number {
  if (target <= 0) return 0;
  if (target >= 1) return Infinity;
  // 1 - (1 - e^-x)/x grows with x, is below x/2 and above 1 - 1/x.
  let low = 0;
  let high = 2 / (1 - target);
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (expectedStaleness(1, middle) <= target) low = middle;
    else high = middle;
  }
  return low / rate;
}
