// The AI door, /v1/*: it exists only where the policy names models or providers; else those paths are traffic like any other.
// The walk: surface, select, ask, stream, settle. Every answer of the gateway's own has the form of the surface it was asked by.
import { estimateTokenCount } from "tokenx";
import { textOf, type ChatRequest } from "../core/providers/chat.ts";
import { statusOf, type Failure } from "../core/providers/failures.ts";
import { failureOf } from "../core/providers/classify.ts";
import { parseObject } from "../core/providers/fields.ts";
import type { Surface, Told } from "../core/providers/surface.ts";
import { chatSurface } from "../core/providers/surfaces/chat.ts";
import { retryAfterSeconds } from "../core/http/retry-after.ts";
import type { Gateway } from "../platform/gateway.ts";
import { ask, type Asked, type Given } from "./ask.ts";
import { aiOf, modelNamed } from "./compiled.ts";
import { askElsewhere } from "./recover.ts";
import { deliver } from "./stream.ts";
import type { Incoming } from "./incoming.ts";
import { AiWalk } from "./walk.ts";

const AI = "/v1/";

/** Whether a URL leads to where the AI door would be. */
export const isAi = (url: string): boolean => url.startsWith(AI, url.indexOf("/", 8));

const SURFACES: Readonly<Record<string, Surface>> = { "/v1/chat/completions": chatSurface };

/** `otherwise`: what answers when there is no AI door. */
export async function answerAi(
  request: Request,
  ctx: ExecutionContext,
  gateway: Gateway,
  otherwise: () => Promise<Response>,
): Promise<Response> {
  const { isolate } = gateway;
  const policy =
    isolate.ready(Date.now()) ?? (await isolate.refresh(ctx, request.cf as IncomingRequestCfProperties | undefined));
  const ai = policy === undefined ? undefined : aiOf(policy);
  if (policy === undefined || ai === undefined) return otherwise();
  const surface = SURFACES[new URL(request.url).pathname];
  const walk = new AiWalk(request, ctx, gateway, policy, ai, surface ?? chatSurface);
  if (surface === undefined) return refuse(walk, failureOf("not_found"));
  if (request.method !== "POST") return refuse(walk, failureOf("method_not_allowed"));
  const body = parseObject(await request.text());
  if (body === undefined) return refuse(walk, failureOf("bad_request"));
  walk.body = body;
  const read = surface.read(body);
  if (!read.ok) return refuse(walk, read.error);
  walk.chat = read.value;
  const model = modelNamed(ai, read.value.model);
  if (model === undefined) return refuse(walk, failureOf("model_not_found"));
  walk.model = model;
  walk.targets = model.targets;
  const asked = await ask(walk, read.value, walk.targets, false);
  return asked.given === undefined || asked.failure !== undefined
    ? refuse(walk, asked.failure ?? failureOf("internal"))
    : give(walk, asked, asked.given);
}

function give(walk: AiWalk, { attempt }: Asked, given: Given): Response {
  const { surface, chat } = walk;
  walk.target = given.target;
  const told: Told = {
    id: `sluice-${walk.correlationId}`,
    created: Math.floor(walk.arrivedAt / 1000),
    model: given.target.model,
  };
  if (given.stream !== undefined) return streamed(walk, attempt, given, given.stream, told);
  attempt?.end();
  walk.usage = given.answer!.usage;
  const text = given.native ? given.text : JSON.stringify(surface.write(given.answer!, chat!, told));
  return dress(walk, new Response(text, { headers: { "content-type": "application/json" } }));
}

function streamed(walk: AiWalk, first: Asked["attempt"], { native }: Given, incoming: Incoming, told: Told): Response {
  const chat = walk.chat!;
  let attempt = first;
  const { readable, done } = deliver(incoming, {
    chat,
    dialect: walk.surface.dialect,
    writer: walk.surface.writer(chat, told),
    native,
    promptTokens: () => promptEstimate(chat),
    client: walk.request.signal,
    recover:
      walk.model?.options?.stream.recovery === "continue"
        ? (text, failure) =>
            askElsewhere(walk, text, failure, (asked) => {
              attempt?.end();
              ({ attempt } = asked);
              walk.target = asked.given!.target;
            })
        : undefined,
    over({ usage, failure }) {
      walk.usage = usage;
      walk.failure = failure;
      attempt?.end();
    },
  });
  walk.ctx.waitUntil(done);
  return dress(walk, new Response(readable, { headers: STREAM_HEADERS }));
}

const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  "x-accel-buffering": "no",
};

const promptEstimate = ({ messages }: ChatRequest): number =>
  messages.reduce((sum, { parts }) => sum + estimateTokenCount(textOf(parts)) + 4, 0);

function refuse(walk: AiWalk, failure: Failure): Response {
  walk.failure = failure;
  const headers = new Headers({ "content-type": "application/json", "cache-control": "no-store" });
  if (failure.retryAfterMs !== undefined) headers.set("retry-after", String(retryAfterSeconds(failure.retryAfterMs)));
  const { native } = failure;
  if (native !== undefined && statusOf(failure.kind) < 500) {
    return dress(walk, new Response(native.text, { status: native.status, headers }));
  }
  const body = JSON.stringify(walk.surface.envelope(failure));
  return dress(walk, new Response(body, { status: statusOf(failure.kind), headers }));
}

function dress(walk: AiWalk, answer: Response): Response {
  const { headers } = answer;
  headers.set("x-correlation-id", walk.correlationId);
  headers.set("traceparent", walk.traceparent);
  if (!(walk.policy.policy.expose ?? walk.gateway.isLocal)) return answer;
  headers.set("x-sluice-generation", String(walk.policy.generation));
  if (walk.attempts > 0) headers.set("x-sluice-attempts", String(walk.attempts));
  if (walk.target !== undefined) {
    headers.set("x-sluice-provider", walk.target.provider.name);
    headers.set("x-sluice-model", walk.target.model);
    headers.set("x-sluice-fallback-index", String(walk.targets.indexOf(walk.target)));
  }
  return answer;
}
