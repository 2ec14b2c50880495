// The contract of choice: which instance answers this request. A strategy sees plain candidates that the platform keeps up to
// date and returns an index; it runs for every attempt, so it allocates nothing, calls nothing and touches only its own fields.
// Law: never a candidate that is not eligible, never one that was tried already, never the same first choice in every isolate.

import type { Chance } from "../stats/chance.ts";

/** What the policy says an instance can take, compiled; absent where the policy says nothing. */
export interface Demands {
  /** 0 low, 1 standard, 2 high, 3 critical. */
  readonly security: number;
  /** Bytes; Infinity for no limit. */
  readonly maxPayloadBytes: number;
  /** Bits of `methodBit`; every bit set when the policy names no methods. */
  readonly methods: number;
  readonly supportsComplex: boolean;
}

/**
 * One instance as choice sees it. Made once by `candidate`, kept by the platform for as long as the instance stands, and
 * changed in place: availability and ramp from the breaker and health, in-flight and EWMA from traffic, scores once a second.
 */
export interface Candidate {
  readonly id: string;
  /** Relative share, above 0. */
  readonly weight: number;
  readonly region: string;
  /** 0 is asked first; higher ones take over as lower ones lose members. */
  readonly priority: number;
  /** Requests in flight it is meant to carry from everywhere together; Infinity when nobody says. */
  readonly capacity: number;
  readonly demands: Demands | undefined;

  /** Breaker, health and drain all let it be chosen. */
  available: boolean;
  /** The breaker is open or an operator drained it: never chosen, not even in panic. */
  open: boolean;
  /** Share of its traffic it may take while it recovers or starts, above 0 up to 1. */
  ramp: number;
  /** Owned by `pace`, epoch ms: when its ramp began (0: none), when one that has come as far would have, its last turn. */
  rampStart: number;
  paceStart: number;
  pacedAt: number;
  /** Requests of this isolate in flight, their bodies included. */
  inFlight: number;
  /** Those of them that have no answer yet, and since when it has given none, epoch ms; 0 when it owes none. */
  owed: number;
  owedSince: number;
  /** What an answer takes, ms, as `experience` reckons it, failures counted as slow; 0 when nothing was measured. */
  ewmaMs: number;
  /** Overall score (SEEDS P6, mixed as P10 says), above 0 up to 1; refreshed at most once a second. */
  score: number;
  /** The same by like class (`likeClass`); NaN where nothing like it was seen. */
  readonly scores: Float64Array;
  /** The score without its performance factor, above 0 up to 1: what it is worth beside being quick. */
  merit: number;
  /** P6 performance factor, above 0 up to 1. */
  performance: number;
  /** P6 load factor, 0 up to 1: 1 is idle. */
  load: number;
  /** How near it stands to this isolate, above 0 up to 1: 1 is the nearest region. */
  nearness: number;
  /** Share of the score, and of the merit, that compatibility makes up; 0 when the policy says nothing about the instance. */
  compatibilityWeight: number;
  compatibilityMerit: number;
  /** Position of its region in `ChoiceInput.regionOrder`'s numbering; -1 when the policy names no region for it. */
  regionIndex: number;

  /** Owned by `round_robin` and by ties: the running turn of smooth weighted round robin. NaN before the first. */
  turn: number;
}

/** Instances tried already by a request that has tried none: shared, so that first attempts allocate nothing. */
export const NONE_TRIED: readonly number[] = Object.freeze([]);

export const ANY_TIER = -1;

/** What a strategy remembers between choices of one service in one isolate. Made by `choiceState`. */
export interface ChoiceState {
  /** Choices left until the next exploring one, and in the block of choices that holds exactly one. */
  exploreIn: number;
  exploreBlock: number;
  /** Where the three sequences of `adaptive` stand, each in [0, 1); NaN before the first choice. */
  evenFirst: number;
  evenSecond: number;
  evenRamp: number;
  /** Somebody in play ramps. */
  ramping: boolean;
  /** Turn of the refused share while in panic. */
  refusedTurn: number;
  /** Mean weight of the candidates in play in the choice under way. */
  meanWeight: number;
  /** Room for one number a candidate while a choice is made; grows with the candidates, never shrinks. */
  shares: Float64Array;
  /** The ring of `consistent_hash` and the candidates that it was made for. */
  ring: Ring | undefined;
  /** What the last choice was; read it before the next one: for decisions, learning and metrics. */
  readonly last: LastChoice;
}

