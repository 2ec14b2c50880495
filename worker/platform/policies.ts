// The policy in force in this isolate, switched by one assignment. It comes from KV when the isolate is cold, from the
// region's object when the news tells of a newer generation (KV spreads slowly), and KV is looked at again every 30 s.
// Laws: a document that is bad in any way leaves the last good one in force and stays visible in `error`; generations
// only rise; a document put into KV by hand has none and stands until `ControlObject` holds one.
import { POLICY_KEY } from "../core/protocol/names.ts";
import { compilePolicy } from "../core/policy/compile.ts";
import type { CompiledPolicy } from "../core/policy/compiled.ts";
import { parsePolicy, type PolicyProblem } from "../core/policy/parse.ts";
import type { PolicyDocument } from "../core/protocol/objects.ts";
import { ok, refuse, type Result } from "../core/result/result.ts";
import type { Env } from "./env.ts";
import { CALL_TIMEOUT_MS, OffPath, waitAtMost } from "./offpath.ts";
import type { Background } from "./news.ts";
import { share } from "./share.ts";

const KV_CACHE_SECONDS = 30;
const LOOK_AGAIN_MS = 30_000;
/** With no policy at all every request asks for one, but KV not more often than this. */
const RELOAD_MS = 500;

/** Beside the document in KV: a put by hand has no such metadata, so it is generation 0. */
export interface PolicyMetadata {
  generation: number;
  at: number;
}

/** Why a document is not in force. */
export interface PolicyError {
  readonly from: "kv" | "region";
  readonly generation: number;
  readonly at: number;
  readonly problems: readonly PolicyProblem[];
}

/** Reads a document: parse, check, compile. */
export type Compile = (text: string, generation: number) => Result<CompiledPolicy, readonly PolicyProblem[]>;

export const readPolicy: Compile = (text, generation) => {
  const parsed = parsePolicy(text);
  return parsed.ok ? ok(compilePolicy(parsed.value, generation)) : parsed;
};

export class Policies {
  /** What the hot path reads; undefined until a good document was seen. */
  current: CompiledPolicy | undefined;
  /** The text of `current`. */
  document: PolicyDocument | undefined;
  /** The newest document that was refused, until a good one came from where it had come from. */
  error: PolicyError | undefined;
  /** Newest generation taken or refused: what the region need not send again. */
  known = 0;
  taken = 0;
  refused = 0;
  readonly kv: OffPath;
  #env: Pick<Env, "KV">;
  #compile: Compile;
  #now: () => number;
  #loading: { readonly startedAt: number; readonly done: Promise<void> } | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** The document without a generation that was last looked at, and whether a numbered one was in force then. */
  #byHand: { readonly text: string; readonly numbered: boolean } | undefined;

  constructor(env: Pick<Env, "KV">, compile: Compile = readPolicy, now: () => number = Date.now) {
    this.#env = env;
    this.#compile = compile;
    this.#now = now;
    this.kv = new OffPath("KV", now);
  }

  /** Whether KV should be looked at again. */
  due(now: number, everyMs: number = LOOK_AGAIN_MS): boolean {
    return now - this.#lookedAt >= everyMs;
  }

  /** Reads KV, once for all that ask meanwhile, and takes what it finds; returns within two seconds. */
  async load(background: Background): Promise<void> {
    const now = this.#now();
    // A load whose request was killed never settles: past its time it is replaced.
    if (this.#loading === undefined || now - this.#loading.startedAt > CALL_TIMEOUT_MS + 500) {
      if (now - this.#lookedAt < RELOAD_MS) return;
      this.#lookedAt = now;
      const done = share(
        this.#load().finally(() => {
          this.#loading = undefined;
        }),
      );
      this.#loading = { startedAt: now, done };
      background.waitUntil(done);
    }
    await waitAtMost(this.#loading.done, CALL_TIMEOUT_MS + 100);
  }

  async #load(): Promise<void> {
    const read = await this.kv.call(() =>
      this.#env.KV.getWithMetadata<PolicyMetadata>(POLICY_KEY, { type: "text", cacheTtl: KV_CACHE_SECONDS }),
    );
    if (!read.ok || read.value.value === null) return;
    const { value: text, metadata } = read.value;
    const document = { generation: generationOf(metadata), text, at: Number(metadata?.at) || 0 };
    if (document.generation === 0) this.#takeByHand(document);
    else {
      this.#byHand = undefined;
      if (!this.take(document, "kv") && this.error?.from === "kv" && this.error.generation === 0)
        this.error = undefined;
    }
  }

  /** A document without a generation: taken while there is no numbered one, looked at and reported otherwise. */
  #takeByHand(document: PolicyDocument): void {
    const numbered = this.current !== undefined && this.current.generation > 0;
    if (document.text === this.#byHand?.text && numbered === this.#byHand.numbered) return;
    this.#byHand = { text: document.text, numbered };
    const compiled = this.#read(document);
    if (!compiled.ok) this.#refuse("kv", document, compiled.error);
    else if (!numbered) this.#switch(compiled.value, document, "kv");
    else if (document.text !== this.document?.text) {
      const generation = this.current!.generation;
      const message = `KV holds a document that was put there by hand; generation ${generation} stays in force. Push it through the admin API instead`;
      this.#refuse("kv", document, [{ path: "", message }]);
    } else if (this.error?.from === "kv") this.error = undefined;
  }

  /** Takes a numbered document when it is newer than all seen so far and good; false when it changed nothing. */
  take(document: PolicyDocument, from: PolicyError["from"]): boolean {
    if (document.generation <= this.known) return false;
    this.known = document.generation;
    const compiled = this.#read(document);
    if (compiled.ok) this.#switch(compiled.value, document, from);
    else this.#refuse(from, document, compiled.error);
    return compiled.ok;
  }

  #read(document: PolicyDocument): ReturnType<Compile> {
    try {
      return this.#compile(document.text, document.generation);
    } catch (error) {
      // A bug of ours that one document meets must not take the policy in force away.
      return refuse([
        { path: "", message: `cannot be compiled: ${error instanceof Error ? error.message : "unknown"}` },
      ]);
    }
  }

  #switch(policy: CompiledPolicy, document: PolicyDocument, from: PolicyError["from"]): void {
    this.current = policy;
    this.document = document;
    this.taken++;
    // A newer generation outdates whatever was refused before it, except what still lies in KV by hand.
    if (this.error !== undefined && (this.error.from === from || this.error.generation > 0)) this.error = undefined;
  }

  #refuse(from: PolicyError["from"], document: PolicyDocument, problems: readonly PolicyProblem[]): void {
    this.refused++;
    this.error = { from, generation: document.generation, at: this.#now(), problems };
  }
}

/** What KV's metadata says; anything that is not a generation counts as none. */
export function generationOf(metadata: PolicyMetadata | null): number {
  const generation: unknown = metadata?.generation;
  return typeof generation === "number" && Number.isSafeInteger(generation) && generation > 0 ? generation : 0;
}
