// What a scenario says: which instances stand where, who asks from where and how often, and what goes wrong when. Data
// only, so that every contestant meets exactly the same world; the same seed draws the same requests for all of them.
import type { City } from "./places.ts";

export interface InstanceSetup {
  readonly id: string;
  readonly city: City;
  /** Requests it works on at once; more wait in line. */
  readonly workers: number;
  /** Mean time to answer a request of ordinary size, ms, when nobody waits. */
  readonly serviceMs: number;
  /** What contestants are told of its size. */
  readonly weight: number;
}

export type Trouble =
  /** Connections are refused. */
  | { readonly kind: "refuses" }
  /** Nothing ever comes back. */
  | { readonly kind: "silent" }
  /** This share of requests is answered 503 within a few milliseconds. */
  | { readonly kind: "fails"; readonly share: number }
  /** Everything takes this many times as long. */
  | { readonly kind: "slow"; readonly factor: number };

export interface Fault {
  readonly instances: readonly string[];
  /** Seconds after the run began. */
  readonly from: number;
  readonly to: number;
  readonly trouble: Trouble;
  /** Comes and goes: that many seconds bad, then that many good, and so on. */
  readonly flapping?: { readonly bad: number; readonly good: number };
  /** Only requests from these cities meet it. */
  readonly seenFrom?: readonly City[];
}

export interface Traffic {
  /** Requests per second of all isolates together. */
  readonly perSecond: number;
  readonly isolates: number;
  /** Where isolates stand; each city gets the same number of them. */
  readonly cities: readonly City[];
  /** How unequal isolates are: 0 all the same, 1 as in Zipf's law. */
  readonly skew: number;
  /** Traffic is this many times as much between these seconds, from all cities or some. */
  readonly surge?: {
    readonly from: number;
    readonly to: number;
    readonly factor: number;
    readonly cities?: readonly City[];
  };
  /** Mean life of an isolate, seconds; absent: as long as the run. A new one knows nothing. */
  readonly isolateLife?: number;
}

export interface Scenario {
  readonly name: string;
  /** What it shows, in one sentence. */
  readonly about: string;
  readonly seconds: number;
  /** Measured from here on. */
  readonly warmUp: number;
  readonly instances: readonly InstanceSetup[];
  readonly traffic: Traffic;
  readonly faults: readonly Fault[];
  /** An attempt is given up after this. */
  readonly headersMs: number;
  /** A request is given up after this; failed ones count as this long. */
  readonly deadlineMs: number;
}

/** Seeds every scenario is run with; fixed before anything was tuned. */
export const SEEDS: readonly number[] = [11, 23, 47];
