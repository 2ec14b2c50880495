// The admin API as the command line speaks to it, by its typed client. Whatever a gateway answers, or does not, is a value: reading it is
// the caller's, and no answer is shown that was not understood, for each is held against the schema its endpoint has in the document.
import * as v from "valibot";
import { NEEDS } from "../../worker/admin/access.ts";
import { problem as problemShape } from "../../worker/admin/answers/words.ts";
import { adminClient } from "../../worker/admin/client.ts";
import { ADMIN_ENDPOINTS, OPEN_ENDPOINTS } from "../../worker/admin/endpoints.ts";
import type { PolicyProblem } from "../../worker/core/policy/parse.ts";
import { ok, refuse, type Result } from "../../worker/core/result/result.ts";

const TIMEOUT_MS = 15_000;

const ENDPOINTS = { ...ADMIN_ENDPOINTS, ...OPEN_ENDPOINTS };
type Endpoints = typeof ENDPOINTS;
export type EndpointName = keyof Endpoints;
export type AnswerOf<N extends EndpointName> = Endpoints[N]["answer"] extends infer A extends v.GenericSchema
  ? v.InferOutput<A>
  : string;

export type GatewayProblem =
  | { readonly kind: "unreachable" | "unauthorised" | "missing" | "conflict" | "failed"; readonly words: string }
  | { readonly kind: "invalid"; readonly words: string; readonly problems: readonly PolicyProblem[] };

type Client = ReturnType<typeof adminClient>;

/** What is needed of any answer of the client. */
interface Answered {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: Headers;
  text(): Promise<string>;
}

export interface Received {
  readonly text: string;
  readonly headers: Headers;
}

/** Which policy a write may replace: a generation, none at all, or whichever. */
export type Precondition = { readonly generation: number } | "none" | "any";

/** The same as header fields. */
function headerOf(only: Precondition): { "if-match"?: string; "if-none-match"?: string } {
  if (only === "any") return {};
  return only === "none" ? { "if-none-match": "*" } : { "if-match": `"${only.generation}"` };
}

/** What stands in a path: the client puts it there as it is. */
export const inPath = (name: string): string => encodeURIComponent(name);

export class Gateway {
  readonly url: string;
  readonly #client: Client;

  constructor(url: string, token: string) {
    this.url = url.replace(/\/+$/, "");
    const patient: typeof fetch = (input, init) =>
      fetch(input, { ...init, redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) });
    this.#client = adminClient(this.url, token, { fetch: patient });
  }

  /** Asks, and reads the answer as what the endpoint of this name answers. */
  async ask<N extends EndpointName>(
    name: N,
    call: (client: Client) => Promise<Answered>,
  ): Promise<Result<AnswerOf<N>, GatewayProblem>> {
    const received = await this.receive(name, call);
    if (!received.ok) return received;
    const { answer } = ENDPOINTS[name];
    const { text } = received.value;
    const parsed = v.safeParse(
      typeof answer === "string" ? v.string() : answer,
      typeof answer === "string" ? text : jsonOf(text),
    );
    return parsed.success
      ? ok(parsed.output as AnswerOf<N>)
      : refuse({ kind: "failed", words: "the answer is not what a Sluice gateway of this version says" });
  }

  /** Asks, for an answer that is wanted as it is. */
  async receive(
    name: EndpointName,
    call: (client: Client) => Promise<Answered>,
  ): Promise<Result<Received, GatewayProblem>> {
    try {
      const answer = await call(this.#client);
      const text = await answer.text();
      return answer.ok ? ok({ text, headers: answer.headers }) : refuse(problemOf(name, answer.status, text));
    } catch (error) {
      return refuse({ kind: "unreachable", words: `cannot reach ${this.url}: ${reasonOf(error)}` });
    }
  }

  /** The policy in force, or an earlier generation. */
  async policy(generation?: number): Promise<Result<{ generation: number; text: string }, GatewayProblem>> {
    const query = generation === undefined ? {} : { generation: String(generation) };
    const answer = await this.receive("GET /admin/policy", ({ admin }) => admin.policy.$get({ query }));
    if (!answer.ok) return answer;
    const tag = /^(?:W\/)?"(\d+)"$/.exec(answer.value.headers.get("etag") ?? "");
    if (tag === null) return refuse({ kind: "failed", words: "the answer has no generation in its ETag" });
    return ok({ generation: Number(tag[1]), text: answer.value.text });
  }

  /** Publishes a document, over what `only` says. */
  put(text: string, only: Precondition, note: string): Promise<Result<AnswerOf<"PUT /admin/policy">, GatewayProblem>> {
    const asked = {
      json: JSON.parse(text) as Record<string, unknown>,
      query: note === "" ? {} : { note },
      header: headerOf(only),
    };
    return this.ask("PUT /admin/policy", ({ admin }) => admin.policy.$put(asked));
  }
}

function problemOf(name: EndpointName, status: number, text: string): GatewayProblem {
  const parsed = v.safeParse(v.partial(problemShape), jsonOf(text));
  const said = parsed.success ? (parsed.output.detail ?? parsed.output.title) : undefined;
  const words = said === undefined ? `the gateway answered ${status}` : `the gateway answered ${status}: ${said}`;
  switch (status) {
    case 401:
      return { kind: "unauthorised", words: `${words}; give a token: SLUICE_TOKEN, --token-file or a profile` };
    case 403: {
      const needed = Object.hasOwn(NEEDS, name) ? NEEDS[name as keyof typeof NEEDS] : undefined;
      return {
        kind: "unauthorised",
        words: needed === undefined ? words : `${words}; it needs the role sluice:${needed}`,
      };
    }
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
