// Every routing algorithm under every name the policy may use for it (SEEDS P7, A3): the names of both seeds stand for the
// same few behaviours, and an alias is the very same strategy.
import { geographicProximity, intelligentAdaptive, loadBalancing, performanceBased } from "./adaptive.ts";
import { consistentHash } from "./hashing.ts";
import { leastConnections, roundRobin, weightedRandom } from "./turns.ts";
import type { Strategy } from "./strategy.ts";

export const strategies = {
  round_robin: roundRobin,
  weighted_random: weightedRandom,
  least_connections: leastConnections,
  performance_based: performanceBased,
  latency: performanceBased,
  load_balancing: loadBalancing,
  geographic_proximity: geographicProximity,
  geographic: geographicProximity,
  intelligent_adaptive: intelligentAdaptive,
  intelligent: intelligentAdaptive,
  consistent_hash: consistentHash,
} as const satisfies Record<string, Strategy>;
