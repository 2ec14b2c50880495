// What goes wrong in a round, drawn from its seed: which upstreams are poisoned and how, which objects fail, what KV and Redis do, and who is
// killed. Every kind of each comes first once, in an order of chance, before any comes again: a short run has seen all it has time for.
import { draw, type Chance } from "../../worker/core/stats/chance.ts";
import { drawPoison, TOXIC_KINDS, type Poison, type ToxicKind } from "./toxics.ts";
import type { RedisFault } from "./upstreams.ts";
import type { Faults, KvFault, ObjectFault } from "./worker/faults.ts";

const OBJECT_CLASSES = [
  "ControlObject",
  "RegionObject",
  "ServiceObject",
  "InsightObject",
  "LimiterObject",
  "BatchObject",
] as const;

const OBJECT_FAULTS: readonly ObjectFault[] = ["hang", "throw", "die", "slow", "lost"];
const KV_FAULTS: readonly KvFault[] = ["slow", "fail", "lie"];
const REDIS_FAULTS: readonly RedisFault[] = ["slow", "fail", "html", "number", "lie"];

export interface Weather {
  /** One for each poisoned upstream; undefined: it is left alone. */
  readonly poisons: readonly (Poison | undefined)[];
  readonly faults: Faults;
  readonly redis: RedisFault;
  /** Names of regions, or `control`. */
  readonly killed: readonly string[];
}

export class Forecast {
  readonly #chance: Chance;
  readonly #regions: readonly string[];
  readonly #toxics: () => ToxicKind;
  readonly #objects: () => ObjectFault;
  readonly #kv: () => KvFault;
  readonly #redis: () => RedisFault;
  #round = 0;

  constructor(chance: Chance, regions: readonly string[]) {
    this.#chance = chance;
    this.#regions = regions;
    this.#toxics = dealt(TOXIC_KINDS, chance);
    this.#objects = dealt(OBJECT_FAULTS, chance);
    this.#kv = dealt(KV_FAULTS, chance);
    this.#redis = dealt(REDIS_FAULTS, chance);
  }

  /** `upstreams` may be poisoned. Objects fail in one of two rounds, KV and Redis in two of three: calm is a condition too. */
  next(upstreams: number): Weather {
    const chance = this.#chance;
    const round = this.#round++;
    const poisons = Array.from({ length: upstreams }, () =>
      chance() < 0.75 ? drawPoison(chance, this.#toxics()) : undefined,
    );
    return {
      poisons,
      faults: {
        objects: round % 2 === 0 ? this.#objectFaults() : {},
        kv: chance() < 0.66 ? this.#kv() : "none",
      },
      redis: chance() < 0.66 ? this.#redis() : "none",
      killed: this.#killed(round),
    };
  }

  /** One fault, of all classes or of one. */
  #objectFaults(): Record<string, ObjectFault> {
    const fault = this.#objects();
    const only = this.#chance() < 0.4 ? OBJECT_CLASSES[draw(this.#chance, OBJECT_CLASSES.length)] : undefined;
    return Object.fromEntries((only === undefined ? OBJECT_CLASSES : [only]).map((name) => [name, fault]));
  }

  /** Mostly the process in which all objects live; now and then a gateway, and in one of twelve all at once. */
  #killed(round: number): string[] {
    if (round % 12 === 11) return ["control", ...this.#regions];
    return round % 4 === 2 ? [this.#regions[draw(this.#chance, this.#regions.length)]!] : ["control"];
  }
}

/** Each of them once, shuffled (Fisher and Yates), then all of them again. */
function dealt<T>(cards: readonly T[], chance: Chance): () => T {
  let left: T[] = [];
  return () => {
    if (left.length === 0) left = [...cards];
    return left.splice(draw(chance, left.length), 1)[0]!;
  };
}
