// What a million requests cost: counted calls and published prices, multiplied. Pure: everything that was measured and every
// price is an argument. Work of objects goes by the second, not by the request, so it is counted as rates: what each isolate, each
// region and each service with traffic causes in a second. That makes the price depend on how much traffic there is.

export interface Price {
  readonly what: string;
  readonly perMillion: number;
  /** Of a month, in the Workers Paid plan. */
  readonly included: number;
  readonly source: string;
  readonly asOf: string;
}

export const METERS = [
  "workerRequests",
  "cpuMilliseconds",
  "objectRequests",
  "objectGbSeconds",
  "rowsWritten",
  "kvReads",
  "kvWrites",
  "dataPoints",
  "redisCommands",
] as const;
export type Meter = (typeof METERS)[number];
export type Prices = Readonly<Record<Meter, Price>>;
export type Usage = Readonly<Record<Meter, number>>;

/** A count of `npm run bench -- --calls`. */
export interface Counted {
  readonly services: number;
  readonly callers: number;
  readonly perSecond: number;
  readonly requests: number;
  readonly calls: readonly { readonly who: string; readonly what: string; readonly count: number }[];
}

/** CPU per request in milliseconds, the runtime's own HTTP included. */
export interface CpuMs {
  readonly passed: number;
  readonly everything: number;
  readonly hit: number;
  /** A pass-through that knows nothing and asks nobody, for the design that is compared with. */
  readonly bare: number;
  /** Per token of an AI answer that streams. */
  readonly token: number;
}

export interface Measured {
  readonly counted: readonly Counted[];
  readonly cpuMs: CpuMs;
}

/** Billed requests to objects (calls and alarms) and rows they write. */
export interface Work {
  readonly requests: number;
  readonly rows: number;
}

export interface Rates {
  readonly isolate: Work;
  /** A region with traffic, its part of what all regions share included. */
  readonly region: Work;
  /** A service with traffic, in one region. */
  readonly service: Work;
  /** By request: a limited caller who comes often, and one who is seen for the first time in this isolate. */
  readonly frequentCaller: Work;
  readonly newCaller: Work;
}

const workOf = ({ calls, perSecond, requests }: Counted, who?: string): Work => {
  const seconds = requests / perSecond;
  const sum = (fits: (call: Counted["calls"][number]) => boolean): number =>
    calls
      .filter((call) => (who === undefined || call.who === who) && fits(call))
      .reduce((all, { count }) => all + count, 0) / seconds;
  return {
    requests: sum(({ what }) => what !== "rows" && !what.startsWith("KV.")),
    rows: sum(({ what }) => what === "rows"),
  };
};

const minus = (a: Work, b: Work, times = 1): Work => ({
  requests: Math.max(0, a.requests - b.requests * times),
  rows: Math.max(0, a.rows - b.rows * times),
});
const times = ({ requests, rows }: Work, factor: number): Work => ({
  requests: requests * factor,
  rows: rows * factor,
});
const plus = (...works: readonly Work[]): Work => ({
  requests: works.reduce((sum, each) => sum + each.requests, 0),
  rows: works.reduce((sum, each) => sum + each.rows, 0),
});

/**
 * From the counts of one service and of many: what grows is the service's, what is left is the region's. From those with limited
 * callers: what is more than without, by request. Throws when a count that it needs is not there.
 */
export function ratesOf(counted: readonly Counted[]): Rates {
  const one = counted.find(({ services, callers }) => services === 1 && callers === 0);
  const many = counted.find(({ services, callers }) => services > 1 && callers === 0);
  const [few, crowd] = counted.filter(({ callers }) => callers > 0).sort((a, b) => a.callers - b.callers);
  if (one === undefined || many === undefined || few === undefined || crowd === undefined) {
    throw new TypeError("counts of one and of many services are needed, and of few and of many limited callers");
  }
  const isolate = { requests: workOf(one, "isolate").requests, rows: 0 };
  const service = times(minus(workOf(many), workOf(one)), 1 / (many.services - one.services));
  const byRequest = (limited: Counted): Work => times(minus(workOf(limited), workOf(one)), 1 / limited.perSecond);
  return {
    isolate,
    service,
    region: minus(minus(workOf(one), isolate), service),
    frequentCaller: byRequest(few),
    newCaller: byRequest(crowd),
  };
}

