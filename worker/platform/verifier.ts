// Whether a credential is good, and whom it speaks for: cryptography, key sets, records of keys. Everything here happens once
// per credential and isolate (platform/identity remembers), and says why in a code that can be recorded. That a store or an
// issuer is away is an answer of its own: `unavailable`, which is neither good nor wrong.
import { isKeyOf, isLive, isOurs, pepperOf, readApiKey, type Pepper } from "../core/security/api-keys.ts";
import { callerOf, claimProblem, endOf, readClaims, type Claims } from "../core/security/claims.ts";
import { permissionsOf, type SecurityContext } from "../core/security/context.ts";
import { bringsKey, parseJws, verifyParsed, type ParsedJws } from "../core/security/jws.ts";
import type { IdentityRules, IssuerRules, KeyPlace } from "../core/security/rules.ts";
import type { Credential } from "../core/security/shown.ts";
import { ApiKeys } from "./api-keys.ts";
import { secretOf } from "./call-headers.ts";
import type { Env } from "./env.ts";
import type { Isolate } from "./isolate.ts";
import { KeySet, type KeySetReading } from "./key-sets.ts";
import { NOTHING_TOLD, type Known } from "./known-credentials.ts";
import type { Background } from "./news.ts";
import { share } from "./share.ts";

/** A verified key is looked up again after this, a token verified again, should no news have come by. */
const KNOWN_MS = 600_000;
/** Where no pepper is named: keys are 256 random bits, and their hashes lead nowhere without them. */
const NO_PEPPER = "sluice";

/** Why a credential is not good: a code for the record. `unavailable`: nobody can say. */
export type Verified = Known | { readonly refused: string; readonly unavailable: boolean };

const refused = (code: string, unavailable = false): Verified => ({ refused: code, unavailable });

export class Verifier {
  readonly keys: ApiKeys;
  /** Verifications made: cryptography on the path. */
  verified = 0;
  #env: Env;
  #isolate: Isolate;
  /** By where they come from: a set outlives a generation that does not change it. */
  #sets = new Map<string, KeySet>();
  #peppers = new Map<string, Promise<Pepper>>();

  constructor(env: Env, isolate: Isolate) {
    this.#env = env;
    this.#isolate = isolate;
    this.keys = new ApiKeys(env, isolate.now);
  }

  /** Forgets key sets that these rules do not name. */
  keep(rules: IdentityRules): void {
    const places = [...rules.issuers.values()].flat().map(({ place }) => JSON.stringify(place));
    if (rules.access !== undefined) places.push(JSON.stringify(rules.access.place));
    for (const place of this.#sets.keys()) if (!places.includes(place)) this.#sets.delete(place);
  }

  async verify(rules: IdentityRules, credential: Credential, background: Background, now: number): Promise<Verified> {
    this.verified++;
    const { from, text } = credential;
    const isKey = from === "key" || from === "query" || (rules.keys !== undefined && readApiKey(text) !== undefined);
    const verified = isKey
      ? await this.#verifyKey(rules, text, background, now)
      : await this.#verifyToken(rules, credential, background, now);
    if ("refused" in verified) return verified;
    // Revoked while it was being verified.
    return this.keys.isRevoked(verified.context.keyId) ? refused("key_revoked") : verified;
  }

  async #verifyKey(rules: IdentityRules, text: string, background: Background, now: number): Promise<Verified> {
    if (rules.keys === undefined) return refused("keys_not_taken");
    const key = readApiKey(text);
    if (key === undefined) return refused("key_malformed");
    const pepper = await this.pepper(rules.keys.pepper);
    if (pepper === undefined) return refused("pepper_not_set", true);
    if (!(await isOurs(key.id, pepper))) return refused("key_unknown");
    const record = await this.keys.find(key.id, background);
    if (record === "unknown") return refused("key_store_away", true);
    if (record === "missing") return refused("key_unknown");
    if (!(await isKeyOf(key, record.hash, pepper))) return refused("key_wrong");
    if (!isLive(record, now)) return refused(record.revokedAt > 0 ? "key_revoked" : "key_expired");
    const { id, user, tenant, roles, permissions, expiresAt, rateLimit } = record;
    const context: SecurityContext = {
      ...{ scheme: "api_key", identity: `key:${id}`, user, tenant, roles, keyId: id },
      permissions: permissionsOf(roles, permissions, rules.roles),
      rateLimit: rateLimit === "" ? undefined : rateLimit,
    };
    return knownUntil(context, expiresAt === 0 ? Infinity : expiresAt, now);
  }

