// One call of the targets that were selected, through the attempt machine that HTTP uses too: it says what next, the fleet's
// services (one a provider) say whether, and this file what goes out and what came back.
//
// Laws: at most three requests are sent, other credentials included; a target that was too small for the conversation is
// followed only by larger ones; what only one provider can read goes to no other; the client is told of the last failure,
// unless all say "later": then of the soonest.
import { countsForBreaker, type Strike } from "../core/chaos/strike.ts";
import type { ChatRequest } from "../core/providers/chat.ts";
import { withoutOpaque } from "../core/providers/chat.ts";
import { failureOf } from "../core/providers/classify.ts";
import type { Failure } from "../core/providers/failures.ts";
import { remedyOf } from "../core/providers/failures.ts";
import { isWell } from "../core/providers/history.ts";
import { parseObject } from "../core/providers/fields.ts";
import type { Refusal } from "../core/http/problem.ts";
import { Attempts } from "../platform/attempts.ts";
import type { Exchange } from "../platform/exchange.ts";
import type { InstanceState } from "../platform/instances.ts";
import type { Background } from "../platform/news.ts";
import type { ServiceState } from "../platform/services.ts";
import { call } from "./call.ts";
import type { Target } from "./compiled.ts";
import { good, nothing, refused, type Asked, type Base, type Given } from "./given.ts";
import { recordAttempt } from "./settle.ts";
import { stateOf } from "./state.ts";
import { Incoming } from "./incoming.ts";
import { adopted, passedOn, strikesOn, withLimit } from "./outgoing.ts";
import { isResting, patienceFor, rest, tokenCame, tokenLate } from "./patiences.ts";
import { ofRefusal } from "./refusals.ts";
import type { AiWalk } from "./walk.ts";
import { readText } from "./whole.ts";

/** For a model that no policy names; as the schema's defaults. */
const ORDINARY_STREAM = { firstTokenMs: 10_000, idleMs: 10_000, totalMs: 600_000 } as const;
/**
 * Further tries a second that no budget limits: a fallback goes to another provider, whom it does not hurt that this one
 * is ill, and three tries are the limit anyway.
 */
const FLOOR = 1_000;
/** After the deadline, until a call counts as ended by the runtime. */
const GRACE_MS = 1_000;

/** Asks `targets` in this order, for `chat`; `changed`: it is no longer what the client sent. */
export async function ask(
  walk: AiWalk,
  chat: ChatRequest,
  targets: readonly Target[],
  changed: boolean,
): Promise<Asked> {
  const { fleet } = walk.gateway;
  const services = targets.map(({ provider }) => fleet.service(walk.policy, provider.service));
  const [first, ...others] = services;
  if (first === undefined) return nothing(failureOf("unavailable"));
  const own = walk.model?.options?.attempts;
  const policy = own === undefined || own === false ? first.attempts : own;
  const max = own === false ? 1 : Math.min(walk.mostAttempts, policy.max);
  const asking = new Asking(walk, chat, targets, changed, max);
  const options = { ...policy, max, retryFloor: Math.max(policy.retryFloor, FLOOR) };
  const attempts = new Attempts<Given>(fleet, first, asking, others, options);
  // A client that leaves says nothing of the provider: nobody may open a breaker by breaking off.
  walk.request.signal.addEventListener("abort", () => attempts.attempt?.leave(), { once: true });
  const given = await attempts.answer();
  walk.upstreamMs += attempts.upstreamMs;
  walk.abandoned ||= attempts.abandoned;
  const { attempt } = attempts;
  const failure = "code" in given ? ofRefusal(given) : given.failure;
  if (!("code" in given) && failure === undefined) {
    // Its body may take as long as the whole call.
    if (attempt !== undefined) attempt.expiresAt = asking.deadlineAt + GRACE_MS;
    return { given, attempt, failure };
  }
  attempt?.end();
  const spared = await asking.spared("code" in given ? given.code : undefined);
  if (spared !== undefined && spared.failure === undefined)
    return { given: spared, attempt: undefined, failure: undefined };
  return nothing(asking.failure ?? failure ?? failureOf("unavailable"));
}

class Asking implements Exchange<Given> {
  readonly repeatable = true;
  readonly streams = false;
  readonly priority = 1;
  readonly deadlineAt: number;
  readonly now = Date.now();
  readonly background: Background;
  staged: Set<InstanceState> | undefined = undefined;
  #walk: AiWalk;
  #chat: ChatRequest;
  #targets: readonly Target[];
  #changed: boolean;
  #most: number;
  #sent = 0;
  #at = 0;
  #failures: Failure[] = [];
  #tried = new Set<Target>();
  /** A conversation that did not fit here needs a larger window than this. */
  #tooSmall: Target | undefined = undefined;

