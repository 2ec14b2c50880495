// One request as the attempt driver sees it: what goes to an instance, and whether it may go twice. Fields of the hop are
// dropped before ours are added, redirects are the client's to follow.
//
// A body streams, unless it may be needed again: then it is read before anything is sent. The runtime does not tell an
// upload that its client broke off from an upstream that hung up, and nobody may open a breaker by breaking off uploads: what
// is lost while its body streams is held against nobody. But it makes the service wary: for a while short bodies are read
// first, so that an upstream that really hangs up is found out by the uploads that follow.
import { countsForBreaker, faultsAt, markOf, type Strike } from "../core/chaos/strike.ts";
import type { HeaderEdits } from "../core/policy/compiled.ts";
import { cdnLoop, forwarded, via } from "../core/http/forwarding.ts";
import { contentLength } from "../core/http/limits.ts";
import { forwardPath } from "../core/http/path.ts";
import type { Refusal } from "../core/http/problem.ts";
import { complexityOf } from "../core/http/profile.ts";
import { dropFields } from "../core/http/request-fields.ts";
import { isRepeatable, type AttemptOptions } from "../core/resilience/attempts.ts";
import { affinityCookie, affinityOf } from "../core/routing/affinity.ts";
import { COMPLEXITY, SECURITY } from "../core/routing/demands.ts";
import { likeClass, methodBit } from "../core/routing/strategy.ts";
import { hash32 } from "../core/stats/hash.ts";
import { after } from "../platform/after.ts";
import { NATIVE_UPLOAD_BYTES, TOO_LARGE, holdBody, passUpload } from "../platform/bodies.ts";
import type { Exchange } from "../platform/exchange.ts";
import { sendFaulted } from "../platform/faults.ts";
import type { InstanceState } from "../platform/instances.ts";
import type { Background } from "../platform/news.ts";
import type { ServiceState } from "../platform/services.ts";
import { dispatch, send, type NoAnswer, type Unwatched } from "../platform/upstream.ts";
import type { Walk } from "./walk.ts";

/** What counts as short: read first where the service is wary. */
const SHORT_BYTES = 64 * 1024;
/** The headers' deadline nobody asked for. */
const DEFAULT_HEADERS_MS = 30_000;
/** After the deadline by which an attempt must be over, until it counts as ended by the runtime. */
const GRACE_MS = 1_000;
/** Without a deadline a body that is read first may take this long. */
const LONGEST_MS = 600_000;

/** One request on its way to an instance, as the attempt driver sees it. */
export class Forwarding implements Exchange<Response> {
  readonly deadlineAt: number;
  readonly headersMs: number;
  readonly background: Background;
  readonly priority: number;
  repeatable: boolean;
  streams: boolean;
  staged: Set<InstanceState> | undefined = undefined;
  /** `hold` comes before anything is sent. */
  readonly mustHold: boolean;
  #walk: Walk;
  #body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null;
  #begun: readonly Uint8Array[] = [];
  /** A GET or HEAD with a body: only the request itself can carry it. */
  #carries: boolean;
  /** `likeClass` of the request, and the hash of what binds its client. */
  #like: number;
  #affinity: number | undefined = undefined;

  constructor(walk: Walk) {
    const { fields, ctx, method } = walk;
    const { timeouts, priority } = walk.route!;
    const { body } = walk.request;
    const { bufferBytes, waryUntil } = walk.service!;
    const attempts = attemptsOf(walk);
    this.#walk = walk;
    this.#body = body;
    this.background = ctx;
    this.priority = priority;
    this.headersMs = walk.overlay?.headersMs ?? timeouts.headersMs;
    this.deadlineAt = walk.arrivedAt + timeouts.attemptsMs;
    // -1: it does not say.
    const length = body === null ? 0 : (contentLength(fields.contentLength) ?? -1);
    this.#like = likeClass(methodBit(method), COMPLEXITY[complexityOf(method, length)]);
    this.#carries = body !== null && (method === "GET" || method === "HEAD");
    // A second try of an upgrade would be a second connection to talk on.
    const again = attempts.max > 1 && fields.upgrade === undefined && !this.#carries && length <= bufferBytes;
    this.#begun = walk.begun;
    // What was read in part already can be sent once, as it comes.
    const isBegun = walk.begun.length > 0;
    this.repeatable = again && !isBegun && isRepeatable(method, fields.repeatable, true);
    const isRead = this.repeatable || (walk.arrivedAt < waryUntil && length >= 0 && length <= SHORT_BYTES);
    this.mustHold = body !== null && !this.#carries && !isBegun && isRead;
    this.streams = body !== null && !this.mustHold;
  }

  get now(): number {
    return this.#walk.now;
  }

