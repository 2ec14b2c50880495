// Sending one request to one instance. The runtime tells refused, reset, closed and nonsense apart from nothing: all of
// them are a rejected fetch. Its own edge cache is told to keep out, for caching is the gateway's work.
//
// The deadline is a race, not an abort: an AbortController costs as much as routing, and a fetch that lost the race
// ends with the request that made it. When the client leaves, the runtime ends the request and the fetch with it.
import type { Carrier } from "./carriers.ts";
import { Deadlines, type Wait, type Waiter } from "./deadlines.ts";

/**
 * Deployed, `fetch` caches by file extension unless told otherwise; `cache: "no-store"` would add request headers. The
 * object costs 11-15 µs a request (the runtime writes it out each time) and means something on Cloudflare's edge alone,
 * which shows itself by its colo in `request.cf`.
 */
const CACHE_KEEPS_OUT = { cacheTtlByStatus: { "100-599": -1 } };

/** Why there is no answer; `invalid`: what came is none. */
export type NoAnswer = "timeout" | "unreachable" | "invalid";

export interface Sending {
  readonly method: string;
  readonly headers: Headers;
  readonly body: ReadableStream | Uint8Array<ArrayBuffer> | string | null;
  /** A GET or HEAD with a body: the runtime takes it from the request that came with it, and from nothing else. */
  readonly carrier: Request | undefined;
  /** Ends it before its deadline. */
  readonly signal: AbortSignal | undefined;
  /** The request came through Cloudflare's edge. */
  readonly onEdge: boolean;
  /** What carries it; left out, the runtime's own `fetch`. */
  readonly via?: Carrier | undefined;
  /** Epoch ms: from when on the deadline counts. */
  readonly now: number;
  /** Who waits for the answer; left out, the deadline has a timer of its own. */
  readonly waiter?: Waiter;
}

/** Of all requests of this isolate. */
const deadlines = new Deadlines();

/**
 * A request on its way, in one object: what settles it is the answer, its deadline, or whoever watched the deadline for it. That
 * one may be another request (share.ts), and wakes it for nothing but to look for itself from then on.
 */
export class Unwatched<A> {
  readonly #deadlineAt: number;
  #given: A | NoAnswer | undefined = undefined;
  /** Settling a settled promise is nothing. */
  #settle: (what: A | NoAnswer | Unwatched<A>) => void;
  #wait: Wait | undefined;

  constructor(
    resolve: (what: A | NoAnswer | Unwatched<A>) => void,
    { waiter, now }: Pick<Sending, "waiter" | "now">,
    deadlineMs: number,
  ) {
    this.#settle = resolve;
    this.#deadlineAt = now + deadlineMs;
    this.#wait = waiter && deadlines.wait(deadlineMs, now, waiter, this);
    // Never cleared: it ends with the request. Clearing costs half as much as setting it.
    if (this.#wait === undefined && deadlineMs !== Infinity) setTimeout(resolve, deadlineMs, "timeout");
  }

  over(given: A | NoAnswer): void {
    this.#wait?.over();
    this.#given = given;
    this.#settle(given);
  }

  /** Nobody watches its deadline any longer. */
  wake(): void {
    this.#settle(this);
  }

  /** The rest of the wait, by the request's own timer: to be asked for in its own context. */
  async rest(): Promise<A | NoAnswer> {
    if (this.#given !== undefined) return this.#given;
    const { promise, resolve } = Promise.withResolvers<A | NoAnswer>();
    this.#settle = resolve as (what: A | NoAnswer | Unwatched<A>) => void;
    setTimeout(resolve, this.#deadlineAt - Date.now(), "timeout");
    return promise;
  }
}

/** The answer as it came, its body unread and undecoded; or why there is none. Never rejects. */
export async function send(url: string, sending: Sending, deadlineMs: number): Promise<Response | NoAnswer> {
  const given = await dispatch(url, sending, deadlineMs);
  return given instanceof Unwatched ? given.rest() : given;
}

/** The same, for who waits itself when nobody watches the deadline for it: a promise less. */
export function dispatch(
  url: string,
  sending: Sending,
  deadlineMs: number,
): Promise<Response | NoAnswer | Unwatched<Response>> {
  const { promise, resolve } = Promise.withResolvers<Response | NoAnswer | Unwatched<Response>>();
  const way = new Unwatched(resolve, sending, deadlineMs);
  fetched(url, sending).then(
    (answer) => way.over(isAnswer(answer) ? answer : discard(answer)),
    () => way.over("unreachable"),
  );
  return promise;
}

/** A part of the answer within its own time, from `now` on. Never rejects: unreachable, when it broke off. */
export async function within<T>(
  part: Promise<T>,
  waiting: Pick<Sending, "waiter" | "now">,
  deadlineMs: number,
): Promise<T | NoAnswer> {
  const { promise, resolve } = Promise.withResolvers<T | NoAnswer | Unwatched<T>>();
  const way = new Unwatched(resolve, waiting, deadlineMs);
  part.then(
    (given) => way.over(given),
    () => way.over("unreachable"),
  );
  const given = await promise;
  return given instanceof Unwatched ? given.rest() : given;
}

function fetched(url: string, sending: Sending): Promise<Response> {
  const { method, headers, body, carrier, signal, via } = sending;
  // Named fields cost: a GET without a body, as nearly all are, goes out 5-9 µs cheaper without these two.
  const init: RequestInit =
    carrier !== undefined || (body === null && method === "GET")
      ? { headers, redirect: "manual", encodeResponseBody: "manual" }
      : { method, headers, body, redirect: "manual", encodeResponseBody: "manual" };
  if (signal !== undefined) init.signal = signal;
  if (sending.onEdge) init.cf = CACHE_KEEPS_OUT;
  const target = carrier === undefined ? url : new Request(url, carrier);
  return via === undefined ? fetch(target, init) : via.fetch(target, init);
}

/** `fetch` can return what no `Response` may be made of (600, 999, a 1xx): nonsense from the upstream. */
const isAnswer = ({ status, webSocket }: Response): boolean =>
  (status >= 200 && status <= 599) || (status === 101 && webSocket !== null);

function discard({ body }: Response): "invalid" {
  void body?.cancel().catch(() => {});
  return "invalid";
}