export interface Ring {
  readonly of: readonly Candidate[];
  /** Sorted positions, and the index of the candidate that owns each. */
  readonly points: Uint32Array;
  readonly owners: Uint16Array;
}

export interface LastChoice {
  /** The candidate it was compared with, or -1. */
  rival: number;
  /** It was taken in order to learn, not because it looked best. */
  explored: boolean;
  /** Fewer than half were available. */
  panic: boolean;
  /** Bits of `EXPERT_*` that would have taken the chosen one, and of those that would have taken the rival. */
  agreed: number;
  opposed: number;
}

export const EXPERT_PERFORMANCE = 1;
export const EXPERT_LOAD = 2;
export const EXPERT_PROXIMITY = 4;
export const EXPERT_ADAPTIVE = 8;

/** Everything a choice depends on; one per service and isolate, filled anew before each choice. */
export interface ChoiceInput {
  /** Epoch ms. */
  now: number;
  chance: Chance;
  /** Indexes this request has tried: never chosen again. `NONE_TRIED` for the first attempt. */
  exclude: readonly number[];
  /** Unsigned 32-bit hash of what binds the client (`affinityOf`), or -1. */
  affinityHash: number;
  /** `likeClass` of the request, or -1. */
  like: number;
  /** `methodBit` of the request, payload in bytes (0 when unknown), security 0-3, complexity 0-2: for compatibility. */
  method: number;
  payloadBytes: number;
  security: number;
  complexity: number;
  /** The priority in play, or `ANY_TIER`; `chooseInstance` sets it. */
  tier: number;
  /** Region indexes, best first, for the client's place; empty when regions do not matter. */
  regionOrder: readonly number[];
  /** What an answer from the second best region would take, ms: home is only left when it costs more; Infinity for never. */
  elsewhereMs: number;
  /** Share of choices that explore. */
  explore: number;
  /** Bounded-load factor of consistent hashing: no instance carries more than this times its fair share. */
  boundedLoad: number;
  readonly state: ChoiceState;
}

export interface Strategy {
  readonly name: string;
  /** The index of the chosen candidate, or -1 when none is eligible. */
  choose(candidates: readonly Candidate[], input: ChoiceInput): number;
}

export interface CandidateOptions {
  readonly id: string;
  readonly weight?: number;
  readonly region?: string;
  readonly priority?: number;
  readonly capacity?: number;
  readonly demands?: Demands | undefined;
}

/** Methods of the seed and those beside them; 8 bits, the last for every other method. */
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
export const OTHER_METHOD = 1 << METHODS.length;
const COMPLEXITIES = 3;
/** Like classes: method and complexity. */
export const LIKE_CLASSES = (METHODS.length + 1) * COMPLEXITIES;

export function methodBit(method: string): number {
  const position = (METHODS as readonly string[]).indexOf(method);
  return position < 0 ? OTHER_METHOD : 1 << position;
}

/** Requests with the same method and complexity are like each other (SEEDS P6). */
export function likeClass(method: number, complexity: number): number {
  return (31 - Math.clz32(method)) * COMPLEXITIES + complexity;
}