  get client(): AbortSignal {
    return this.#walk.request.signal;
  }

  /** Reads the body, as far as it is short; a long one goes on from there, and can be sent once. */
  async hold(): Promise<Refusal | undefined> {
    const { route, fields } = this.#walk;
    const { bufferBytes } = this.#walk.service!;
    const body = this.#body as ReadableStream<Uint8Array>;
    const most = fields.contentLength === undefined ? Math.min(bufferBytes, route!.maxBodyBytes) : Infinity;
    const leftMs = this.deadlineAt - Date.now();
    try {
      const held = await Promise.race([holdBody(body, most), after(Math.min(leftMs, LONGEST_MS))]);
      this.#walk.now = Date.now();
      if (held === undefined) return { code: "upstream_timeout" };
      if (held.whole) this.#body = held.bytes;
      else {
        this.#begun = held.begun;
        this.repeatable = false;
        this.streams = true;
      }
      return undefined;
    } catch {
      // The client broke off.
      return { code: "bad_request" };
    }
  }

  describe(service: ServiceState): number {
    const { input, compiled } = service;
    const walk = this.#walk;
    const { routing } = compiled.options;
    input.like = this.#like;
    input.affinityHash = routing.affinity === false ? -1 : (this.#affinity ??= bind(walk, service));
    if (service.demanding) {
      const { method, payloadBytes, securityLevel, complexity } = walk.profile;
      input.method = methodBit(method);
      input.payloadBytes = Math.max(0, payloadBytes);
      input.security = SECURITY[securityLevel];
      input.complexity = COMPLEXITY[complexity];
    }
    const { overlay } = walk;
    service.avoid(overlay?.avoids);
    const regions = overlay?.regions?.service === compiled.name ? overlay.regions.options : routing.regions;
    service.places?.order(input, walk.place, Date.now(), regions);
    return this.#like;
  }

  send(
    to: InstanceState,
    deadlineMs: number,
    abort: AbortController | undefined,
    now: number,
  ): Promise<Response | NoAnswer | Refusal | Unwatched<Response>> {
    const body = this.#body;
    if (!(body instanceof ReadableStream)) return this.#send(to, deadlineMs, body, abort?.signal, now);
    // Nobody could count it: without a length it is as good as too large.
    if (this.#carries && this.#counts) return Promise.resolve({ code: "body_too_large" });
    if (this.#carries || !(this.#counts || this.#mayTakeLong))
      return this.#send(to, deadlineMs, body, abort?.signal, now);
    return this.#sendWatched(to, deadlineMs, body, abort ?? new AbortController(), now);
  }

  /** Not so a short one of declared length under nothing but the default deadline: it passes natively. */
  get #mayTakeLong(): boolean {
    const length = contentLength(this.#walk.fields.contentLength);
    return length === undefined || length > NATIVE_UPLOAD_BYTES || this.headersMs < DEFAULT_HEADERS_MS;
  }

  /** A declared length was looked at by `limit`; one that is not declared shows itself on the way. */
  get #counts(): boolean {
    const walk = this.#walk;
    return this.#begun.length > 0 || (walk.route!.maxBodyBytes !== Infinity && walk.fields.contentLength === undefined);
  }

  /**
   * The time an upload takes is its client's: the upstream's deadline begins when it has the whole body. Until then the body
   * must move, and the deadline of the whole exchange holds.
   */
  async #sendWatched(
    to: InstanceState,
    deadlineMs: number,
    body: ReadableStream,
    abort: AbortController,
    now: number,
  ): Promise<Response | NoAnswer | Refusal | Unwatched<Response>> {
    const walk = this.#walk;
    const { idleMs, totalMs } = walk.route!.timeouts;
    const attempt = walk.driver?.attempt;
    const lastAt = walk.arrivedAt + totalMs;
    let dueAt = 0;
    const due = (ms: number): void => {
      dueAt = Math.min(Date.now() + ms, lastAt);
      if (attempt !== undefined) attempt.expiresAt = dueAt + GRACE_MS;
    };
    due(idleMs);
    const upload = passUpload(
      body,
      {
        begun: this.#begun,
        length: contentLength(walk.fields.contentLength),
        maxBytes: walk.route!.maxBodyBytes,
        moved: () => due(idleMs),
        whole: () => {
          this.streams = false;
          due(deadlineMs);
        },
      },
      abort,
    );
    walk.ctx.waitUntil(upload.done);
    const answer = await Promise.race([
      this.#send(to, Infinity, upload.readable, abort.signal, now),
      until(() => dueAt),
    ]);
    if (answer === "timeout") abort.abort("it took too long");
    return typeof answer === "string" && abort.signal.reason === TOO_LARGE ? { code: "body_too_large" } : answer;
  }

  #send(
    to: InstanceState,
    deadlineMs: number,
    body: ReadableStream | Uint8Array<ArrayBuffer> | null,
    signal: AbortSignal | undefined,
    now: number,
  ): Promise<Response | NoAnswer | Unwatched<Response>> {
    const walk = this.#walk;
    const { method } = walk;
    const { onEdge } = walk.gateway;
    const carrier = this.#carries ? walk.request : undefined;
    const headers = requestHeaders(walk);
    const sending = { method, headers, body, carrier, signal, onEdge, via: to.via, now, waiter: this };
    if (walk.strikes === undefined) return dispatch(urlAt(walk, to), sending, deadlineMs);
    const faults = faultsAt(walk.strikes, to.compiled.service, to.compiled.id);
    if (faults.length === 0) return dispatch(urlAt(walk, to), sending, deadlineMs);
    this.#strike(to, walk.strikes);
    const attempt = { faults, deadlineMs, client: this.client, chance: Math.random };
    return sendFaulted(attempt, (leftMs) => send(urlAt(walk, to), { ...sending, now: Date.now() }, leftMs));
  }

