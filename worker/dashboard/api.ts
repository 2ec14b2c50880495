// The admin API as the page asks it: bearer token, problem+json (RFC 9457) as errors, entity tags (RFC 9110 §8.8.3) kept so that what has not
// changed is not sent again. A token that is no longer taken ends the session.
import { authorization, leave, type Me } from "./session.ts";

const BASE = "/_sluice/admin/";
const MOST_TAGS = 50;

interface ProblemBody {
  readonly title?: string;
  readonly detail?: string;
  readonly type?: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

/** What the API refused, in its own words; `status` 0 when it could not be reached. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  /** Where in what was sent something is wrong. */
  readonly errors: readonly { readonly path: string; readonly message: string }[];
  readonly correlationId: string;

  constructor(status: number, body: ProblemBody, correlationId: string) {
    super(body.detail ?? body.title ?? `The gateway answered ${status}.`);
    this.name = "Problem";
    this.status = status;
    this.code = (body.type ?? "").replace(/^urn:sluice:problem:/, "");
    this.errors = body.errors ?? [];
    this.correlationId = correlationId;
  }
}

export interface Answer<T> {
  readonly value: T;
  /** As it was sent, quotes and all. */
  readonly etag: string | undefined;
}

export interface Ask {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly ifMatch?: string | undefined;
  readonly signal?: AbortSignal;
}

const tagged = new Map<string, Answer<unknown>>();

/** `path` below /_sluice/admin/, query and all. Throws Problem. */
export async function ask<T>(path: string, { method = "GET", body, ifMatch, signal }: Ask = {}): Promise<Answer<T>> {
  const bearer = authorization();
  if (bearer === undefined) throw new Problem(401, { title: "Nobody is signed in." }, "");
  const known = method === "GET" ? (tagged.get(path) as Answer<T> | undefined) : undefined;
  const headers = new Headers({ authorization: bearer, accept: "application/json" });
  if (body !== undefined) headers.set("content-type", "application/json");
  if (ifMatch !== undefined) headers.set("if-match", ifMatch);
  if (known?.etag !== undefined) headers.set("if-none-match", known.etag);
  const answer = await send(BASE + path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (answer.status === 304 && known !== undefined) return known;
  if (!answer.ok) throw await refusal(answer, bearer);
  const etag = answer.headers.get("etag") ?? undefined;
  const value = (answer.status === 204 ? undefined : await answer.json()) as T;
  const whole = { value, etag };
  if (method === "GET" && etag !== undefined) remember(path, whole);
  return whole;
}

/** The value alone. */
export const get = async <T>(path: string, signal?: AbortSignal): Promise<T> =>
  (await ask<T>(path, signal === undefined ? {} : { signal })).value;

export const post = async <T>(path: string, body?: unknown): Promise<T> =>
  (await ask<T>(path, { method: "POST", body })).value;

/** Whose token this is; throws Problem when it is nobody's. */
export async function whoIs(token: string): Promise<Me> {
  const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
  const answer = await send(`${BASE}me`, { headers });
  if (!answer.ok) throw await refusal(answer, undefined);
  return (await answer.json()) as Me;
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, credentials: "omit", cache: "no-store", redirect: "error" });
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    throw new Problem(0, { title: "The gateway does not answer." }, "");
  }
}

async function refusal(answer: Response, bearer: string | undefined): Promise<Problem> {
  const body = await answer.json().then(
    (read) => read as ProblemBody,
    () => ({}),
  );
  // Of a session that has ended meanwhile nothing is left to end.
  if (answer.status === 401 && bearer !== undefined && bearer === authorization()) {
    forget();
    leave("The gateway no longer takes this token.");
  }
  return new Problem(answer.status, body, answer.headers.get("x-correlation-id") ?? "");
}

function remember(path: string, answer: Answer<unknown>): void {
  tagged.delete(path);
  tagged.set(path, answer);
  if (tagged.size > MOST_TAGS) tagged.delete(tagged.keys().next().value!);
}

/** What was read for one operator is not shown to the next. */
export const forget = (): void => tagged.clear();
