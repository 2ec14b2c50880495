// The policy's word on identity as the hot path reads it: issuers by name, fields in lower case, roles resolved. Made once
// per policy; what depends on secrets or on keys that others publish is platform's.
import type * as v from "valibot";
import { mediaType, type ClaimNames, type ClaimRules } from "./claims.ts";
import type { IdentityFields } from "./identity-headers.ts";
import type { JwsAlgorithm } from "./jwk.ts";
import type { securityOptions } from "./options.ts";

type SecurityOptions = v.InferOutput<typeof securityOptions>;

/** Where an issuer's keys come from. */
export type KeyPlace =
  | {
      readonly kind: "url";
      readonly url: string;
      readonly refreshMs: number;
      readonly cooldownMs: number;
      readonly timeoutMs: number;
    }
  /** A secret of the deployment: a public key, or one that both sides know. */
  | {
      readonly kind: "secret";
      readonly secret: string;
      readonly shared: boolean;
      readonly algorithms: readonly JwsAlgorithm[];
    };

export interface IssuerRules {
  readonly scheme: "jwt" | "access";
  readonly claims: ClaimRules;
  readonly names: ClaimNames;
  readonly algorithms: readonly JwsAlgorithm[];
  readonly place: KeyPlace;
}

export interface KeyRules {
  /** Lower case. */
  readonly header: string;
  readonly queryName: string;
  readonly allowInQuery: boolean;
  /** Name of the secret; "" for none. */
  readonly pepper: string;
}

export interface IdentityRules {
  /** By `iss`; several entries for one issuer are tried in their order. */
  readonly issuers: ReadonlyMap<string, readonly IssuerRules[]>;
  readonly access: IssuerRules | undefined;
  readonly keys: KeyRules | undefined;
  readonly roles: Readonly<Record<string, readonly string[]>>;
  readonly fields: (IdentityFields & { readonly key: string }) | undefined;
  /** Somebody can be told from somebody else. */
  readonly knowsAnybody: boolean;
}

export function compileIdentity(security: SecurityOptions): IdentityRules {
  const issuers = new Map<string, IssuerRules[]>();
  for (const each of security.jwt?.issuers ?? []) {
    const rules = issuerRules(each);
    issuers.set(each.issuer, [...(issuers.get(each.issuer) ?? []), rules]);
  }
  const { access, apiKeys, identityHeaders } = security;
  return {
    issuers,
    access: access === undefined ? undefined : accessRules(access),
    keys:
      apiKeys === undefined
        ? undefined
        : {
            header: apiKeys.header.toLowerCase(),
            queryName: apiKeys.queryName,
            allowInQuery: apiKeys.allowInQuery,
            pepper: apiKeys.pepper?.secret ?? "",
          },
    roles: security.roles,
    fields:
      identityHeaders === false
        ? undefined
        : {
            user: identityHeaders.user.toLowerCase(),
            tenant: identityHeaders.tenant.toLowerCase(),
            roles: identityHeaders.roles.toLowerCase(),
            signature: identityHeaders.signature.toLowerCase(),
            key: identityHeaders.key?.secret ?? "",
          },
    knowsAnybody: issuers.size > 0 || access !== undefined || apiKeys !== undefined,
  };
}

type WrittenIssuer = NonNullable<SecurityOptions["jwt"]>["issuers"][number];

const listOf = (one: string | readonly string[]): readonly string[] => (typeof one === "string" ? [one] : one);

function issuerRules(issuer: WrittenIssuer): IssuerRules {
  const { jwksUrl, publicKey, sharedKey, jwks, algorithms } = issuer;
  const place: KeyPlace =
    jwksUrl === undefined
      ? {
          kind: "secret",
          // Parsing has seen to it that one of the three is written.
          secret: (publicKey ?? sharedKey)!.secret,
          shared: sharedKey !== undefined,
          algorithms,
        }
      : {
          kind: "url",
          url: jwksUrl,
          refreshMs: jwks.refreshSeconds * 1_000,
          cooldownMs: jwks.cooldownSeconds * 1_000,
          timeoutMs: jwks.timeoutMs,
        };
  return {
    scheme: "jwt",
    claims: {
      issuer: issuer.issuer,
      audiences: listOf(issuer.audience),
      leewaySeconds: issuer.leewaySeconds,
      maxAgeSeconds: issuer.maxAgeSeconds ?? Infinity,
      typ: mediaType(issuer.typ),
      required: issuer.requiredClaims,
    },
    names: { ...issuer.claims, user: [issuer.claims.user] },
    algorithms,
    place,
  };
}

/** Cloudflare's own: RS256, keys at the team's domain, rotated every six weeks. */
function accessRules(access: NonNullable<SecurityOptions["access"]>): IssuerRules {
  const issuer = `https://${access.teamDomain}`;
  return {
    scheme: "access",
    claims: {
      issuer,
      audiences: listOf(access.audience),
      leewaySeconds: access.leewaySeconds,
      maxAgeSeconds: Infinity,
      typ: "",
      required: ["exp", "iat"],
    },
    // People have an e-mail address; service tokens a `common_name` and an empty `sub`.
    names: {
      user: ["email", "sub", "common_name"],
      tenant: "tenant",
      roles: "custom.roles",
      permissions: "custom.permissions",
    },
    algorithms: ["RS256"],
    place: {
      kind: "url",
      url: `${issuer}/cdn-cgi/access/certs`,
      refreshMs: 600_000,
      cooldownMs: 10_000,
      timeoutMs: 5_000,
    },
  };
}
