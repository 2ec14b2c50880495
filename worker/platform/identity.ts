// Who asks, decided for all doors alike: traffic, AI and admin. A credential that was verified in this isolate costs a look
// into a map; the first sight of one costs cryptography, perhaps a key set or a record, and is the only time a request
// waits. Laws: a wrong credential is never anonymous, two that disagree are refused, and where it cannot be decided (no key
// set was ever loaded, no store can say whether a key is one) the answer is 503, never a guess.
import type { Refusal } from "../core/http/problem.ts";
import type { CompiledPolicy } from "../core/policy/compiled.ts";
import { readApiKey, type Pepper } from "../core/security/api-keys.ts";
import { agree, ANONYMOUS, grantsAll, insufficientScope, type SecurityContext } from "../core/security/context.ts";
import type { SecurityEventKind } from "../core/security/events.ts";
import { identityPairs, signatureOf, signingKeyOf, type HeaderPair } from "../core/security/identity-headers.ts";
import { compileIdentity, type IdentityRules } from "../core/security/rules.ts";
import { readShown, type Credential, type Shown } from "../core/security/shown.ts";
import { secretOf } from "./call-headers.ts";
import type { Env } from "./env.ts";
import type { Isolate } from "./isolate.ts";
import type { KeySetReading } from "./key-sets.ts";
import { KnownCredentials, NOTHING_TOLD, type Known } from "./known-credentials.ts";
import type { Background } from "./news.ts";
import { Verifier, type Verified } from "./verifier.ts";

/** A signature over who it is, is made anew this often. */
const TOLD_MS = 60_000;
const RETRY_MS = 2_000;

const MISSING: Refusal = { code: "unauthenticated", challenge: 'Bearer realm="sluice"' };
const WRONG: Refusal = { code: "unauthenticated", challenge: 'Bearer error="invalid_token"' };
const UNAVAILABLE: Refusal = { code: "identity_unavailable", retryAfterMs: RETRY_MS };

/** A request, as far as identity is asked of it; a walk fits. */
export interface Asking {
  readonly headers: { get(name: string): string | null };
  readonly fields: { readonly authorization: string | undefined };
  /** With its `?`, or "". */
  readonly query: string;
  readonly address: string;
  readonly arrivedAt: number;
  readonly ctx: Background;
}

/** What a door asks of its callers. */
export interface Demand {
  readonly id: string;
  readonly auth: "none" | "optional" | "required";
  readonly permissions: readonly string[];
}

export interface Admission {
  readonly context: SecurityContext;
  /** Lower-case names of fields that were for the gateway, or that only it may write: they go no further. */
  readonly drop: readonly string[];
  /** Without a key in it. */
  readonly query: string;
  /** Who it is, for the upstream. */
  readonly told: readonly HeaderPair[];
}

export class Identity {
  readonly known = new KnownCredentials();
  readonly verifier: Verifier;
  #env: Env;
  #isolate: Isolate;
  #policy: CompiledPolicy | undefined;
  #rules: IdentityRules | undefined;
  #written = "";

  constructor(env: Env, isolate: Isolate) {
    this.#env = env;
    this.#isolate = isolate;
    this.verifier = new Verifier(env, isolate);
    isolate.orders.subscribe("keys", (entries, lostBelow) => {
      const affected = this.verifier.keys.hear(entries, lostBelow);
      this.known.drop(({ context: { keyId } }) => keyId !== "" && (affected === "all" || affected.has(keyId)));
    });
  }

  rulesOf(policy: CompiledPolicy): IdentityRules {
    return policy === this.#policy ? this.#rules! : this.#take(policy);
  }

  #take(policy: CompiledPolicy): IdentityRules {
    const written = JSON.stringify(policy.policy.security);
    this.#policy = policy;
    if (written === this.#written) return this.#rules!;
    this.#written = written;
    // Roles, issuers, names: everything that was found out of a credential may have changed.
    this.known.clear();
    const rules = compileIdentity(policy.policy.security);
    this.#rules = rules;
    this.verifier.keep(rules);
    return rules;
  }

  /** Lets a request in, as somebody or as nobody, or refuses it. At once for credentials seen before. */
  admit(policy: CompiledPolicy, asking: Asking, demand: Demand): Admission | Refusal | Promise<Admission | Refusal> {
    const rules = this.rulesOf(policy);
    if (!rules.knowsAnybody && demand.auth === "required") return UNAVAILABLE;
    const shown = readShown(asking, rules, demand.auth === "none");
    if (demand.auth === "none" || !rules.knowsAnybody) return admission(ANONYMOUS, shown);
    if (shown.problem !== "") return this.#wrong(asking, demand, shown.problem);
    const { credentials } = shown;
    if (credentials.length === 0) return this.#nobody(rules, shown, asking, demand);
    const found: Known[] = [];
    for (let at = 0; at < credentials.length; at++) {
      const known = this.#lookUp(credentials[at]!, asking.arrivedAt);
      if (known === undefined) return this.#verifyAll(rules, shown, asking, demand);
      found.push(known);
    }
    return this.#settle(rules, found, shown, asking, demand);
  }

