// The admin API as the command line speaks to it. Whatever a gateway answers, or does not, is a value: reading it is the
// caller's, and no answer is shown that was not understood.
import * as v from "valibot";
import { ok, refuse } from "../../worker/core/result/result.ts";
import type { Result } from "../../worker/core/result/result.ts";

const TIMEOUT_MS = 15_000;

const problems = v.array(v.object({ path: v.string(), message: v.string() }));
const problemDocument = v.object({
  title: v.optional(v.string()),
  detail: v.optional(v.string()),
  errors: v.optional(problems),
});

export type GatewayProblem =
  | { readonly kind: "unreachable"; readonly words: string }
  | { readonly kind: "unauthorised"; readonly words: string }
  | { readonly kind: "missing"; readonly words: string }
  | { readonly kind: "conflict"; readonly words: string }
  | { readonly kind: "invalid"; readonly words: string; readonly problems: v.InferOutput<typeof problems> }
  | { readonly kind: "failed"; readonly words: string };

export interface RemotePolicy {
  readonly generation: number;
  readonly text: string;
}

const written = v.object({ generation: v.number(), outcome: v.picklist(["stored", "unchanged"]) });
export type Written = v.InferOutput<typeof written>;

const entry = v.object({
  generation: v.number(),
  at: v.number(),
  actor: v.string(),
  note: v.string(),
  bytes: v.number(),
  rollbackOf: v.number(),
});
export type HistoryEntry = v.InferOutput<typeof entry>;
const history = v.object({ items: v.array(entry) });

/** What explainRoute says, and what the gateway knows beside it: the instances that may be chosen. */
const explanation = v.object({
  generation: v.number(),
  method: v.string(),
  host: v.string(),
  path: v.string(),
  refused: v.optional(v.nullable(v.string())),
  route: v.optional(
    v.object({
      id: v.string(),
      kind: v.picklist(["listed", "direct", "fallback"]),
      index: v.optional(v.number()),
      service: v.string(),
      canary: v.optional(v.object({ service: v.string(), percent: v.number() })),
      forwardedPath: v.string(),
      auth: v.picklist(["none", "optional", "required"]),
      permissions: v.array(v.string()),
      rateLimit: v.optional(v.string()),
      why: v.string(),
    }),
  ),
  nearMisses: v.array(
    v.object({
      route: v.string(),
      index: v.number(),
      lacks: v.picklist(["method", "headers", "nothing"]),
      words: v.string(),
    }),
  ),
  algorithm: v.optional(v.nullable(v.string()), null),
  candidates: v.optional(
    v.array(v.object({ id: v.string(), url: v.string(), region: v.string(), weight: v.number() })),
    [],
  ),
});
export type Explanation = v.InferOutput<typeof explanation>;

/** Which policy a write may replace: a generation, none at all, or whichever. */
export type Precondition = { readonly generation: number } | "none" | "any";

interface Asked {
  readonly method: "GET" | "PUT" | "POST";
  readonly path: string;
  readonly body?: string;
  readonly only?: Precondition;
}

interface Answered {
  readonly response: Response;
  readonly text: string;
}

export class Gateway {
  readonly url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.url = url.replace(/\/+$/, "");
    this.#token = token;
  }

  /** The policy in force, or an earlier generation. */
  async policy(generation?: number): Promise<Result<RemotePolicy, GatewayProblem>> {
    const query = generation === undefined ? "" : `?generation=${generation}`;
    const answer = await this.#ask({ method: "GET", path: `/policy${query}` });
    if (!answer.ok) return answer;
    const tag = /^(?:W\/)?"(\d+)"$/.exec(answer.value.response.headers.get("etag") ?? "");
    if (tag === null) return refuse({ kind: "failed", words: "the answer has no generation in its ETag" });
    return ok({ generation: Number(tag[1]), text: answer.value.text });
  }

  put(text: string, only: Precondition, note: string): Promise<Result<Written, GatewayProblem>> {
    const query = note === "" ? "" : `?note=${encodeURIComponent(note)}`;
    return this.json({ method: "PUT", path: `/policy${query}`, body: text, only }, written);
  }

  rollback(generation: number, note: string): Promise<Result<Written, GatewayProblem>> {
    return this.json({ method: "POST", path: "/policy/rollback", body: JSON.stringify({ generation, note }) }, written);
  }

  async history(limit: number): Promise<Result<readonly HistoryEntry[], GatewayProblem>> {
    const answer = await this.json({ method: "GET", path: `/policy/history?limit=${limit}` }, history);
    return answer.ok ? ok(answer.value.items) : answer;
  }

  explain(request: object): Promise<Result<Explanation, GatewayProblem>> {
    return this.json({ method: "POST", path: "/explain", body: JSON.stringify(request) }, explanation);
  }

  /** Any question of the admin API, for the other commands. */
  async json<T>(asked: Asked, schema: v.GenericSchema<unknown, T>): Promise<Result<T, GatewayProblem>> {
    const answer = await this.#ask(asked);
    if (!answer.ok) return answer;
    const parsed = v.safeParse(schema, jsonOf(answer.value.text));
    return parsed.success
      ? ok(parsed.output)
      : refuse({ kind: "failed", words: "the answer is not what a Sluice gateway says" });
  }

  /** A page of the admin API, as text. */
  async text(path: string): Promise<Result<string, GatewayProblem>> {
    const answer = await this.#ask({ method: "GET", path });
    return answer.ok ? ok(answer.value.text) : answer;
  }

  async #ask({ method, path, body, only = "any" }: Asked): Promise<Result<Answered, GatewayProblem>> {
    const headers = new Headers({ Authorization: `Bearer ${this.#token}` });
    if (body !== undefined) headers.set("Content-Type", "application/json");
    if (only === "none") headers.set("If-None-Match", "*");
    else if (only !== "any") headers.set("If-Match", `"${only.generation}"`);
    try {
      const response = await fetch(`${this.url}/_sluice/admin${path}`, {
        method,
        headers,
        body: body ?? null,
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const text = await response.text();
      return response.ok ? ok({ response, text }) : refuse(problemOf(response.status, text));
    } catch (error) {
      return refuse({ kind: "unreachable", words: `cannot reach ${this.url}: ${reasonOf(error)}` });
    }
  }
}

function problemOf(status: number, text: string): GatewayProblem {
  const parsed = v.safeParse(problemDocument, jsonOf(text));
  const said = parsed.success ? (parsed.output.detail ?? parsed.output.title) : undefined;
  const words = said === undefined ? `the gateway answered ${status}` : `the gateway answered ${status}: ${said}`;
  switch (status) {
    case 401:
    case 403:
      return { kind: "unauthorised", words: `${words}; give a token with --token or SLUICE_ADMIN_TOKEN` };
    case 404:
      return { kind: "missing", words };
    case 409:
    case 412:
      return { kind: "conflict", words };
    case 400:
    case 413:
    case 422:
      return { kind: "invalid", words, problems: parsed.success ? (parsed.output.errors ?? []) : [] };
    default:
      return { kind: "failed", words };
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON is not an answer of ours: the schema refuses it.
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${TIMEOUT_MS / 1000} s`;
  const { cause } = error;
  if (cause instanceof Error) return "code" in cause ? String(cause.code) : cause.message;
  return error.message;
}
