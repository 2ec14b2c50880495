// The scenarios, fixed before anything was tuned. Sizes are chosen so that what stands can carry the load with one member
// missing, for otherwise all contestants only measure how full the queue is; where there is too little, `about` says so.
import type { City } from "./places.ts";
import type { Fault, InstanceSetup, Scenario, Trouble } from "./scenario.ts";

const EUROPE: readonly City[] = ["amsterdam", "london", "frankfurt", "paris", "madrid", "warsaw", "stockholm"];
const AMERICA: readonly City[] = ["ashburn", "newYork", "chicago", "atlanta", "dallas", "sanJose", "saoPaulo"];
const ASIA: readonly City[] = ["singapore", "tokyo", "hongKong", "mumbai", "sydney"];

/** `count` alike in one city. 17 workers at 50 ms carry 340 requests a second. */
function alike(count: number, city: City = "frankfurt", workers = 17, prefix = "u"): InstanceSetup[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `${prefix}${i + 1}`,
    city,
    workers,
    serviceMs: 50,
    weight: 1,
  }));
}

const fault = (instances: readonly string[], from: number, to: number, trouble: Trouble): Fault => ({
  instances,
  from,
  to,
  trouble,
});

const usual = {
  seconds: 90,
  warmUp: 10,
  traffic: { perSecond: 1000, isolates: 200, cities: EUROPE, skew: 0.5 },
  headersMs: 2000,
  deadlineMs: 10_000,
} as const;

const threeRegions: readonly InstanceSetup[] = [
  ...alike(3, "frankfurt", 12, "eu"),
  ...alike(3, "ashburn", 12, "us"),
  ...alike(3, "singapore", 12, "as"),
];
const world = { perSecond: 1200, isolates: 240, cities: [...EUROPE, ...AMERICA, ...ASIA], skew: 0.5 } as const;

