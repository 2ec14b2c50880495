// The life of suggestions (SEEDS P11): `propose`, `begin`, `judge`, `end` over plain JSON; whoever calls them stores the state and gives the
// orders. Laws: one living suggestion a target; what was taken back is not proposed again for a while; a trial that harms ends at once,
// one that changes nothing ends in time, and only what is better beyond noise is kept; what is kept goes on being measured against a
// small share, for traffic changes.
import { addSlice, type Slice } from "../protocol/rollups.ts";
import type { Suggestion, SuggestionState, TrialChange, TrialOrder } from "../protocol/suggestions.ts";
import { compareArms, effectOf } from "./arms.ts";
import type { Finding } from "./findings.ts";

export interface Life {
  shown: Suggestion;
  target: string;
  trial: TrialChange;
  leastMs: number;
  /** Last found again, epoch ms. */
  foundAt: number;
  readonly settlesMs?: number | undefined;
  /** Of a trial or of what is kept: up to where its seconds are counted, and their sums. */
  countedTo: number;
  changed: Slice;
  holdout: Slice;
  /** When its order was last written down for isolates, epoch ms; 0 when that is still to be done. */
  saidAt: number;
}

export interface LifeOptions {
  readonly everySeconds: number;
  readonly holdoutShare: number;
  readonly minimumRequests: number;
  readonly minimumConfidence: number;
  readonly trialSeconds: number;
  readonly restSeconds: number;
  readonly maxTrials: number;
  readonly apply: "manual" | "automatic";
}

/** Living and dead together; the dead are the first to go. */
const MOST_LIVES = 200;
const MOST_KEPT = 32;
/** A proposal that no analysis has found again for so many of them is forgotten. */
const FORGOTTEN_AFTER = 12;
/** What is kept is measured against this part of the trial's share. */
const WATCH_SHARE = 0.1;
/** A trial with too few requests goes on for so many times its time. */
const PATIENCE = 4;
/** Sums of this many times the minimum are halved: what is compared is of late. */
const LONG_MEMORY = 40;

export const isAlive = ({ shown: { state } }: Life): boolean => state === "trial" || state === "kept";

/** Takes findings in: new proposals, and proposals that were found again with their figures as they are now. */
export function propose(
  lives: Map<string, Life>,
  findings: readonly Finding[],
  { everySeconds, restSeconds }: LifeOptions,
  now: number,
  name: () => string,
): void {
  const standing = new Map<string, Life>();
  for (const life of lives.values()) {
    const { state, decidedAt } = life.shown;
    const rests = state === "rolled_back" && now - decidedAt < restSeconds * 1_000;
    if (state === "proposed" || isAlive(life) || rests) standing.set(life.target, life);
  }
  for (const finding of findings) {
    const target = `${finding.kind} ${finding.target}`;
    const known = standing.get(target);
    if (known !== undefined && known.shown.state !== "proposed") continue;
    const id = known?.shown.id ?? name();
    const proposedAt = known?.shown.proposedAt ?? now;
    lives.set(id, lifeOf(finding, target, id, proposedAt, now));
  }
  for (const [id, { shown, foundAt }] of lives) {
    if (shown.state === "proposed" && now - foundAt > FORGOTTEN_AFTER * everySeconds * 1_000) lives.delete(id);
  }
  trim(lives);
}

function lifeOf(finding: Finding, target: string, id: string, proposedAt: number, now: number): Life {
  const { kind, service, route, reason, change, trial, effect, expected, confidence, risk, leastMs, settlesMs } =
    finding;
  const { path, before, after } = change;
  return {
    shown: {
      ...{ id, kind, state: "proposed", service, route, reason },
      change: { path, before: JSON.stringify(before), after: JSON.stringify(after) },
      effect: { ...effect, real: null },
      ...{ expected: { ...expected }, confidence, risk: { ...risk }, measured: null, holdoutShare: 0 },
      ...{ proposedAt, appliedAt: 0, decidedAt: 0, decidedBy: "", outcome: "waits for somebody to apply it" },
    },
    ...{ target, trial, leastMs, settlesMs, foundAt: now, countedTo: 0, changed: {}, holdout: {}, saidAt: 0 },
  };
}

/** The dead go first, then proposals, oldest first. */
function trim(lives: Map<string, Life>): void {
  if (lives.size <= MOST_LIVES) return;
  const rank = ({ shown: { state } }: Life): number => (state === "proposed" ? 1 : 0);
  const going = [...lives.values()]
    .filter((life) => !isAlive(life))
    .toSorted((a, b) => rank(a) - rank(b) || a.foundAt - b.foundAt);
  for (const { shown } of going.slice(0, lives.size - MOST_LIVES)) lives.delete(shown.id);
}

/** Why a trial of it may not begin now; undefined when it may. */
export function whyNotNow(lives: Map<string, Life>, life: Life, { maxTrials }: LifeOptions): string | undefined {
  const { state, route } = life.shown;
  if (isAlive(life)) return state === "trial" ? "it is being tried" : "it is kept already";
  const others = [...lives.values()].filter((other) => other !== life && isAlive(other));
  if (others.some(({ target }) => target === life.target)) return "another of the same target is in force";
  const trials = others.filter(({ shown }) => shown.state === "trial");
  if (trials.some(({ shown }) => shown.route === route)) return "another is being tried on this route";
  if (trials.length >= maxTrials)
    return `${trials.length} are being tried, and telemetry.suggestions.maxTrials allows no more`;
  if (others.length - trials.length >= MOST_KEPT) return `${MOST_KEPT} are kept, and there are no more places`;
  return undefined;
}

