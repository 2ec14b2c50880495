// Keys that issuers publish (JWKS), fetched by this isolate for itself and kept as long as nothing better comes. One fetch
// serves all who wait for it; an issuer that is away, or publishes nonsense, leaves the last good set in force; a token that
// names an unknown key asks again, but not more often than the cooldown. Weak keys are left out and reported, and so are
// private halves that somebody has published: what is signed with those is signed by anybody.
import { addressProblem } from "../core/policy/targets.ts";
import { readJson, type JsonLimits } from "../core/protocol/json.ts";
import { KeyRing, readKeys, type KeyProblem } from "../core/security/jwk.ts";
import type { KeyPlace } from "../core/security/rules.ts";
import { toBase64url, toUtf8 } from "../core/security/encoding.ts";
import { readPublicKey } from "../core/security/pem.ts";
import { secretOf } from "./call-headers.ts";
import type { Env } from "./env.ts";
import type { Background } from "./news.ts";
import { waitAtMost } from "./offpath.ts";
import { share } from "./share.ts";

const SET_LIMITS: JsonLimits = { maxBytes: 262_144, maxDepth: 8, maxMembers: 256 };
/** After a failure, while no set was ever loaded: requests wait for keys, so the next try comes soon. */
const FIRST_RETRY_MS = 1_000;
/** Whoever fetches is over by then. */
const GRACE_MS = 500;

export interface KeySetReading {
  /** Where the keys come from, without query. */
  readonly from: string;
  readonly keys: number;
  /** Epoch ms; 0 for never. */
  readonly loadedAt: number;
  /** Why the newest answer was not taken; "" for none. */
  readonly problem: string;
  readonly refused: readonly KeyProblem[];
}

type Told = (detail: string) => void;

export class KeySet {
  /** The last good set; undefined while there never was one. */
  ring: KeyRing | undefined;
  loadedAt = 0;
  fetches = 0;
  problem = "";
  refused: readonly KeyProblem[] = [];
  #place: KeyPlace;
  #env: Env;
  #told: Told;
  #askedAt = Number.NEGATIVE_INFINITY;
  #flight: { readonly startedAt: number; readonly done: Promise<void> } | undefined;

  /** `told` hears of problems, once each time they change. */
  constructor(place: KeyPlace, env: Env, told: Told) {
    this.#place = place;
    this.#env = env;
    this.#told = told;
  }

  /** Asks again in the background when the set has grown old. */
  keepFresh(background: Background, now: number): void {
    const place = this.#place;
    const everyMs = place.kind === "url" ? place.refreshMs : Infinity;
    if (now - this.loadedAt >= everyMs && now - this.#askedAt >= this.#pauseMs) void this.#ask(background, now);
  }

  /** Until there is a set, or there will be none for now. */
  async first(background: Background, now: number): Promise<void> {
    if (this.ring === undefined) await this.#wait(background, now, FIRST_RETRY_MS);
  }

  /** A token names a key that is not in the set: until it was asked for anew, or was asked for a moment ago. */
  async unknownKey(background: Background, now: number): Promise<boolean> {
    if (this.#place.kind === "secret") return false;
    const before = this.ring;
    await this.#wait(background, now, this.#place.cooldownMs);
    return this.ring !== before;
  }

  get #pauseMs(): number {
    return this.#place.kind === "url" ? this.#place.cooldownMs : Infinity;
  }

  get #timeoutMs(): number {
    return this.#place.kind === "url" ? this.#place.timeoutMs : 1_000;
  }

  async #wait(background: Background, now: number, pauseMs: number): Promise<void> {
    const flies = this.#flight !== undefined && now - this.#flight.startedAt <= this.#timeoutMs + GRACE_MS;
    if (!flies && now - this.#askedAt < pauseMs) return;
    const done = flies ? this.#flight!.done : this.#ask(background, now);
    await waitAtMost(done, this.#timeoutMs + GRACE_MS);
  }

  /** One at a time; a flight whose request was killed never settles, and is replaced when its time is past. */
  #ask(background: Background, now: number): Promise<void> {
    const flight = this.#flight;
    if (flight !== undefined && now - flight.startedAt <= this.#timeoutMs + GRACE_MS) return flight.done;
    this.#askedAt = now;
    const done = share(
      this.#load(now).finally(() => {
        if (this.#flight?.startedAt === now) this.#flight = undefined;
      }),
    );
    this.#flight = { startedAt: now, done };
    background.waitUntil(done);
    return done;
  }