/** Every field is there from the start, so that all candidates share one shape. Unknown ones begin neutral. */
export function candidate(options: CandidateOptions): Candidate {
  return {
    id: options.id,
    weight: options.weight ?? 1,
    region: options.region ?? "",
    priority: options.priority ?? 0,
    capacity: options.capacity ?? Number.POSITIVE_INFINITY,
    demands: options.demands,
    available: true,
    open: false,
    ramp: 1,
    rampStart: 0,
    paceStart: 0,
    pacedAt: 0,
    inFlight: 0,
    owed: 0,
    owedSince: 0,
    ewmaMs: 0,
    score: 1,
    merit: 1,
    scores: new Float64Array(LIKE_CLASSES).fill(Number.NaN),
    performance: 0.7,
    load: 1,
    nearness: 1,
    compatibilityWeight: 0,
    compatibilityMerit: 0,
    regionIndex: -1,
    turn: Number.NaN,
  };
}

function choiceState(): ChoiceState {
  return {
    exploreIn: -1,
    exploreBlock: 0,
    evenFirst: Number.NaN,
    evenSecond: Number.NaN,
    evenRamp: Number.NaN,
    ramping: false,
    refusedTurn: Number.NaN,
    meanWeight: 1,
    shares: new Float64Array(8),
    ring: undefined,
    last: { rival: -1, explored: false, panic: false, agreed: 0, opposed: 0 },
  };
}

export function choiceInput(chance: Chance): ChoiceInput {
  return {
    now: 0,
    chance,
    exclude: NONE_TRIED,
    affinityHash: -1,
    like: -1,
    method: 1,
    payloadBytes: 0,
    security: 1,
    complexity: 0,
    tier: ANY_TIER,
    regionOrder: NONE_TRIED,
    elsewhereMs: Number.POSITIVE_INFINITY,
    explore: 0.02,
    boundedLoad: 1.25,
    state: choiceState(),
  };
}

/**
 * Whether a candidate may be chosen for this request: available, in a priority that is in play, able to take the request,
 * not tried before. Weight or ramp of 0 keeps it out as well.
 */
export function eligible(c: Candidate, index: number, input: ChoiceInput): boolean {
  return (
    c.available &&
    (input.tier === ANY_TIER || c.priority === input.tier) &&
    c.weight > 0 &&
    c.ramp > 0 &&
    (c.demands === undefined || compatibility(c.demands, input) > 0) &&
    (input.exclude.length === 0 || !input.exclude.includes(index))
  );
}

/** SEEDS P6, compatibility: 0 when it cannot take the request at all, less than 1 when it would rather not. */
export function compatibility(demands: Demands, input: ChoiceInput): number {
  if (input.payloadBytes > demands.maxPayloadBytes || (demands.methods & input.method) === 0) return 0;
  let score = 1;
  if (input.security === SECURITY_CRITICAL && demands.security !== SECURITY_CRITICAL) score = 0.5;
  else if (input.security === SECURITY_HIGH && demands.security === SECURITY_LOW) score = 0.7;
  if (input.complexity === COMPLEXITY_HIGH && !demands.supportsComplex) score *= 0.3;
  return score;
}

export const SECURITY_LOW = 0;
export const SECURITY_STANDARD = 1;
export const SECURITY_HIGH = 2;
export const SECURITY_CRITICAL = 3;
const COMPLEXITY_HIGH = 2;

/** A score never weighs nothing: an instance that is never asked could never be found to have recovered. */
export const LEAST_SCORE = 0.01;

/** The cached score for requests like this one, less what the instance's own limits cost it. */
export function scoreFor(c: Candidate, input: ChoiceInput): number {
  let score = c.score;
  if (input.like >= 0) {
    const like = c.scores[input.like]!;
    if (like === like) score = like; // not NaN
  }
  if (c.demands !== undefined && c.compatibilityWeight > 0) {
    score -= c.compatibilityWeight * (1 - compatibility(c.demands, input));
  }
  return score > LEAST_SCORE ? score : LEAST_SCORE;
}

/** `merit`, less what the instance's own limits cost a request like this one. */
export function meritFor(c: Candidate, input: ChoiceInput): number {
  if (c.demands === undefined || c.compatibilityMerit === 0) return c.merit;
  const merit = c.merit - c.compatibilityMerit * (1 - compatibility(c.demands, input));
  return merit > LEAST_SCORE ? merit : LEAST_SCORE;
}
