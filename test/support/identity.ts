// What identity scenarios share: an issuer whose key set is served by a scripted upstream, and policies that ask for it.
import { createHmac } from "node:crypto";
import type { WrittenPolicy } from "../../worker/core/policy/schema.ts";
import { inFrontOf } from "./policies.ts";
import { send } from "./client.ts";
import type { Answer } from "./client.ts";
import { AUDIENCE, ISSUER, newSigner } from "./tokens.ts";
import type { Signer } from "./tokens.ts";
import { startUpstream } from "./upstream.ts";
import type { Upstream } from "./upstream.ts";

type Security = NonNullable<WrittenPolicy["security"]>;
type Issuer = NonNullable<Security["jwt"]>["issuers"][number];
type Route = NonNullable<WrittenPolicy["routes"]>[number];

/** Serves a key set at every path; `keys` may be changed while it runs. */
export interface Issuing {
  readonly upstream: Upstream;
  keys: readonly unknown[];
  readonly url: string;
}

export async function startIssuer(keys: readonly unknown[]): Promise<Issuing> {
  const upstream = await startUpstream();
  const issuing: Issuing = { keys, url: `${upstream.origin}/keys`, upstream };
  upstream.play(() => keySet(issuing.keys));
  return issuing;
}

export const keySet = (
  keys: readonly unknown[],
): { status: number; headers: Record<string, string>; body: string } => ({
  status: 200,
  headers: { "Content-Type": "application/jwk-set+json" },
  body: JSON.stringify({ keys }),
});

export const issuer = (issuing: Issuing, changes: Partial<Issuer> = {}): Issuer => ({
  issuer: ISSUER,
  audience: AUDIENCE,
  algorithms: ["RS256", "ES256", "EdDSA"],
  jwksUrl: issuing.url,
  ...changes,
});

/** Everything needs a caller; what is said of the route or of security goes over that. */
export function requiring(upstream: Upstream, security: Security, route: Partial<Route> = {}): WrittenPolicy {
  return inFrontOf(upstream, { route: { auth: "required", ...route }, sections: { security } });
}

export const bearer = (origin: string, token: string, target = "/"): Promise<Answer> =>
  send(origin, { target, headers: { Authorization: `Bearer ${token}` } });

let made: Signer | undefined;
/** One key for all who need just any: making RSA keys takes its time. */
export const anySigner = (): Signer => (made ??= newSigner("ES256"));

/** What a signed upstream checks. */
export const macOf = (key: string, words: string): string =>
  createHmac("sha256", key).update(words).digest("base64url");
