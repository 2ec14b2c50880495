// Whether every address a policy takes may be called from where it will run. A policy decides where the gateway's own
// requests go, so a private address in it is a way inside (SSRF): refused unless the deployment allows it. Deployed,
// `fetch` refuses IP literals too, so they are found here and not by the first visitor.
import { hostKind } from "../match/address.ts";
import { joinPath } from "../protocol/json.ts";
import type { PolicyProblem } from "./parse.ts";
import type { Policy } from "./schema.ts";

/** `local`: workerd on a machine of one's own. `cloudflare`: deployed. */
export type Target = "local" | "cloudflare";

export interface TargetOptions {
  readonly allowPrivate: boolean;
}

/** The addresses of `policy` that cannot be called on `target`, each with its path. */
export function checkTarget(policy: Policy, target: Target, options: TargetOptions): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  for (const { path, url } of policyUrls(policy)) {
    const message = addressProblem(url, target, options);
    if (message !== undefined) problems.push({ path, message });
  }
  return problems;
}

/** Why a URL may not be called, undefined when it may. Also for the moment a URL is used, as discovered ones are. */
export function addressProblem(url: string, target: Target, { allowPrivate }: TargetOptions): string | undefined {
  const parsed = URL.parse(url);
  if (parsed === null) return "is not a URL";
  const kind = hostKind(parsed.hostname);
  if (kind === "inside" && !allowPrivate)
    return "is a private, loopback or local address, which ALLOW_PRIVATE must allow";
  const isLiteral = kind === "literal" || parsed.hostname.startsWith("[") || /^[\d.]+$/.test(parsed.hostname);
  if (target === "cloudflare" && isLiteral) return "is an IP address, which Cloudflare's fetch refuses: use a name";
  return undefined;
}

interface PolicyUrl {
  readonly path: string;
  readonly url: string;
}

/** Every URL of the policy that the gateway will ask for something. */
function policyUrls(policy: Policy): PolicyUrl[] {
  const urls: PolicyUrl[] = [];
  const add = (path: string, url: unknown): void => {
    if (typeof url === "string") urls.push({ path, url });
  };
  for (const [name, region] of Object.entries(policy.regions))
    add(`${joinPath("regions", name)}.endpoint`, region.endpoint);
  for (const [name, service] of Object.entries(policy.services)) {
    const path = joinPath("services", name);
    service.instances.forEach((instance, index) => {
      // What a binding carries never meets the network by this address.
      if (instance.via === undefined) add(`${path}.instances[${index}].url`, instance.url);
    });
    const { discovery } = service;
    if (discovery !== false && discovery.kind === "consul") add(`${path}.discovery.url`, discovery.url);
    if (discovery !== false && discovery.kind === "dns") add(`${path}.discovery.resolver`, discovery.resolver);
  }
  if (policy.cache !== false) add("cache.redis.url", policy.cache.redis?.url);
  policy.security.jwt?.issuers.forEach((issuer, index) => {
    add(`security.jwt.issuers[${index}].jwksUrl`, issuer.jwksUrl);
  });
  for (const [name, provider] of Object.entries(policy.providers)) {
    if (provider.via === undefined) add(`${joinPath("providers", name)}.baseUrl`, provider.baseUrl);
  }
  for (const [name, notifier] of Object.entries(policy.notifiers))
    add(`${joinPath("notifiers", name)}.url`, notifier.url);
  if (policy.telemetry.otlp !== false) add("telemetry.otlp.url", policy.telemetry.otlp.url);
  return urls;
}