/** Traffic, and what of the gateway it uses. Shares are of all requests, 0 to 1. */
export interface Shape {
  readonly name: string;
  readonly perSecond: number;
  readonly regions: number;
  /** Of all regions together. */
  readonly isolates: number;
  /** With traffic, at the most one a request and second. */
  readonly services: number;
  readonly hits: number;
  /** Hits and misses that ask KV, and entries written there. */
  readonly kvReads: number;
  readonly kvWrites: number;
  readonly redisCommands: number;
  readonly limited: number;
  /** Of the limited ones: first of their caller in an isolate. */
  readonly newCallers: number;
  readonly ai: number;
  readonly tokens: number;
  /** Data points by request. */
  readonly sampled: number;
}

const MILLION = 1_000_000;
const OBJECT_GB = 0.128;
/** How long an object works at a call: most take under a millisecond here; on a network they also wait for one another. */
const CALL_SECONDS = 0.01;
/** How long an isolate lives, for its one read of the policy at the start. Cloudflare does not say. */
const ISOLATE_LIFE_SECONDS = 600;

export interface Costs {
  /** For a million requests. */
  readonly usage: Usage;
  /** Duration if objects are billed only while they answer; `usage` has them active as long as there is traffic. */
  readonly leastGbSeconds: number;
}

/** What a million requests of this shape use. */
export function usageOf(shape: Shape, rates: Rates, cpuMs: CpuMs): Costs {
  const seconds = MILLION / shape.perSecond;
  // A service that nobody asked for in a second causes nothing in it.
  const services = Math.min(shape.services, shape.perSecond / shape.regions);
  const isolates = Math.min(shape.isolates, shape.perSecond);
  const bySecond = plus(
    times(rates.isolate, isolates),
    times(rates.region, shape.regions),
    times(rates.service, services * shape.regions),
  );
  const byRequest = plus(
    times(rates.frequentCaller, shape.limited * (1 - shape.newCallers)),
    times(rates.newCaller, shape.limited * shape.newCallers),
  );
  const objects = plus(times(bySecond, seconds), times(byRequest, MILLION));
  const active = shape.regions * (1 + services) + 2 + (shape.limited > 0 ? 1 : 0);
  const uses = shape.limited > 0 || shape.kvReads + shape.redisCommands > 0 ? cpuMs.everything : cpuMs.passed;
  const cpu = shape.hits * cpuMs.hit + (1 - shape.hits) * uses + shape.ai * shape.tokens * cpuMs.token;
  return {
    usage: {
      workerRequests: MILLION,
      cpuMilliseconds: cpu * MILLION,
      objectRequests: objects.requests,
      objectGbSeconds: active * OBJECT_GB * seconds,
      rowsWritten: objects.rows,
      kvReads: shape.kvReads * MILLION + (isolates * seconds) / ISOLATE_LIFE_SECONDS,
      kvWrites: shape.kvWrites * MILLION,
      dataPoints: shape.sampled * MILLION,
      redisCommands: shape.redisCommands * MILLION,
    },
    leastGbSeconds: objects.requests * CALL_SECONDS * OBJECT_GB,
  };
}

/**
 * The same traffic through a gateway that asks an object and KV for each request, as is usual: the object counts and writes
 * nothing, KV has the configuration. Its CPU is that of a bare pass-through.
 */
export function usualUsage(cpuMs: CpuMs): Usage {
  return {
    workerRequests: MILLION,
    cpuMilliseconds: cpuMs.bare * MILLION,
    objectRequests: MILLION,
    objectGbSeconds: MILLION * CALL_SECONDS * OBJECT_GB,
    rowsWritten: 0,
    kvReads: MILLION,
    kvWrites: 0,
    dataPoints: 0,
    redisCommands: 0,
  };
}

export type Dollars = Readonly<Record<Meter, number>> & { readonly total: number };

/** At list price, nothing included. */
export function dollarsOf(usage: Usage, prices: Prices): Dollars {
  const each = Object.fromEntries(METERS.map((meter) => [meter, (usage[meter] * prices[meter].perMillion) / MILLION]));
  const total = METERS.reduce((sum, meter) => sum + each[meter]!, 0);
  return { ...(each as Record<Meter, number>), total };
}

const MONTH_SECONDS = 30 * 86_400;
const PLAN_DOLLARS = 5;

/** The bill of a month at this rate, with the plan and what it includes. */
export function monthlyDollars(usage: Usage, perSecond: number, prices: Prices): number {
  const millions = (perSecond * MONTH_SECONDS) / MILLION;
  return METERS.reduce((sum, meter) => {
    const beyond = Math.max(0, usage[meter] * millions - prices[meter].included);
    return sum + (beyond * prices[meter].perMillion) / MILLION;
  }, PLAN_DOLLARS);
}
