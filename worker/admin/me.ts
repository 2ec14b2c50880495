// Who asks, as the admin API takes it: for a page or a tool that shows only what its user may do.
import type { Asked } from "./context.ts";

/** `GET me`. `sharesOrigin`: what upstreams serve stands on the same origin as this API. */
export function getMe(c: Asked): Response {
  const isolate = c.get("isolate");
  const { current } = isolate.policies;
  return c.json({
    actor: c.get("actor"),
    role: c.get("role"),
    region: isolate.region.name,
    generation: current?.generation ?? null,
    sharesOrigin: current?.policy.security.admin.host == null,
  });
}
