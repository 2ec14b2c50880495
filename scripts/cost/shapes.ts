// The traffic that is reckoned with: one plain shape with a feature each added to it, and whole shapes as teams have them.
import type { Shape } from "./model.ts";

/** A thousand requests a second to ten services, from one region, nothing switched on but routing, breakers and reports. */
export const PLAIN: Shape = {
  name: "routing, breakers, reports",
  perSecond: 1_000,
  regions: 1,
  isolates: 10,
  services: 10,
  hits: 0,
  kvReads: 0,
  kvWrites: 0,
  redisCommands: 0,
  limited: 0,
  newCallers: 0,
  ai: 0,
  tokens: 0,
  sampled: 0,
};

export const FEATURES: readonly Shape[] = [
  PLAIN,
  { ...PLAIN, name: "+ cache, 60 % hits in memory", hits: 0.6 },
  { ...PLAIN, name: "+ KV level: 60 % hits, a tenth from KV", hits: 0.6, kvReads: 0.1, kvWrites: 0.005 },
  { ...PLAIN, name: "+ Redis level: 60 % hits, a tenth from Redis", hits: 0.6, redisCommands: 0.105 },
  { ...PLAIN, name: "+ limits, few callers who come often", limited: 1 },
  { ...PLAIN, name: "+ limits, each twentieth request of a new caller", limited: 1, newCallers: 0.05 },
  { ...PLAIN, name: "+ limits, every request of a new caller", limited: 1, newCallers: 1 },
  { ...PLAIN, name: "+ Analytics Engine, one in a hundred", sampled: 0.01 },
  { ...PLAIN, name: "+ Analytics Engine, every request", sampled: 1 },
  { ...PLAIN, name: "+ AI streams, 500 tokens each", ai: 1, tokens: 500 },
];

export const SHAPES: readonly Shape[] = [
  { ...PLAIN, name: "side project: 1/s, one region", perSecond: 1, isolates: 1, services: 2 },
  {
    ...PLAIN,
    name: "small API: 20/s, three regions",
    perSecond: 20,
    regions: 3,
    isolates: 6,
    services: 5,
    limited: 1,
    newCallers: 0.02,
  },
  {
    ...PLAIN,
    name: "shop: 500/s, three regions, 80 % hits",
    perSecond: 500,
    regions: 3,
    isolates: 30,
    services: 15,
    hits: 0.8,
    kvReads: 0.02,
    kvWrites: 0.001,
    sampled: 0.01,
  },
  {
    ...PLAIN,
    name: "API: 5,000/s, five regions, limits",
    perSecond: 5_000,
    regions: 5,
    isolates: 100,
    services: 40,
    hits: 0.3,
    limited: 1,
    newCallers: 0.01,
    sampled: 0.01,
  },
  {
    ...PLAIN,
    name: "AI: 50/s, three regions, 400 tokens",
    perSecond: 50,
    regions: 3,
    isolates: 10,
    services: 4,
    limited: 1,
    newCallers: 0.02,
    ai: 1,
    tokens: 400,
    sampled: 1,
  },
];