export const SCENARIOS: readonly Scenario[] = [
  {
    ...usual,
    name: "steady",
    about: "Five equal instances at 59 % of what they can carry, and nothing goes wrong.",
    instances: alike(5),
    faults: [],
  },
  {
    ...usual,
    name: "unequal",
    about: "Four instances of sizes 1, 2, 4 and 8; the weights say so.",
    instances: [6, 12, 24, 48].map((workers, i) => ({
      id: `u${i + 1}`,
      city: "frankfurt",
      workers,
      serviceMs: 50,
      weight: workers / 6,
    })),
    faults: [],
  },
  {
    ...usual,
    name: "unequal, untold",
    about: "The same four instances; nobody says how large they are.",
    instances: [6, 12, 24, 48].map((workers, i) => ({
      id: `u${i + 1}`,
      city: "frankfurt",
      workers,
      serviceMs: 50,
      weight: 1,
    })),
    faults: [],
  },
  {
    ...usual,
    name: "slow one",
    about: "One of six takes four times as long for 40 s.",
    instances: alike(6),
    faults: [fault(["u2"], 25, 65, { kind: "slow", factor: 4 })],
  },
  {
    ...usual,
    name: "single outage",
    about:
      "A single upstream refuses for 60 s: nobody can answer, the question is how much reaches it and how fast it is over.",
    seconds: 110,
    instances: alike(1, "frankfurt", 85),
    faults: [fault(["u1"], 20, 80, { kind: "refuses" })],
  },
  {
    ...usual,
    name: "outage",
    about: "One of five refuses connections for 40 s.",
    instances: alike(5),
    faults: [fault(["u3"], 25, 65, { kind: "refuses" })],
  },
  {
    ...usual,
    name: "silence",
    about: "One of five takes requests for 40 s and never answers.",
    instances: alike(5),
    faults: [fault(["u3"], 25, 65, { kind: "silent" })],
  },
  {
    ...usual,
    name: "brown-out",
    about: "One of five fails 30 % of its requests for 40 s: too few for most breakers.",
    instances: alike(5),
    faults: [fault(["u3"], 25, 65, { kind: "fails", share: 0.3 })],
  },
  {
    ...usual,
    name: "noise",
    about: "Every instance fails one request in 200, as instances do.",
    instances: alike(5),
    faults: [fault(["u1", "u2", "u3", "u4", "u5"], 0, 90, { kind: "fails", share: 0.005 })],
  },
  {
    ...usual,
    name: "pauses",
    about: "Six instances, each ten times as slow for one second in every 18, in turn.",
    instances: alike(6),
    faults: alike(6).map(({ id }, i) => ({
      ...fault([id], 3 * i, 90, { kind: "slow", factor: 10 }),
      flapping: { bad: 1, good: 17 },
    })),
  },
  {
    ...usual,
    name: "quick failure",
    about: "One of four answers 503 to everything, far quicker than the others answer at all.",
    instances: alike(4, "frankfurt", 21),
    faults: [fault(["u1"], 25, 65, { kind: "fails", share: 1 })],
  },
  {
    ...usual,
    name: "flapping",
    about: "One of four is away for 3 s in every 10.",
    instances: alike(4, "frankfurt", 21),
    faults: [{ ...fault(["u1"], 20, 80, { kind: "refuses" }), flapping: { bad: 3, good: 7 } }],
  },
  {
    ...usual,
    name: "cold return",
    about: "One of four is away for 15 s, and three times as slow for 10 s after it is back.",
    instances: alike(4, "frankfurt", 21),
    faults: [fault(["u1"], 25, 40, { kind: "refuses" }), fault(["u1"], 40, 50, { kind: "slow", factor: 3 })],
  },
  {
    ...usual,
    name: "half down",
    about: "Two of four refuse for 30 s; the other two can just carry everything.",
    instances: alike(4, "frankfurt", 30),
    faults: [fault(["u1", "u2"], 25, 55, { kind: "refuses" })],
  },
  {
    ...usual,
    name: "surge",
    about: "Traffic is 1.8 times as much for 15 s, a little more than the instances can carry.",
    instances: alike(5),
    traffic: { ...usual.traffic, surge: { from: 30, to: 45, factor: 1.8 } },
    faults: [],
  },
  {
    ...usual,
    name: "sparse outage",
    about: "10,000 isolates with a request every 20 s each; one of four refuses for 60 s.",
    seconds: 130,
    warmUp: 30,
    instances: alike(4, "frankfurt", 12),
    traffic: { perSecond: 500, isolates: 10_000, cities: EUROPE, skew: 0.5 },
    faults: [fault(["u1"], 40, 100, { kind: "refuses" })],
  },
  {
    ...usual,
    name: "dense outage",
    about: "20 isolates with 100 requests a second each; one of five refuses for 30 s.",
    seconds: 70,
    instances: alike(5, "frankfurt", 34),
    traffic: { perSecond: 2000, isolates: 20, cities: EUROPE, skew: 0.5 },
    faults: [fault(["u1"], 25, 55, { kind: "refuses" })],
  },
  {
    ...usual,
    name: "churn",
    about: "Isolates live for 20 s and begin knowing nothing; one of five refuses for 40 s.",
    instances: alike(5),
    traffic: { ...usual.traffic, isolateLife: 20 },
    faults: [fault(["u3"], 25, 65, { kind: "refuses" })],
  },
  {
    ...usual,
    name: "world",
    about: "Three regions with three instances each, asked from nineteen cities; nothing goes wrong.",
    instances: threeRegions,
    traffic: world,
    faults: [],
  },
  {
    ...usual,
    name: "region down",
    about: "The three instances of one region refuse for 40 s; the other two regions can carry it.",
    instances: threeRegions,
    traffic: world,
    faults: [fault(["eu1", "eu2", "eu3"], 25, 65, { kind: "refuses" })],
  },
  {
    ...usual,
    name: "one side",
    about: "One region cannot be reached from Europe for 40 s, and works for everybody else.",
    instances: threeRegions,
    traffic: world,
    faults: [{ ...fault(["us1", "us2", "us3", "eu1"], 25, 65, { kind: "refuses" }), seenFrom: EUROPE }],
  },
  {
    ...usual,
    name: "regional surge",
    about: "Traffic of Europe is 2.2 times as much for 30 s: more than its own region can carry, less than all can.",
    instances: threeRegions,
    traffic: { ...world, surge: { from: 30, to: 60, factor: 2.2, cities: EUROPE } },
    faults: [],
  },
];
