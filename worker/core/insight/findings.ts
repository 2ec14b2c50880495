// What the evidence of an analysis says about routes (SEEDS P11): which instance is too slow for a kind of request, which region keeps what
// it should hand over, which deadline or breaker does not fit how long answers take, which retries never help. Pure tables: rows of
// evidence and the policy's figures in, findings out. A finding names what it would change and what it expects of that.
import type { EffectMeasure, SuggestionKind, TrialChange } from "../protocol/suggestions.ts";
import { quantile, mergeTimes } from "../stats/sketch.ts";
import { wilsonHigh, wilsonLow } from "../stats/shares.ts";
import { moments, slowerBy } from "./arms.ts";
import type { Kind } from "./kinds.ts";

export interface Finding {
  /** What it is about: one suggestion of a kind a target. */
  readonly target: string;
  readonly kind: Exclude<SuggestionKind, "mix" | "lifetime">;
  readonly service: string;
  readonly route: string;
  readonly reason: string;
  readonly change: { readonly path: string; readonly before: unknown; readonly after: unknown };
  readonly trial: TrialChange;
  readonly effect: { readonly measure: EffectMeasure; readonly expected: number };
  readonly expected: Readonly<Record<string, number>>;
  readonly confidence: number;
  readonly risk: { readonly share: number; readonly reason: string };
  /** A trial is not kept before it has lasted so long, ms. */
  readonly leastMs: number;
  /**
   * Requests of its trial's two groups take so differently long that what has ended sooner than this says nothing of the rest: counted is from
   * then on, ms. Left out: from the beginning.
   */
  readonly settlesMs?: number;
}

/** What the policy says of a route and its service, as far as findings need it. */
export interface RouteFacts {
  readonly route: string;
  /** Where it stands in the document, `routes[3]`. */
  readonly path: string;
  readonly service: string;
  readonly headersMs: number;
  /** Undefined: it has no breaker. */
  readonly breaker: { readonly slowMs: number; readonly slowRate: number; readonly cycleMs: number } | undefined;
  readonly attempts: number;
  readonly hedges: boolean;
  readonly instances: readonly { readonly id: string; readonly region: string }[];
  /** By region, requests at once it is meant to carry. */
  readonly capacities: Readonly<Record<string, number>>;
  readonly spillAtLoad: number;
}

/** Standard errors from which on an instance is slower than the others. */
const CERTAIN = 4;
const SLOWER = 1.5;
const EXCLUDED_FROM = 4;

export function findRoutes(
  kinds: readonly Kind[],
  facts: readonly RouteFacts[],
  minimum: number,
  windowMs: number,
): Finding[] {
  return facts.flatMap((route) => {
    const own = kinds.filter((kind) => kind.route === route.route && kind.service === route.service);
    return [
      ...slowInstances(own, route, minimum),
      timeout(own, route, minimum),
      breaker(own, route, minimum),
      retries(own, route, minimum),
      spill(own, route, minimum, windowMs),
    ].filter((finding) => finding !== undefined);
  });
}

// --- an instance slower for a kind of request ---

/** Compared are those that stand together: that another region is further away is no instance's fault. */
function slowInstances(kinds: readonly Kind[], facts: RouteFacts, minimum: number): Finding[] {
  const regionOf = new Map(facts.instances.map(({ id, region }) => [id, region]));
  const groups = new Map<string, Map<string, number[]>>();
  for (const { method, instance, times } of kinds) {
    if (instance === "") continue;
    const name = `${method} ${regionOf.get(instance) ?? ""}`;
    const group = groups.get(name) ?? new Map<string, number[]>();
    groups.set(name, group.set(instance, mergeTimes(group.get(instance) ?? [], times)));
  }
  return [...groups].flatMap(([name, group]) => slowest(group, name.slice(0, name.indexOf(" ")), facts, minimum) ?? []);
}

/** The slowest of them, where it stands apart; one a kind of request, for its share goes to the others. */
function slowest(
  byInstance: ReadonlyMap<string, number[]>,
  method: string,
  { route, path, service }: RouteFacts,
  minimum: number,
): Finding | undefined {
  let worst:
    | { instance: string; ratio: number; certain: number; expected: number; ownMs: number; othersMs: number }
    | undefined;
  for (const [instance, times] of byInstance) {
    const own = moments(times);
    const rest = [...byInstance].filter(([other]) => other !== instance).map(([, others]) => others);
    const others = moments(rest.reduce((sum, more) => mergeTimes(sum, more), [] as number[]));
    // An instance that is seldom chosen has told little: half of the evidence must do.
    if (own.count < minimum / 2 || others.count < minimum) continue;
    const ratio = own.mean / others.mean;
    const certain = slowerBy(others, own);
    if (ratio < SLOWER || certain < CERTAIN || ratio <= (worst?.ratio ?? 0)) continue;
    const whole = own.count * own.mean + others.count * others.mean;
    const moved = own.count * (1 - factorFor(ratio)) * (own.mean - others.mean);
    worst = { instance, ratio, certain, expected: moved / whole, ownMs: own.mean, othersMs: others.mean };
  }
  if (worst === undefined) return undefined;
  const { instance, ratio, ownMs, othersMs, expected, certain } = worst;
  const factor = factorFor(ratio);
  return {
    ...{ target: [route, method, service, instance].join(" "), kind: "instance_weight", service, route },
    reason: `${method} on ${route}: ${instance} takes ${ms(ownMs)}, the others ${ms(othersMs)}`,
    change: {
      path: `${path}: weight of ${service}/${instance} for ${method}`,
      before: 1,
      after: factor,
    },
    trial: { kind: "instance_weight", route, method, service, instance, factor },
    effect: { measure: "mean_ms", expected },
    expected: { ownMs: round(ownMs), othersMs: round(othersMs) },
    confidence: confidenceOf(certain),
    risk: { share: 0, reason: "the other instances take its share of these requests" },
    leastMs: 0,
  };
}