  /** For the admin API: a bearer's token or key, without a route's demands. Never waits longer than its verification. */
  async bearer(
    policy: CompiledPolicy,
    text: string,
    background: Background,
  ): Promise<SecurityContext | "wrong" | "unavailable"> {
    const credential: Credential = { from: "bearer", text };
    const now = this.#isolate.now();
    const known =
      this.#lookUp(credential, now) ?? (await this.#verify(this.rulesOf(policy), credential, background, now));
    if ("refused" in known) return known.unavailable ? "unavailable" : "wrong";
    return known.context;
  }

  /** Nothing was shown. Where nobody could be told from anybody, nobody is let in. */
  #nobody(rules: IdentityRules, shown: Shown, asking: Asking, demand: Demand): Admission | Refusal | Promise<Refusal> {
    if (demand.auth === "optional") return admission(ANONYMOUS, shown);
    if (rules.keys !== undefined) return MISSING;
    const sets = [...this.verifier.setsOf(rules)];
    if (sets.some((set) => set.ring !== undefined)) return MISSING;
    const first = Promise.all(sets.map((set) => set.first(asking.ctx, asking.arrivedAt)));
    return first.then(() => (sets.some((set) => set.ring !== undefined) ? MISSING : UNAVAILABLE));
  }

  #lookUp(credential: Credential, now: number): Known | undefined {
    const known = this.known.get(nameOf(credential), now);
    if (known === undefined) return undefined;
    const { scheme } = known.context;
    const { from } = credential;
    const fits = from === "bearer" ? scheme !== "access" : scheme === (from === "access" ? "access" : "api_key");
    return fits ? known : undefined;
  }

  /** Once per credential and isolate. */
  async #verify(rules: IdentityRules, credential: Credential, background: Background, now: number): Promise<Verified> {
    const verified = await this.verifier.verify(rules, credential, background, now);
    // By rules that are no longer in force it may be used this once, but is not kept.
    if (!("refused" in verified) && rules === this.#rules) this.known.set(nameOf(credential), verified);
    return verified;
  }

  async #verifyAll(rules: IdentityRules, shown: Shown, asking: Asking, demand: Demand): Promise<Admission | Refusal> {
    const found: Known[] = [];
    for (const credential of shown.credentials) {
      const known =
        this.#lookUp(credential, asking.arrivedAt) ??
        (await this.#verify(rules, credential, asking.ctx, asking.arrivedAt));
      if (!("refused" in known)) {
        found.push(known);
        continue;
      }
      if (!known.unavailable) return this.#wrong(asking, demand, known.refused, readApiKey(credential.text)?.id);
      this.#note("identity_unavailable", asking, demand, known.refused);
      return UNAVAILABLE;
    }
    return this.#settle(rules, found, shown, asking, demand);
  }

  /** All that was shown is good: whether it is one caller, and whether that one may. */
  #settle(
    rules: IdentityRules,
    found: readonly Known[],
    shown: Shown,
    asking: Asking,
    demand: Demand,
  ): Admission | Refusal | Promise<Admission> {
    const known = found[0]!;
    const { context } = known;
    for (let at = 1; at < found.length; at++) {
      if (agree(context, found[at]!.context)) continue;
      this.#note("credentials_disagree", asking, demand, "", context);
      return WRONG;
    }
    if (shown.fromQuery) this.#note("key_in_query", asking, demand, "", context);
    if (demand.permissions.length > 0 && !grantsAll(context.permissions, demand.permissions)) {
      this.#note("permission_denied", asking, demand, "", context);
      return { code: "forbidden", challenge: insufficientScope(demand.permissions) };
    }
    if (rules.fields === undefined) return admission(context, shown);
    if (asking.arrivedAt < known.toldUntil) return admission(context, shown, known.told);
    return this.#tell(rules.fields, known, asking.arrivedAt).then((told) => admission(context, shown, told));
  }

  async #tell(fields: NonNullable<IdentityRules["fields"]>, known: Known, now: number): Promise<readonly HeaderPair[]> {
    const pairs = identityPairs(known.context, fields);
    const key = fields.key === "" ? undefined : secretOf({ secret: fields.key }, this.#env);
    // Without the secret nothing is signed; `ready` names it.
    if (key !== undefined) {
      pairs.push(await signatureOf(pairs, fields, await signingKeyOf(key), Math.floor(now / 1_000)));
    }
    known.told = pairs;
    known.toldUntil = now + TOLD_MS;
    return pairs;
  }

  /** Key sets, as this isolate has them. */
  readings(): KeySetReading[] {
    return this.verifier.readings();
  }

  pepper(secret: string): Promise<Pepper | undefined> {
    return this.verifier.pepper(secret);
  }

  #wrong(asking: Asking, demand: Demand, detail: string, keyId = ""): Refusal {
    this.#note("credential_refused", asking, demand, detail, { ...ANONYMOUS, keyId });
    return WRONG;
  }

  #note(
    kind: SecurityEventKind,
    asking: Asking,
    demand: Demand,
    detail: string,
    who: SecurityContext = ANONYMOUS,
  ): void {
    const facts = { kind, detail, route: demand.id, address: asking.address, who: who.keyId || who.user };
    this.#isolate.security.note(facts, asking.arrivedAt);
  }
}

/** A token for Access is another thing than the same text in Authorization. */
const nameOf = ({ from, text }: Credential): string => (from === "access" ? `access ${text}` : text);

const admission = (context: SecurityContext, { drop, query }: Shown, told = NOTHING_TOLD): Admission => ({
  context,
  drop,
  query,
  told,
});
