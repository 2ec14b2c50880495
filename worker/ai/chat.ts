// A conversation's walk: select, ask, answer whole or as a stream, settle.
import { chatTokens } from "../core/providers/estimate.ts";
import { failureOf } from "../core/providers/classify.ts";
import type { ChatRequest } from "../core/providers/chat.ts";
import type { Told } from "../core/providers/surface.ts";
import { dress, json, refuse } from "./answer.ts";
import { ask, type Asked } from "./ask.ts";
import { modelNamed } from "./compiled.ts";
import type { Incoming } from "./incoming.ts";
import { askElsewhere } from "./recover.ts";
import { selectTargets } from "./select.ts";
import { estimated, saidBy, settle } from "./settle.ts";
import { deliver } from "./stream.ts";
import type { AiWalk } from "./walk.ts";

export async function answerChat(walk: AiWalk): Promise<Response> {
  const read = walk.surface.read(walk.body);
  if (!read.ok) return refuse(walk, read.error);
  const chat = read.value;
  walk.chat = chat;
  walk.promptTokens = chatTokens(chat);
  const model = modelNamed(walk.ai, chat.model);
  if (model === undefined) return refuse(walk, failureOf("model_not_found"));
  walk.model = model;
  const lacking = selectTargets(walk, chat, model);
  if (lacking !== undefined) return refuse(walk, lacking);
  const asked = await ask(walk, chat, walk.targets, false);
  return asked.given === undefined ? refuse(walk, asked.failure) : give(walk, chat, asked);
}

type Answering = Extract<Asked, { failure: undefined }>;

function give(walk: AiWalk, chat: ChatRequest, asked: Answering): Response {
  const { surface } = walk;
  const { given, attempt } = asked;
  walk.target = given.target;
  const told: Told = {
    id: `sluice-${walk.correlationId}`,
    created: Math.floor(walk.arrivedAt / 1000),
    model: given.target.model,
  };
  if (given.stream !== undefined) return streamed(walk, chat, asked, given.stream, told);
  attempt?.end();
  const answer = given.answer!;
  settle(walk, given, answer.usage ?? estimated(walk, saidBy(answer)), 0, answer.usage === undefined);
  return json(walk, given.native ? given.text : surface.write(answer, chat, told));
}

function streamed(walk: AiWalk, chat: ChatRequest, first: Answering, incoming: Incoming, told: Told): Response {
  let { attempt, given } = first;
  const beganAt = performance.now();
  const { readable, done } = deliver(incoming, {
    chat,
    dialect: walk.surface.dialect,
    writer: walk.surface.writer(chat, told),
    native: given.native,
    promptTokens: () => Math.round(walk.promptTokens),
    client: walk.request.signal,
    recover:
      walk.model?.options?.stream.recovery === "continue"
        ? (text, failure) =>
            askElsewhere(walk, text, failure, (asked) => {
              attempt?.end();
              ({ attempt, given } = asked);
              walk.target = given.target;
            })
        : undefined,
    over({ usage, isEstimated, failure }) {
      attempt?.end();
      walk.failure = failure;
      settle(walk, given, usage, performance.now() - beganAt, isEstimated);
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
