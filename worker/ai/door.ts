// The AI door, /v1/*: it exists only where the policy names models or providers; else those paths are traffic like any other.
// Whatever goes wrong is answered in the form of the surface that was asked.
import { hasLooped } from "../core/http/forwarding.ts";
import { contentLength } from "../core/http/limits.ts";
import { failureOf } from "../core/providers/classify.ts";
import type { JsonObject } from "../core/providers/chat.ts";
import type { Failure } from "../core/providers/failures.ts";
import { isDeeperThan } from "../core/protocol/json.ts";
import { parseObject } from "../core/providers/fields.ts";
import type { Surface } from "../core/providers/surface.ts";
import { chatSurface } from "../core/providers/surfaces/chat.ts";
import { completionsSurface } from "../core/providers/surfaces/completions.ts";
import { countSurface, messagesSurface } from "../core/providers/surfaces/messages.ts";
import { responsesSurface } from "../core/providers/surfaces/responses.ts";
import { ok, refuse as wrong, type Result } from "../core/result/result.ts";
import { holdBody } from "../platform/bodies.ts";
import type { Gateway } from "../platform/gateway.ts";
import { admit, leave } from "./admit.ts";
import { refuse } from "./answer.ts";
import { answerChat } from "./chat.ts";
import { aiOf } from "./compiled.ts";
import { answerCount } from "./count.ts";
import { answerEmbeddings } from "./embeddings.ts";
import { guard, writeOrigins } from "./guard.ts";
import { noteIncident } from "./incident.ts";
import { answerModel, answerModels } from "./models.ts";
import { capture } from "./settle.ts";
import { AiWalk } from "./walk.ts";

const AI = "/v1/";
const MODEL = "/v1/models/";
const MOST_DEPTH = 100;

/** Whether a URL leads to where the AI door would be. */
export const isAi = (url: string): boolean => url.startsWith(AI, url.indexOf("/", 8));

type Answering = (walk: AiWalk) => Response | Promise<Response>;

interface Endpoint {
  readonly method: "GET" | "POST";
  readonly surface: Surface;
  readonly answer: Answering;
}

const embeddingsSurface: Surface = { ...chatSurface, operation: "embeddings" };
const modelsSurface: Surface = { ...chatSurface, operation: "models" };

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  "/v1/chat/completions": { method: "POST", surface: chatSurface, answer: answerChat },
  "/v1/completions": { method: "POST", surface: completionsSurface, answer: answerChat },
  "/v1/responses": { method: "POST", surface: responsesSurface, answer: answerChat },
  "/v1/messages": { method: "POST", surface: messagesSurface, answer: answerChat },
  "/v1/messages/count_tokens": { method: "POST", surface: countSurface, answer: answerCount },
  "/v1/embeddings": { method: "POST", surface: embeddingsSurface, answer: answerEmbeddings },
  "/v1/models": { method: "GET", surface: modelsSurface, answer: answerModels },
};
const ONE_MODEL: Endpoint = { method: "GET", surface: modelsSurface, answer: answerModel };

/** `otherwise`: what answers when there is no AI door. */
export async function answerAi(
  request: Request,
  ctx: ExecutionContext,
  gateway: Gateway,
  otherwise: () => Promise<Response> | Response,
): Promise<Response> {
  const { isolate } = gateway;
  const policy =
    isolate.ready(Date.now()) ?? (await isolate.refresh(ctx, request.cf as IncomingRequestCfProperties | undefined));
  const ai = policy === undefined ? undefined : aiOf(policy);
  if (policy === undefined || ai === undefined) return otherwise();
  const { pathname } = new URL(request.url);
  const endpoint = Object.hasOwn(ENDPOINTS, pathname)
    ? ENDPOINTS[pathname]
    : pathname.startsWith(MODEL)
      ? ONE_MODEL
      : undefined;
  // Anthropic's clients say so with every request; where a path serves both, they are answered in their own form.
  const speaksMessages = pathname.startsWith("/v1/messages") || request.headers.has("anthropic-version");
  const surface = endpoint?.surface ?? (speaksMessages ? messagesSurface : chatSurface);
  const walk = new AiWalk(request, ctx, gateway, policy, ai, surface);
  isolate.metrics.inFlight++;
  let answer: Response;
  try {
    answer = guard(walk) ?? (await answered(walk, endpoint));
  } catch (error) {
    // A bug of ours: its text is for the log, never for the client.
    console.error(`${walk.correlationId}:`, error);
    answer = refuse(walk, failureOf("internal"));
  }
  if (!walk.streams) leave(walk);
  writeOrigins(walk, answer);
  capture(walk, answer.status);
  return answer;
}

async function answered(walk: AiWalk, endpoint: Endpoint | undefined): Promise<Response> {
  const { request } = walk;
  if (hasLooped(request.headers.get("cdn-loop") ?? undefined)) return refuse(walk, failureOf("bad_request"));
  if (endpoint === undefined) return refuse(walk, failureOf("not_found"));
  if (request.method !== endpoint.method) {
    const answer = refuse(walk, failureOf("method_not_allowed"));
    answer.headers.set("allow", endpoint.method);
    return answer;
  }
  const refusal = await admit(walk);
  if (refusal !== undefined) return refuse(walk, refusal);
  if (endpoint.method === "POST") {
    const body = await readBody(walk);
    if (!body.ok) return refuse(walk, body.error);
    walk.body = body.value;
  }
  return endpoint.answer(walk);
}

async function readBody(walk: AiWalk): Promise<Result<JsonObject, Failure>> {
  const { request, ai } = walk;
  const { maxBodyBytes } = ai.options;
  const length = contentLength(request.headers.get("content-length"));
  if (length !== undefined && length > maxBodyBytes) return tooLarge(walk);
  if (request.body === null) return unread(failureOf("bad_request"), "The body is empty.");
  const text = await textOf(request, length, maxBodyBytes);
  if (text === undefined) return tooLarge(walk);
  if (isDeeperThan(text, MOST_DEPTH))
    return unread(failureOf("bad_request"), `The body is nested more than ${MOST_DEPTH} deep.`);
  const body = parseObject(text);
  return body === undefined ? unread(failureOf("bad_request"), "The body is not a JSON object.") : ok(body);
}

/** Of a declared length: natively in one go; else piece by piece, for it may turn out too long: undefined. */
async function textOf(request: Request, length: number | undefined, maxBytes: number): Promise<string | undefined> {
  if (length !== undefined) return request.text();
  const held = await holdBody(request.body!, maxBytes);
  return held.whole ? new TextDecoder().decode(held.bytes) : undefined;
}

function tooLarge(walk: AiWalk): Result<JsonObject, Failure> {
  noteIncident(walk, "body_refused", "body_too_large");
  return unread(failureOf("too_large"));
}

const unread = (failure: Failure, message = failure.message): Result<JsonObject, Failure> =>
  wrong({ ...failure, message });
