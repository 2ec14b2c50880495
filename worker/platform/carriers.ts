// Upstreams that stand behind a binding instead of the open network: another Worker (service binding), a host that wants a
// client certificate (mTLS binding), a private network (Workers VPC over a Tunnel). The policy names the binding, the
// deployment says what it is. A name that nothing stands behind is an upstream that cannot be reached: breakers and
// failover treat it as one, and `/_sluice/ready` says which name it is.
import { namedBindings } from "../core/policy/bindings.ts";
import type { Policy } from "../core/policy/schema.ts";
import type { Env } from "./env.ts";

/** Whatever sends requests: `Fetcher` fits. */
export interface Carrier {
  fetch(target: string | Request, init?: RequestInit): Promise<Response>;
}

const NOTHING: Carrier = { fetch: () => Promise.reject(new TypeError("nothing is bound under this name")) };

/** What carries requests to an instance; undefined for the runtime's own `fetch`, which "" asks for. */
export function carrierOf(env: Env, via: string): Carrier | undefined {
  return via === "" ? undefined : (bound(env, via) ?? NOTHING);
}

function bound(env: Env, via: string): Carrier | undefined {
  const binding = (env as unknown as Record<string, unknown>)[via];
  const fetches = typeof binding === "object" && binding !== null && "fetch" in binding;
  return fetches && typeof binding.fetch === "function" ? (binding as Carrier) : undefined;
}

/** Bindings the policy names and the deployment has not. */
export const unboundOf = (policy: Policy, env: Env): string[] => [
  ...new Set(namedBindings(policy).flatMap(({ name }) => (bound(env, name) === undefined ? [name] : []))),
];
