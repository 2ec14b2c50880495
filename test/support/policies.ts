// Policies that tests start from. The plain one takes everything that could answer in an upstream's place out of the way
// (breaker, retries, cache), so that a test sees one request become one request; scenarios put back what they are about.
import type { WrittenPolicy } from "../../worker/core/policy/schema.ts";
import type { Upstream } from "./upstream.ts";

type WrittenService = NonNullable<WrittenPolicy["services"]>[string];
type WrittenRoute = NonNullable<WrittenPolicy["routes"]>[number];

/** An upstream, or the origin of something else that listens. */
type Target = Upstream | string;
const originOf = (target: Target): string => (typeof target === "string" ? target : target.origin);

/** One service over the given upstreams; instances are called `NAME-1`, `NAME-2`, … */
export function service(
  name: string,
  targets: Target | readonly Target[],
  changes: WrittenService = {},
): WrittenService {
  const all = typeof targets === "object" && "length" in targets ? targets : [targets];
  return {
    instances: all.map((target, index) => ({ id: `${name}-${index + 1}`, url: originOf(target) })),
    routing: { algorithm: "round_robin" },
    breaker: false,
    attempts: { max: 1 },
    ...changes,
  };
}

export interface Changes {
  service?: WrittenService;
  route?: Partial<WrittenRoute>;
  /** Whole sections, over what stands here. */
  sections?: Partial<WrittenPolicy>;
}

/** Everything goes to one service called `web`. */
export function inFrontOf(targets: Target | readonly Target[], changes: Changes = {}): WrittenPolicy {
  return {
    expose: true,
    cache: false,
    services: { web: service("web", targets, changes.service) },
    routes: [{ match: { path: "/*" }, service: "web", ...changes.route }],
    ...changes.sections,
  };
}
