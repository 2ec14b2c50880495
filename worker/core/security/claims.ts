// What a verified token says (RFC 7519) and whether it says it to us: from whom, for whom, from when until when. Reading
// is apart from verifying (jws.ts), and judging apart from reading. A claim of the wrong type is a refusal, never a guess.
import { readJson, type JsonLimits } from "../protocol/json.ts";
import { fromUtf8 } from "./encoding.ts";
import type { JwsHeader } from "./jws.ts";

const CLAIM_LIMITS: JsonLimits = { maxBytes: 16 * 1024, maxDepth: 16, maxMembers: 1_000 };
const LONGEST_NAME = 256;
const MOST_ROLES = 128;

export type Claims = Readonly<Record<string, unknown>>;

export type ClaimCode =
  | "claims_invalid"
  | "issuer_unknown"
  | "audience_wrong"
  | "type_wrong"
  | "claim_missing"
  | "expired"
  | "not_yet"
  | "too_old";

export interface ClaimRules {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly leewaySeconds: number;
  /** The longest life a token may have, and how long ago it may have been issued; Infinity for no end. */
  readonly maxAgeSeconds: number;
  /** Lower case, without `application/`; "" for any. */
  readonly typ: string;
  readonly required: readonly string[];
}

/** Where a token says who its bearer is: a claim's name, or a way down to it with dots. */
export interface ClaimNames {
  /** The first that is there and not empty. */
  readonly user: readonly string[];
  readonly tenant: string;
  readonly roles: string;
  readonly permissions: string;
}

export interface Caller {
  readonly user: string;
  readonly tenant: string;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
}

/** One JSON object in UTF-8 without a name that stands twice; undefined for anything else. */
export function readClaims(payload: Uint8Array): Claims | undefined {
  const text = fromUtf8(payload);
  if (text === undefined) return undefined;
  const json = readJson(text, CLAIM_LIMITS);
  const isObject = json.ok && typeof json.value === "object" && json.value !== null && !Array.isArray(json.value);
  return isObject ? (json.value as Claims) : undefined;
}

/** Why the token is not for us or not for now; undefined when nothing speaks against it. */
export function claimProblem(
  claims: Claims,
  header: JwsHeader,
  rules: ClaimRules,
  nowMs: number,
): ClaimCode | undefined {
  for (const name of rules.required) if (at(claims, name) === undefined) return "claim_missing";
  if (claims["iss"] !== rules.issuer) return "issuer_unknown";
  if (!isFor(claims["aud"], rules.audiences)) return "audience_wrong";
  if (rules.typ !== "" && mediaType(header["typ"]) !== rules.typ) return "type_wrong";
  const { sub } = claims;
  if (sub !== undefined && typeof sub !== "string") return "claims_invalid";
  return timeProblem(claims, rules, nowMs / 1_000);
}

function timeProblem({ exp, nbf, iat }: Claims, rules: ClaimRules, now: number): ClaimCode | undefined {
  for (const time of [exp, nbf, iat]) if (time !== undefined && !isTime(time)) return "claims_invalid";
  const { leewaySeconds, maxAgeSeconds } = rules;
  // RFC 7519 §4.1.4: on or after `exp` it is over; a few moments of clock skew are forgiven.
  if (isTime(exp) && now >= exp + leewaySeconds) return "expired";
  if (isTime(nbf) && now < nbf - leewaySeconds) return "not_yet";
  if (isTime(iat) && now < iat - leewaySeconds) return "not_yet";
  if (maxAgeSeconds === Infinity) return undefined;
  if (!isTime(iat)) return "claim_missing";
  const tooLong = isTime(exp) && exp - iat > maxAgeSeconds;
  return tooLong || now >= iat + maxAgeSeconds + leewaySeconds ? "too_old" : undefined;
}

const isTime = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value) && value >= 0;

/** RFC 7519 §4.1.3: one text or a list of texts, of which one must be ours. */
function isFor(audience: unknown, ours: readonly string[]): boolean {
  const named: unknown[] = Array.isArray(audience) ? audience : [audience];
  return named.every((each) => typeof each === "string") && named.some((each) => ours.includes(each));
}

/** RFC 7515 §4.1.9: `application/` is left out when nothing else has a slash; case does not count. */
export function mediaType(typ: unknown): string {
  if (typeof typ !== "string") return "";
  const written = typ.toLowerCase();
  return written.startsWith("application/") ? written.slice("application/".length) : written;
}

/** Epoch ms at which the token is over, forgiveness included. */
export function endOf(claims: Claims, rules: ClaimRules): number {
  const { exp, iat } = claims;
  const ends = [isTime(exp) ? exp : Infinity, isTime(iat) ? iat + rules.maxAgeSeconds : Infinity];
  return (Math.min(...ends) + rules.leewaySeconds) * 1_000;
}

/** Undefined when what names the caller has the wrong type. */
export function callerOf(claims: Claims, names: ClaimNames): Caller | undefined {
  const users = names.user.map((name) => nameIn(at(claims, name)));
  const user = users.includes(undefined) ? undefined : (users.find((each) => each !== "") ?? "");
  const tenant = nameIn(at(claims, names.tenant));
  const roles = listIn(at(claims, names.roles));
  const permissions = listIn(at(claims, names.permissions));
  if (user === undefined || tenant === undefined || roles === undefined || permissions === undefined) return undefined;
  return { user, tenant, roles, permissions };
}

/** A claim by its whole name (which may be a URL), else down the dots of it. */
function at(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name] ?? undefined;
  if (!name.includes(".")) return undefined;
  let value: unknown = claims;
  for (const part of name.split(".")) {
    if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, part))
      return undefined;
    value = (value as Claims)[part];
  }
  return value ?? undefined;
}

function nameIn(value: unknown): string | undefined {
  if (value === undefined) return "";
  return typeof value === "string" && value.length <= LONGEST_NAME ? value : undefined;
}

/** A list of texts, or one text with spaces between them, as `scope` has it (RFC 8693 §4.2). */
function listIn(value: unknown): readonly string[] | undefined {
  if (value === undefined) return [];
  const list: unknown = typeof value === "string" ? value.split(" ").filter((each) => each !== "") : value;
  if (!Array.isArray(list) || list.length > MOST_ROLES) return undefined;
  return list.every((each) => typeof each === "string" && each.length <= LONGEST_NAME) ? (list as string[]) : undefined;
}