  async #verifyToken(
    rules: IdentityRules,
    { from, text }: Credential,
    background: Background,
    now: number,
  ): Promise<Verified> {
    const parsed = parseJws(text);
    if ("code" in parsed) return refused(parsed.code);
    if (bringsKey(parsed.header)) return refused("header_key");
    const claims = readClaims(parsed.payload);
    if (claims === undefined) return refused("claims_invalid");
    const { iss } = claims;
    const issuers = from === "access" ? [rules.access!] : typeof iss === "string" ? (rules.issuers.get(iss) ?? []) : [];
    let answer = refused("issuer_unknown");
    for (const issuer of issuers) {
      answer = await this.#tryIssuer(rules, issuer, parsed, claims, background, now);
      if (!("refused" in answer)) return answer;
    }
    return answer;
  }

  async #tryIssuer(
    rules: IdentityRules,
    issuer: IssuerRules,
    parsed: ParsedJws,
    claims: Claims,
    background: Background,
    now: number,
  ): Promise<Verified> {
    const { algorithms, scheme } = issuer;
    if (!algorithms.some((name) => name === parsed.header.alg)) return refused("alg_not_allowed");
    const set = this.#setAt(issuer.place);
    await set.first(background, now);
    if (set.ring === undefined) return refused("no_key_set", true);
    set.keepFresh(background, now);
    let result = await verifyParsed(parsed, set.ring, { now, algorithms });
    // The issuer may have rotated its keys.
    if (!result.ok && (await set.unknownKey(background, now))) {
      result = await verifyParsed(parsed, set.ring, { now, algorithms });
    }
    if (!result.ok) return refused(result.code);
    const problem = claimProblem(claims, parsed.header, issuer.claims, now);
    if (problem !== undefined) return refused(problem);
    const caller = callerOf(claims, issuer.names);
    if (caller === undefined) return refused("claims_invalid");
    const { user, tenant, roles } = caller;
    const parts = [issuer.claims.issuer, tenant, user].map((part) => encodeURIComponent(part.toWellFormed()));
    const context: SecurityContext = {
      ...{ scheme, identity: `${scheme}:${parts.join(":")}`, user, tenant, roles, keyId: "" },
      permissions: permissionsOf(roles, caller.permissions, rules.roles),
      rateLimit: undefined,
    };
    return knownUntil(context, endOf(claims, issuer.claims), now);
  }

  #setAt(place: KeyPlace): KeySet {
    const name = JSON.stringify(place);
    let set = this.#sets.get(name);
    if (set === undefined) {
      const told = (detail: string): void => {
        this.#isolate.security.note({ kind: "key_set_problem", detail }, this.#isolate.now());
      };
      this.#sets.set(name, (set = new KeySet(place, this.#env, told)));
    }
    return set;
  }

  *setsOf(rules: IdentityRules): Generator<KeySet> {
    for (const issuers of rules.issuers.values()) for (const { place } of issuers) yield this.#setAt(place);
    if (rules.access !== undefined) yield this.#setAt(rules.access.place);
  }

  /** Key sets asked of issuers. */
  get fetches(): number {
    let sum = 0;
    for (const set of this.#sets.values()) sum += set.fetches;
    return sum;
  }

  /** As this isolate has them. */
  readings(): KeySetReading[] {
    return [...this.#sets.values()].map((set) => set.reading());
  }

  /** Undefined when a secret is named and not set: locally one can do without, deployed it is a mistake. */
  async pepper(secret: string): Promise<Pepper | undefined> {
    const text = secret === "" ? NO_PEPPER : secretOf({ secret }, this.#env);
    if (text === undefined && this.#env.ALLOW_PRIVATE !== "true") return undefined;
    const words = text ?? NO_PEPPER;
    let pepper = this.#peppers.get(words);
    if (pepper === undefined) this.#peppers.set(words, (pepper = share(pepperOf(words))));
    return pepper;
  }
}

const knownUntil = (context: SecurityContext, end: number, now: number): Known => ({
  context: Object.freeze(context),
  until: Math.min(end, now + KNOWN_MS),
  told: NOTHING_TOLD,
  toldUntil: 0,
});
