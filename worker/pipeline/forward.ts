// Sends the request on and brings the answer back: an honest reverse proxy (RFC 9110 §7.6). What goes out is made in
// forwarding.ts, to whom and how often is the attempt driver's; here the answer is received, its body streaming untouched.
import type { CompiledTimeouts } from "../core/policy/compiled.ts";
import { contentLength } from "../core/http/limits.ts";
import { Attempts } from "../platform/attempts.ts";
import { NATIVE_ANSWER_BYTES, watchBody } from "../platform/bodies.ts";
import type { Attempt } from "../platform/instances.ts";
import { attemptsOf, Forwarding } from "./forwarding.ts";
import type { Refusal } from "../core/http/problem.ts";
import type { NoAnswer, Unwatched } from "../platform/upstream.ts";
import type { Given, Walk } from "./walk.ts";

/** What comes of the first attempt, or of all that was done in its place. */
type Brought = Response | NoAnswer | Refusal | Unwatched<Response>;

/** After the deadline by which an exchange must be over, until it counts as ended by the runtime. */
const GRACE_MS = 1_000;
/** The idle deadline nobody asked for: bodies of a declared, small length then pass natively (platform/bodies). */
const DEFAULT_IDLE_MS = 30_000;

/** What `fetch` brought. Hand it to `receive`; apart from each other they cost two promises less. */
export function forward(walk: Walk): Promise<Brought> {
  const forwarding = new Forwarding(walk);
  return forwarding.mustHold ? holdAndSend(walk, forwarding) : send(walk, forwarding);
}

async function holdAndSend(walk: Walk, forwarding: Forwarding): Promise<Brought> {
  return (await forwarding.hold()) ?? send(walk, forwarding);
}

function send(walk: Walk, forwarding: Forwarding): Promise<Brought> {
  const { fallbacks } = walk.service!;
  walk.driver = new Attempts(walk.gateway.fleet, walk.service!, forwarding, fallbacks, attemptsOf(walk));
  return walk.driver.begin();
}

/** The upstream's answer, its fields open to change but not yet dressed for the client; or why there is none. */
export function receive(walk: Walk, brought: Brought): Given | Promise<Given> {
  const { driver } = walk;
  // Nothing was sent: its body could not be read.
  if (driver === undefined) return brought as Refusal;
  const given = driver.finish(brought);
  return given instanceof Promise ? given.then((late) => told(walk, driver, late)) : told(walk, driver, given);
}

/** The walk hears what became of it. */
function told(walk: Walk, driver: Attempts<Response>, given: Given): Given {
  walk.service = driver.service;
  walk.instance = driver.attempt?.instance;
  walk.attempts = driver.sent;
  walk.upstreamMs = driver.upstreamMs;
  walk.abandoned = driver.abandoned;
  return "code" in given ? given : open(walk, given, driver.attempt!);
}

/** Turns what `fetch` gave into an answer with fields that can be changed. */
function open(walk: Walk, answer: Response, attempt: Attempt): Response {
  const { status, body } = answer;
  const { timeouts } = walk.route!;
  if (status === 101) {
    attempt.end();
    return new Response(null, { status, headers: answer.headers, webSocket: answer.webSocket });
  }
  // The upstream's own object is left alone: its fields would be one object more, which lives until V8 clears up.
  const opened = new Response(body, answer);
  if (body === null || passesNatively(opened.headers, timeouts)) {
    attempt.end();
    return opened;
  }
  const { idleMs } = timeouts;
  const totalMs = timeouts.totalMs - (Date.now() - walk.arrivedAt);
  attempt.expiresAt = Date.now() + Math.min(idleMs, totalMs) + GRACE_MS;
  const watched = watchBody(body, contentLength(opened.headers.get("content-length")), {
    left: walk.request.signal,
    goesOn: () => walk.cacheCall?.goesOn ?? false,
    idleMs,
    totalMs,
    moved: () => {
      attempt.expiresAt = Date.now() + idleMs + GRACE_MS;
    },
    over: () => attempt.end(),
  });
  walk.ctx.waitUntil(watched.done);
  return new Response(watched.readable, opened);
}

/** A short body of declared length under nothing but the default deadlines is not worth a timer of its own. */
function passesNatively(headers: Headers, { idleMs, totalMs }: CompiledTimeouts): boolean {
  if (idleMs < DEFAULT_IDLE_MS || totalMs !== Infinity) return false;
  if (idleMs === Infinity) return true;
  const length = contentLength(headers.get("content-length"));
  return length !== undefined && length >= 0 && length <= NATIVE_ANSWER_BYTES;
}