/** Much slower is not asked at all; less so in the square of how much slower. */
const factorFor = (ratio: number): number => (ratio >= EXCLUDED_FROM ? 0 : Math.round(100 / (ratio * ratio)) / 100);

// --- a deadline that does not fit ---

const HUNG_SHARE = 0.01;
/** A trial that does harm must be seen to. */
const LONGEST_SETTLING_MS = 60_000;

function timeout(kinds: readonly Kind[], facts: RouteFacts, minimum: number): Finding | undefined {
  const { route, path, service, headersMs } = facts;
  const sums = sumOf(kinds);
  if (sums.requests < minimum || sums.hung < 5 || sums.hung < sums.requests * HUNG_SHARE) return undefined;
  if (!Number.isFinite(headersMs)) return undefined;
  const longest = quantile(sums.times, 1);
  const p99 = quantile(sums.times, 0.99);
  if (p99 === 0) return undefined;
  const hungShare = sums.hung / sums.requests;
  const meanMs = moments(sums.times).mean;
  const shorter = roundUp(Math.max(3 * p99, 2 * longest, 20));
  const isTooShort = longest >= headersMs * 0.8 && p99 >= headersMs * 0.6;
  if (!isTooShort && shorter > headersMs / 2) return undefined;
  const after = isTooShort ? Math.min(roundUp(headersMs * 2), 120_000) : shorter;
  if (after === headersMs) return undefined;
  const wasted = hungShare * headersMs;
  const expected = isTooShort ? hungShare / 2 : (hungShare * (headersMs - after)) / (meanMs + wasted);
  return {
    ...{ target: route, kind: "headers_timeout", service, route },
    reason: isTooShort
      ? `${percent(hungShare)} of the requests run into a deadline of ${ms(headersMs)}, and answers take up to ${ms(longest)}`
      : `${percent(hungShare)} of the requests wait ${ms(headersMs)} in vain, and every answer that came took at most ${ms(longest)}`,
    change: { path: `${path}.timeouts.headersMs`, before: headersMs, after },
    trial: { kind: "headers_timeout", route, before: headersMs, after },
    effect: { measure: isTooShort ? "error_rate" : "mean_ms", expected },
    expected: { p99Ms: round(p99), longestMs: round(longest), hungShare: round(hungShare) },
    confidence: wilsonLow(moments(sums.times).count, moments(sums.times).count),
    risk: {
      share: isTooShort ? hungShare / 2 : 1 - wilsonLow(sums.requests, sums.requests),
      reason: isTooShort
        ? "what never answers is waited for longer"
        : "an answer slower than any that was seen would be given up",
    },
    leastMs: 0,
    // Who is not befallen waits longer: until those that began first had the time to end, only the quick ones among them are seen.
    settlesMs: Math.min(Math.max(headersMs, after) * facts.attempts, LONGEST_SETTLING_MS),
  };
}

// --- a breaker that takes healthy answers for slow ones ---

function breaker(kinds: readonly Kind[], facts: RouteFacts, minimum: number): Finding | undefined {
  const { route, service } = facts;
  if (facts.breaker === undefined) return undefined;
  const { slowMs, slowRate, cycleMs } = facts.breaker;
  const { requests, refused, failed, times } = sumOf(kinds);
  const answered = moments(times).count;
  if (requests < minimum || answered < minimum / 4 || refused < 5) return undefined;
  // What failed besides what the breaker itself refused: then it has reason to open.
  if (failed - refused > (requests - refused) * 0.05) return undefined;
  if (quantile(times, 1 - slowRate) < slowMs) return undefined;
  const p99 = quantile(times, 0.99);
  const after = roundUp(2 * p99);
  return {
    ...{ target: service, kind: "breaker_slow", service, route },
    reason: `the breaker takes ${ms(slowMs)} for slow, half of all good answers take ${ms(quantile(times, 0.5))} or more, and ${percent(refused / requests)} of the requests were refused`,
    change: { path: `services.${service}.breaker.slowMs`, before: slowMs, after },
    trial: { kind: "breaker_slow", route, service, before: slowMs, after, sliceMs: cycleMs },
    effect: { measure: "error_rate", expected: refused / requests },
    expected: { p50Ms: round(quantile(times, 0.5)), p99Ms: round(p99), refusedShare: round(refused / requests) },
    confidence: wilsonLow(requests - (failed - refused), requests),
    risk: { share: 0, reason: "a service that is slow for being ill is noticed later" },
    leastMs: 0,
  };
}

