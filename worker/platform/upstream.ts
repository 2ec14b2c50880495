// Sending one request to one instance. The runtime tells refused, reset, closed and nonsense apart from nothing: all of
// them are a rejected fetch. Its own edge cache is told to keep out, for caching is the gateway's work.
//
// The deadline is a race, not an abort: an AbortController costs as much as routing, and a fetch that lost the race
// ends with the request that made it. When the client leaves, the runtime ends the request and the fetch with it.
import type { Carrier } from "./carriers.ts";
import { Deadlines, type Waiter } from "./deadlines.ts";

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
  readonly body: ReadableStream | Uint8Array<ArrayBuffer> | null;
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

/** Nobody watches the deadline any longer. */
const ALONE = "alone";

/** The answer as it came, its body unread and undecoded; or why there is none. Never rejects. */
export async function send(url: string, sending: Sending, deadlineMs: number): Promise<Response | NoAnswer> {
  const { waiter, now } = sending;
  let given: Response | NoAnswer | undefined;
  // Another request may settle it (share.ts).
  const { promise, resolve } = Promise.withResolvers<Response | NoAnswer | typeof ALONE>();
  // Settling a settled promise is nothing.
  let settle: (what: Response | NoAnswer) => void = resolve;
  const wait = waiter && deadlines.wait(deadlineMs, now, waiter, () => resolve(ALONE));
  // Never cleared: it ends with the request. Clearing costs half as much as setting it.
  if (wait === undefined && deadlineMs !== Infinity) setTimeout(resolve, deadlineMs, "timeout");
  const over = (answer: Response | NoAnswer): void => {
    wait?.over();
    given = answer;
    settle(answer);
  };
  fetched(url, sending).then(
    (answer) => over(isAnswer(answer) ? answer : discard(answer)),
    () => over("unreachable"),
  );
  const what = await promise;
  if (what !== ALONE) return what;
  if (given !== undefined) return given;
  return new Promise((resolve) => {
    settle = resolve;
    setTimeout(resolve, now + deadlineMs - Date.now(), "timeout");
  });
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
