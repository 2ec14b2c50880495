// Whether a suggestion still speaks of the policy in force: it names what it found there, and an author who has changed just that has
// had the last word. Isolates ask before they do anything differently, `InsightObject` before it goes on measuring.
import type { TrialChange } from "../protocol/suggestions.ts";
import type { CompiledPolicy } from "./compiled.ts";

/** Why it does not fit the policy any more, in words; undefined when it does. */
export function whyNotFitting(change: TrialChange, policy: CompiledPolicy): string | undefined {
  const route = policy.routes.find(({ id }) => id === change.route);
  if (route === undefined) return `the policy has no route ${change.route} any more`;
  switch (change.kind) {
    case "cache_rule": {
      const { cache } = policy.policy;
      if (cache === false) return "the policy has switched its cache off";
      const { match } = JSON.parse(change.rule) as { match?: string };
      return cache.rules.some((rule) => rule.match === match) ? `the policy has a rule for ${match} by now` : undefined;
    }
    case "headers_timeout":
      return was("timeouts.headersMs", route.timeouts.headersMs, change.before);
    case "instance_weight":
      return policy.services.has(change.service) ? undefined : `the policy has no service ${change.service} any more`;
    case "region_spill":
    case "breaker_slow":
    case "retries": {
      const options = policy.services.get(change.service)?.options;
      if (options === undefined) return `the policy has no service ${change.service} any more`;
      const { breaker, attempts, routing } = options;
      if (change.kind === "region_spill")
        return was("routing.regions.spillAtLoad", routing.regions.spillAtLoad, change.before);
      if (change.kind === "breaker_slow")
        return was("breaker.slowMs", breaker === false ? false : breaker.slowMs, change.before);
      return was("attempts.max", attempts === false ? 1 : attempts.max, change.before);
    }
  }
}

const was = (name: string, now: unknown, before: unknown): string | undefined =>
  now === before ? undefined : `the policy's ${name} is ${String(now)} by now`;