  /** An experiment has its hand in this attempt: the answer says so, and breakers hear of it only where that is wanted. */
  #strike(to: InstanceState, strikes: readonly Strike[]): void {
    const walk = this.#walk;
    if (!walk.struck) (walk.answerFields ??= []).push(["x-sluice-fault", markOf(strikes)]);
    walk.struck = true;
    if (!countsForBreaker(strikes)) (this.staged ??= new Set()).add(to);
  }
}

/** How often it may be tried: the service's word, or a suggestion's. */
export function attemptsOf({ service, overlay }: Walk): AttemptOptions {
  const own = overlay?.attempts;
  return own !== undefined && own.service === service!.compiled.name ? own.options : service!.attempts;
}

/** "timeout" at a moment that may move on meanwhile. */
async function until(dueAt: () => number): Promise<"timeout"> {
  for (let leftMs = dueAt() - Date.now(); leftMs > 0; leftMs = dueAt() - Date.now()) {
    await after(Math.min(leftMs, LONGEST_MS));
  }
  return "timeout";
}

/** What keeps this client with an instance, as a hash; a client that has nothing yet is given a token to keep. */
function bind(walk: Walk, service: ServiceState): number {
  const { affinity } = service.compiled.options.routing;
  if (affinity === false) return -1;
  const bound = affinityOf(affinity, walk.request.headers, walk.address);
  if (bound >= 0 || affinity.by !== "cookie") return bound;
  const token = crypto.randomUUID();
  walk.affinityCookie = affinityCookie(affinity, token, walk.scheme === "https");
  return hash32(token);
}

/** `scheme://authority`, the instance's base path, the received path less the route's prefix, the received query. */
function urlAt(walk: Walk, instance: InstanceState): string {
  const { stripPrefix, addPrefix } = walk.route!;
  const { origin, basePath } = instance.compiled;
  const path = forwardPath(walk.path, walk.canonicalPath, stripPrefix, addPrefix);
  return origin + basePath + path + walk.query;
}

function requestHeaders(walk: Walk): Headers {
  const { fields, address, authority, scheme, correlationId } = walk;
  const headers = new Headers(walk.headers);
  dropFields(headers, fields.drop);
  // RFC 9110 §7.8: the one upgrade the runtime can carry; it writes Connection itself.
  if (fields.upgrade !== undefined && fields.upgrade.toLowerCase() === "websocket") headers.set("upgrade", "websocket");
  if (address !== "") headers.set("x-forwarded-for", address);
  headers.set("x-forwarded-host", authority);
  headers.set("x-forwarded-proto", scheme);
  headers.set("forwarded", forwarded(address, authority, scheme));
  headers.set("via", via(fields.via));
  headers.set("cdn-loop", cdnLoop(fields.cdnLoop));
  headers.set("traceparent", walk.traceparent);
  headers.set("x-proxy-correlation-id", correlationId);
  headers.set("x-proxy-request-id", correlationId);
  if (walk.cacheCall !== undefined) walk.cacheCall.shape(headers);
  const edits = walk.route!.requestHeaders;
  if (edits !== undefined) applyEdits(headers, edits);
  if (walk.requestEdits !== undefined) {
    for (const [name, value] of walk.requestEdits) {
      if (value === null) headers.delete(name);
      else headers.set(name, value);
    }
  }
  return headers;
}

export function applyEdits(headers: Headers, edits: HeaderEdits): void {
  for (const name of edits.remove) headers.delete(name);
  for (const [name, value] of edits.set) headers.set(name, value);
  for (const [name, value] of edits.add) headers.append(name, value);
}