  async #load(now: number): Promise<void> {
    this.fetches++;
    const place = this.#place;
    const given = place.kind === "url" ? await fetchSet(place, this.#env) : await secretKey(place, this.#env);
    if (typeof given === "string") return this.#complain(given);
    const read = readKeys(given.value);
    const leaked = place.kind === "url" ? read.keys.filter((key) => key.hasPrivate) : [];
    const refused = [
      ...read.problems,
      ...leaked.map(({ kid }) => ({ index: -1, kid, problem: "is published with its private half" })),
    ];
    const good = new KeyRing(
      read.keys.filter((key) => !leaked.includes(key) && (place.kind === "secret" || key.jwk.kty !== "oct")),
      refused,
    );
    this.refused = refused;
    if (good.keys.length === 0)
      return this.#complain(refused[0] === undefined ? "holds no key" : `key ${refused[0].problem}`);
    // The same keys again: what was imported of them stays.
    if (JSON.stringify(good.keys) !== JSON.stringify(this.ring?.keys)) this.ring = good;
    this.loadedAt = now;
    this.problem = "";
    if (refused.length > 0) this.#told("key_refused");
  }

  #complain(problem: string): void {
    if (problem !== this.problem) this.#told("keys_not_loaded");
    this.problem = problem;
  }

  reading(): KeySetReading {
    const place = this.#place;
    const from = place.kind === "url" ? place.url.replace(/\?.*$/, "") : `secret ${place.secret}`;
    return {
      from,
      keys: this.ring?.keys.length ?? 0,
      loadedAt: this.loadedAt,
      problem: this.problem,
      refused: this.refused,
    };
  }
}

type Given = { readonly value: unknown } | string;

async function secretKey(place: Extract<KeyPlace, { kind: "secret" }>, env: Env): Promise<Given> {
  const text = secretOf({ secret: place.secret }, env);
  if (text === undefined) return `secret ${place.secret} is not set`;
  if (!place.shared) {
    const key = await readPublicKey(text, place.algorithms);
    return key === undefined ? `secret ${place.secret} holds no public key for these algorithms` : { value: key };
  }
  if (text.trimStart().startsWith("{")) return { value: await readPublicKey(text, place.algorithms) };
  return { value: { kty: "oct", k: toBase64url(toUtf8(text)) } };
}

/** Redirects are not followed: the policy says where keys come from, and nobody else. */
async function fetchSet(place: Extract<KeyPlace, { kind: "url" }>, env: Env): Promise<Given> {
  const address = addressProblem(place.url, "local", { allowPrivate: env.ALLOW_PRIVATE === "true" });
  if (address !== undefined) return `its address ${address}`;
  try {
    const headers = { accept: "application/jwk-set+json, application/json" };
    const signal = AbortSignal.timeout(place.timeoutMs);
    const answer = await fetch(place.url, { headers, redirect: "manual", signal });
    if (answer.status !== 200) {
      await answer.body?.cancel();
      return `status ${answer.status}`;
    }
    const text = await readAtMost(answer, SET_LIMITS.maxBytes);
    if (text === undefined) return `more than ${SET_LIMITS.maxBytes} bytes`;
    const json = readJson(text, SET_LIMITS);
    if (!json.ok) return "no JSON of the kind it should be";
    const { value } = json;
    const isSet = typeof value === "object" && value !== null && Array.isArray((value as { keys?: unknown }).keys);
    return isSet ? { value } : "no key set";
  } catch (error) {
    return error instanceof Error && error.name === "TimeoutError"
      ? `no answer within ${place.timeoutMs} ms`
      : "unreachable";
  }
}

/** Undefined when it is longer: what lies behind the limit is never read. */
async function readAtMost(answer: Response, most: number): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for await (const chunk of (answer.body ??
    new ReadableStream({ start: (to) => to.close() })) as ReadableStream<Uint8Array>) {
    length += chunk.byteLength;
    // Leaving the loop cancels the stream.
    if (length > most) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