/** Its trial begins. */
export function begin(life: Life, by: string, { holdoutShare }: LifeOptions, now: number): void {
  const { shown } = life;
  shown.state = "trial";
  shown.holdoutShare = holdoutShare;
  shown.appliedAt = shown.decidedAt = now;
  shown.decidedBy = by;
  shown.measured = null;
  shown.effect.real = null;
  shown.outcome = "is being measured against those it does not befall";
  Object.assign(life, { countedTo: now + (life.settlesMs ?? 0), changed: {}, holdout: {}, saidAt: 0 });
}

/** It is over: taken back, or the policy says something else by now. */
export function end(
  life: Life,
  state: Extract<SuggestionState, "rolled_back" | "superseded">,
  by: string,
  outcome: string,
  now: number,
): void {
  const { shown } = life;
  shown.state = state;
  shown.holdoutShare = 0;
  shown.decidedAt = now;
  shown.decidedBy = by;
  shown.outcome = outcome;
  life.saidAt = 0;
}

/** What isolates are to obey. */
export function orderOf({ shown, trial }: Life): TrialOrder {
  const { id, holdoutShare, appliedAt, state } = shown;
  return { id, change: trial, holdoutShare, startedAt: appliedAt, ended: state !== "trial" && state !== "kept" };
}

/** Adds what was seen of its two groups up to `to`, and says how they compare now. */
export function measure(
  life: Life,
  changed: Slice,
  holdout: Slice,
  to: number,
  { minimumRequests }: LifeOptions,
): void {
  life.countedTo = to;
  addSlice(life.changed, changed);
  addSlice(life.holdout, holdout);
  const { effect } = life.shown;
  const measured = compareArms(effect.measure, life.changed, life.holdout, minimumRequests);
  life.shown.measured = measured;
  effect.real = measured.verdict === "waiting" ? null : effectOf(effect.measure, measured.changed, measured.holdout);
  if ((life.holdout.requests ?? 0) < LONG_MEMORY * minimumRequests) return;
  life.changed = halved(life.changed);
  life.holdout = halved(life.holdout);
}

/** Of a trial, and of what is kept: whether it goes on. `harm`: what speaks against it besides the two groups; "" for nothing. */
export function judge(life: Life, harm: string, options: LifeOptions, now: number): "on" | "kept" | "ended" {
  const { shown } = life;
  const verdict = shown.measured?.verdict ?? "waiting";
  if (harm !== "") return over(life, harm, now);
  if (verdict === "worse") return over(life, `${inWords(life)}: worse than without it, beyond noise`, now);
  if (shown.state === "kept") return "on";
  const sinceMs = now - shown.appliedAt;
  if (verdict === "better" && sinceMs >= life.leastMs) {
    shown.state = "kept";
    shown.holdoutShare = Number((options.holdoutShare * WATCH_SHARE).toPrecision(3));
    shown.decidedAt = now;
    shown.decidedBy = "insight";
    shown.outcome = `${inWords(life)}: better than without it, beyond noise`;
    life.saidAt = 0;
    return "kept";
  }
  // Too little evidence is no difference that was looked for in vain: that is waited for longer.
  const patience = verdict === "waiting" ? PATIENCE : 1;
  if (sinceMs < patience * options.trialSeconds * 1_000 + life.leastMs + (life.settlesMs ?? 0)) return "on";
  return over(
    life,
    verdict === "waiting" ? "too few requests to measure it by" : `${inWords(life)}: no difference beyond noise`,
    now,
  );
}

function over(life: Life, outcome: string, now: number): "ended" {
  end(life, "rolled_back", "insight", outcome, now);
  return "ended";
}

function inWords({ shown: { measured, effect } }: Life): string {
  if (measured === null) return "";
  const { changed, holdout } = measured;
  const of = ({ requests, errorRate, meanMs, hitRatio, attempts }: typeof changed): string => {
    const errors = `${(errorRate * 100).toFixed(1)} % errors`;
    if (effect.measure === "hit_ratio")
      return `${(hitRatio * 100).toFixed(0)} % hits, ${meanMs.toFixed(0)} ms, ${errors} in ${requests} requests`;
    if (effect.measure === "attempts")
      return `${attempts.toFixed(2)} attempts, ${meanMs.toFixed(0)} ms, ${errors} in ${requests} requests`;
    return `${meanMs.toFixed(0)} ms, ${errors} in ${requests} requests`;
  };
  return `${of(changed)} against ${of(holdout)}`;
}

/** Those that may be tried without being asked about: sure enough, and nothing known against them. */
export function nextToTry(lives: Map<string, Life>, options: LifeOptions): Life | undefined {
  if (options.apply !== "automatic") return undefined;
  return [...lives.values()]
    .filter(({ shown }) => shown.state === "proposed" && shown.confidence >= options.minimumConfidence)
    .toSorted((a, b) => b.shown.effect.expected - a.shown.effect.expected)
    .find((life) => whyNotNow(lives, life, options) === undefined);
}

function halved(slice: Slice): Slice {
  const half: Slice = {};
  for (const [name, value] of Object.entries(slice) as [keyof Slice, number | number[]][]) {
    if (typeof value === "number") Object.assign(half, { [name]: value / 2 });
  }
  const times: number[] = [];
  const all = slice.times ?? [];
  for (let at = 0; at + 1 < all.length; at += 2) {
    const held = all[at + 1]! >> 1;
    if (held > 0) times.push(all[at]!, held);
  }
  return { ...half, times };
}