// --- retries that never help ---

const HELPED = 0.05;

function retries(kinds: readonly Kind[], facts: RouteFacts, minimum: number): Finding | undefined {
  const { route, service, attempts, hedges } = facts;
  const { requests, retried, saved } = sumOf(kinds);
  if (attempts <= 1 || hedges || requests < minimum || retried < minimum / 4) return undefined;
  if (saved / retried > HELPED) return undefined;
  const before = attempts;
  return {
    ...{ target: route, kind: "retries", service, route },
    reason: `${retried} of ${requests} requests were tried again, and ${saved} of them were the better for it`,
    change: { path: `services.${service}.attempts.max, for ${route}`, before, after: 1 },
    trial: { kind: "retries", route, service, before, after: 1 },
    effect: { measure: "attempts", expected: retried / (requests + retried) },
    expected: { retriedShare: round(retried / requests), helpedShare: round(saved / retried) },
    confidence: 1 - wilsonHigh(saved, retried),
    risk: { share: saved / retried, reason: "requests that a further try would have saved fail" },
    leastMs: 0,
  };
}

// --- a region that should hand over earlier ---

function spill(kinds: readonly Kind[], facts: RouteFacts, minimum: number, windowMs: number): Finding | undefined {
  const { route, service, spillAtLoad, capacities } = facts;
  const regionOf = new Map(facts.instances.map(({ id, region }) => [id, region]));
  for (const from of new Set(kinds.map(({ region }) => region))) {
    const seen = new Map<string, { times: number[]; busyMs: number }>();
    for (const kind of kinds) {
      const region = regionOf.get(kind.instance) ?? "";
      if (kind.region !== from || region === "") continue;
      const own = seen.get(region) ?? { times: [], busyMs: 0 };
      seen.set(region, { times: mergeTimes(own.times, kind.times), busyMs: own.busyMs + kind.busyMs });
    }
    const [home, ...others] = [...seen].toSorted(([, a], [, b]) => moments(b.times).count - moments(a.times).count);
    if (home === undefined) continue;
    const [name, { times, busyMs }] = home;
    const own = moments(times);
    // Little's law: what is under way at once is what all requests together waited, over the time it was looked at.
    const load = busyMs / windowMs / (capacities[name] ?? Number.POSITIVE_INFINITY);
    if (own.count < minimum || load <= 0) continue;
    for (const [other, { times: its }] of others) {
      const there = moments(its);
      const certain = slowerBy(there, own);
      if (there.count < minimum / 8 || own.mean < there.mean * SLOWER || certain < CERTAIN) continue;
      // The slower it is, the earlier: from half of the load it has, or less.
      const after = Math.max(0.01, Math.round(100 * Math.min(load / 2, (load * there.mean) / own.mean)) / 100);
      if (after >= spillAtLoad) continue;
      const moved = Math.min(1, (load - after) / (1 - after));
      return {
        ...{ target: `${route} ${name}`, kind: "region_spill", service, route },
        reason: `seen from ${from}, ${name} takes ${ms(own.mean)} at a load of ${percent(load)}, ${other} ${ms(there.mean)}`,
        change: { path: `services.${service}.routing.regions.spillAtLoad, for ${route}`, before: spillAtLoad, after },
        trial: { kind: "region_spill", route, service, before: spillAtLoad, after },
        effect: { measure: "mean_ms", expected: moved * (1 - there.mean / own.mean) },
        expected: {
          load: round(load),
          homeMs: round(own.mean),
          elsewhereMs: round(there.mean),
          movedShare: round(moved),
        },
        confidence: confidenceOf(certain),
        risk: { share: 0, reason: `${other} takes what ${name} hands over` },
        leastMs: 0,
      };
    }
  }
  return undefined;
}

// --- common ---

function sumOf(kinds: readonly Kind[]) {
  const sums = { requests: 0, failed: 0, refused: 0, retried: 0, saved: 0, hung: 0, times: [] as number[] };
  for (const kind of kinds) {
    for (const count of ["requests", "failed", "refused", "retried", "saved", "hung"] as const)
      sums[count] += kind[count];
    sums.times = mergeTimes(sums.times, kind.times);
  }
  return sums;
}

/** From standard errors to a share: four are .94, six .97. */
const confidenceOf = (deviations: number): number => 1 - 1 / (deviations * deviations);

/** To two digits, upwards: a deadline nobody has to read twice. */
function roundUp(value: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return Math.ceil(value / step) * step;
}

const round = (value: number): number => Number(value.toPrecision(4));
const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
const percent = (share: number): string => `${Math.round(share * 1_000) / 10} %`;
