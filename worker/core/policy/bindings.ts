// Which bindings of the deployment a policy sends requests through, and where it says so: what `ready` and the
// deployment look for among those that are bound.
import { joinPath } from "../protocol/json.ts";
import type { Policy } from "./schema.ts";

export interface NamedBinding {
  readonly path: string;
  readonly name: string;
}

/** Every `via` of the policy, in its order. */
export function namedBindings(policy: Policy): NamedBinding[] {
  const found: NamedBinding[] = [];
  const add = (path: string, via: string | undefined): void => {
    if (via !== undefined) found.push({ path: `${path}.via`, name: via });
  };
  for (const [name, { instances }] of Object.entries(policy.services)) {
    const path = joinPath("services", name);
    instances.forEach(({ via }, index) => add(`${path}.instances[${index}]`, via));
  }
  for (const [name, { via }] of Object.entries(policy.providers)) add(joinPath("providers", name), via);
  return found;
}
