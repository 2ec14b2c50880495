// What the services of one isolate share: news of the region, chance, and whom to tell what. The fleet is one.
import type { Reply } from "../core/protocol/reports.ts";
import type { NewsState } from "../core/resilience/gate.ts";
import type { Chance } from "../core/stats/chance.ts";
import type { Attempt } from "./instances.ts";
import type { AttemptOutcome } from "./metrics.ts";

export interface Around {
  readonly news: NewsState;
  /** What the region last told of all regions. */
  readonly regions: Reply["regions"];
  readonly chance: Chance;
  /** A breaker turned or a probe is over: the region is to hear of it at once. */
  hurry(): void;
  /** An attempt is over; `key` is `service/instance`. */
  ended(key: string, how: AttemptOutcome, ms: number): void;
  /** A choice was made among the few that stand. */
  panicked(service: string): void;
  /** Keeps an attempt until it is over: the runtime may end its request without a word. */
  keep(attempt: Attempt): void;
  /** It is over. */
  release(attempt: Attempt): void;
}