  constructor(walk: AiWalk, chat: ChatRequest, targets: readonly Target[], changed: boolean, most: number) {
    this.#walk = walk;
    this.#chat = chat;
    this.#targets = targets;
    this.#changed = changed;
    this.#most = most;
    this.background = walk.ctx;
    this.deadlineAt = walk.arrivedAt + Math.min(this.#terms.totalMs, walk.timeoutMs);
  }

  get client(): AbortSignal {
    return this.#walk.request.signal;
  }

  /**
   * A stream must begin soon. A whole answer comes at its end: as long as another target stands by it is waited for like any
   * answer, or as long as its target has needed of late; the last one has all the time there is.
   */
  get headersMs(): number {
    const target = this.#targets[this.#at]!;
    const isLast = this.#at + 1 >= this.#targets.length;
    const { firstTokenMs } = this.#terms;
    if (this.#chat.stream) return isLast ? firstTokenMs : patienceFor(target.key, firstTokenMs);
    if (isLast) return Infinity;
    const { firstMs } = stateOf(this.#walk.gateway).history(target.key);
    return Math.max(target.provider.service.timeouts.headersMs, 4 * Math.max(0, ...firstMs));
  }

  get #terms(): { readonly firstTokenMs: number; readonly idleMs: number; readonly totalMs: number } {
    return this.#walk.model?.options?.stream ?? ORDINARY_STREAM;
  }

  /** What the client is to be told when nobody answered. */
  get failure(): Failure | undefined {
    const last = this.#failures.at(-1);
    if (last?.kind !== "rate_limited" || !this.#failures.every(({ kind }) => kind === "rate_limited")) return last;
    const waits = this.#failures.map(({ retryAfterMs }) => retryAfterMs ?? Infinity);
    const soonest = Math.min(...waits);
    return soonest === Infinity ? last : { ...last, retryAfterMs: soonest };
  }

  turn(to: number): boolean {
    this.#at = to + 1;
    const target = this.#targets[this.#at]!;
    const small = this.#tooSmall;
    if (small === undefined) return true;
    if (target.contextWindow > 0 && small.contextWindow > 0) return target.contextWindow > small.contextWindow;
    return target.model !== small.model;
  }

  remedy({ failure }: Given): "give" | "elsewhere" | "again" {
    if (failure === undefined || this.#sent >= this.#most || this.client.aborted) return "give";
    const remedy = remedyOf(failure.kind);
    return remedy === "larger" ? "elsewhere" : remedy;
  }

  /**
   * A breaker shuts out a provider as a whole, and so do its pauses. A model of it that has answered well of late, and did
   * not ask for a pause itself, is asked all the same when there is nobody else. Undefined when there is none.
   */
  async spared(refused: Refusal["code"] | undefined): Promise<Given | undefined> {
    // Where places are few, or the time is over, nobody goes past the queue.
    if (refused !== undefined && refused !== "breaker_open" && refused !== "no_instance") return undefined;
    const last = this.#failures.at(-1);
    const now = Date.now();
    if (this.#sent >= this.#most || now >= this.deadlineAt || (last !== undefined && remedyOf(last.kind) === "give"))
      return undefined;
    const { gateway } = this.#walk;
    const at = this.#targets.findIndex(
      (target) =>
        !this.#tried.has(target) && !isResting(target.key, now) && isWell(stateOf(gateway).history(target.key)),
    );
    if (at === -1 || !this.turn(at - 1)) return undefined;
    return this.#try(undefined, Math.min(this.headersMs, this.deadlineAt - now), undefined);
  }

  describe(service: ServiceState): number {
    service.input.like = -1;
    service.input.affinityHash = -1;
    service.places?.order(service.input, this.#walk.place, Date.now(), service.compiled.options.routing.regions);
    return -1;
  }

  send(to: InstanceState, deadlineMs: number, abort: AbortController | undefined): Promise<Given> {
    return this.#try(to, deadlineMs, abort);
  }

  async #try(to: InstanceState | undefined, deadlineMs: number, abort: AbortController | undefined): Promise<Given> {
    const target = this.#targets[this.#at]!;
    this.#tried.add(target);
    const struck = strikesOn(this.#walk, target);
    if (to !== undefined && struck?.some(({ group }) => group === "faulted") === true && !countsForBreaker(struck)) {
      (this.staged ??= new Set()).add(to);
    }
    // Whole answers end by themselves, and with the request: what could abort them costs each call a controller and two listeners.
    const stop = abort ?? (this.#chat.stream ? new AbortController() : undefined);
    const given = await this.#send(target, deadlineMs, stop, struck);
    if (this.client.aborted) return given;
    recordAttempt(this.#walk, target, given.failure);
    if (given.failure !== undefined) {
      this.#failures.push(given.failure);
      if (given.failure.kind === "context_length") this.#tooSmall = target;
      const { retryAfterMs } = given.failure;
      if (retryAfterMs !== undefined) rest(target.key, retryAfterMs, Date.now());
    }
    return given;
  }

  async #send(
    target: Target,
    deadlineMs: number,
    abort: AbortController | undefined,
    strikes: readonly Strike[] | undefined,
  ): Promise<Given> {
    const walk = this.#walk;
    const { adapter } = target;
    const startedAt = performance.now();
    const chat = this.#readable(target);
    const native = !this.#changed && chat === this.#chat && adapter.natives.includes(walk.surface.operation);
    const operation = native ? walk.surface.operation : "chat";
    const body = native ? adopted(walk, target) : adapter.write(withLimit(chat, target), target.model);
    const asked = {
      target,
      operation,
      body,
      stream: chat.stream,
      headers: native ? passedOn(walk) : {},
      deadlineMs,
      strikes,
    };
    if (this.client.aborted) abort?.abort();
    else if (abort !== undefined) this.client.addEventListener("abort", () => abort.abort(), { once: true });
    const sent = (): void => {
      this.#sent++;
      walk.attempts++;
    };
    const answer = await call(
      walk.gateway,
      { ...asked, signal: abort?.signal ?? this.client, waiter: this },
      sent,
      () => this.#sent < this.#most,
    );
    const base: Base = { target, native, operation, firstMs: 0 };
    if (!(answer instanceof Response)) {
      this.#giveUp(abort, answer);
      if (answer.kind === "timeout" && chat.stream) tokenLate(target.key, deadlineMs);
      return refused(base, native ? answer : { ...answer, native: undefined });
    }
    const given =
      chat.stream && abort !== undefined
        ? await this.#begin(base, answer, deadlineMs, startedAt, abort)
        : await this.#whole(base, answer, startedAt);
    if (given.failure !== undefined) this.#giveUp(abort, given.failure);
    return given;
  }

  /** What it asked for is not wanted any more. Without a means to say so it goes on until the request ends. */
  #giveUp(abort: AbortController | undefined, { kind }: Failure): void {
    if (abort !== undefined) abort.abort();
    else if (kind === "timeout") this.#walk.abandoned = true;
  }

  /** A stream up to its first word. */
  async #begin(
    base: Base,
    answer: Response,
    firstTokenMs: number,
    startedAt: number,
    abort: AbortController,
  ): Promise<Given> {
    const { target, operation } = base;
    if (answer.body === null) return refused(base, failureOf("invalid_answer"));
    const sentMs = performance.now() - startedAt;
    const gate = {
      startedAt: Date.now() - sentMs,
      firstTokenMs,
      idleMs: this.#terms.idleMs,
      endsAt: this.deadlineAt,
      choices: this.#chat.choices,
      tellsUsage: target.adapter.capabilities.streamOptions,
    };
    const stream = new Incoming(answer.body, target.adapter.reader(operation), gate, () => abort.abort());
    const failure = await stream.begin();
    const firstMs = performance.now() - startedAt;
    if (failure?.kind === "timeout") tokenLate(target.key, firstTokenMs);
    if (failure !== undefined) return refused({ ...base, firstMs }, failure);
    tokenCame(target.key, firstMs);
    return { ...good({ ...base, firstMs }, answer), stream };
  }

  async #whole(base: Base, answer: Response, startedAt: number): Promise<Given> {
    const { adapter, provider } = base.target;
    const idleMs = Math.min(
      Math.max(this.#terms.idleMs, provider.service.timeouts.idleMs),
      Math.max(0, this.deadlineAt - Date.now()),
    );
    const read = await readText(answer, idleMs, this);
    const timed = { ...base, firstMs: performance.now() - startedAt };
    if (typeof read === "string") return refused(timed, failureOf(read));
    const { text } = read;
    const json = parseObject(text);
    if (json === undefined) return refused(timed, failureOf("invalid_answer"));
    const said = adapter.read(base.operation, json);
    if (said !== undefined) return { ...good(timed, answer), text, answer: said };
    // An error in an answer that calls itself good.
    return refused(timed, "error" in json ? adapter.failure(500, text, -1) : failureOf("invalid_answer"));
  }

  /** What this target can read of the conversation: seals of another provider are taken off. */
  #readable(target: Target): ChatRequest {
    const { conversation, gateway, arrivedAt } = this.#walk;
    const bound = conversation === 0 ? undefined : stateOf(gateway).bound(conversation, arrivedAt, 86_400);
    const before = bound ?? this.#targets[0]!.key;
    const same = before.slice(0, before.indexOf("/")) === target.provider.name;
    return same ? this.#chat : withoutOpaque(this.#chat);
  }
}
