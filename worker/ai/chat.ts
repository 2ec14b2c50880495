// A conversation's walk: select, ask, answer whole or as a stream, settle.
import { statusOf } from "../core/providers/failures.ts";
import { failureOf } from "../core/providers/classify.ts";
import type { ChatRequest } from "../core/providers/chat.ts";
import type { Told } from "../core/providers/surface.ts";
import { charge, countModel, reserve, leave } from "./admit.ts";
import { dress, json, refuse } from "./answer.ts";
import { ask } from "./ask.ts";
import type { Asked } from "./given.ts";
import { modelNamed, type Model } from "./compiled.ts";
import { condenseAfter, condenseAhead } from "./condense.ts";
import { configuredModel, takeConfig } from "./config.ts";
import type { Incoming } from "./incoming.ts";
import { askElsewhere } from "./recover.ts";
import { selectTargets } from "./select.ts";
import { estimated, recordAttempt, recordCall, saidBy, settle } from "./settle.ts";
import { keep, keepingOf, Recording, stored } from "./stored.ts";
import { deliver } from "./stream.ts";
import type { AiWalk, Keeping } from "./walk.ts";

export async function answerChat(walk: AiWalk): Promise<Response> {
  const odd = takeConfig(walk);
  if (odd !== undefined) return refuse(walk, odd);
  const read = walk.surface.read(walk.body);
  if (!read.ok) return refuse(walk, read.error);
  const chat = read.value;
  walk.chat = chat;
  const configured = walk.config === undefined ? undefined : configuredModel(walk, walk.config, chat.model);
  if (configured !== undefined && "kind" in configured) return refuse(walk, configured);
  const model = configured ?? modelNamed(walk.ai, chat.model);
  if (model === undefined) return refuse(walk, failureOf("model_not_found"));
  walk.model = model;
  const limited = await countModel(walk, model.name);
  if (limited !== undefined) return refuse(walk, limited);
  const keeping = await keepingOf(walk, chat, model);
  walk.keeping = keeping;
  const known = keeping?.reads === true ? await stored(walk, keeping.key) : undefined;
  if (known !== undefined) return known;
  const lacking = selectTargets(walk, chat, model) ?? (await reserve(walk, chat.maxTokens));
  if (lacking !== undefined) return refuse(walk, lacking);
  const ahead = await condenseAhead(walk, chat);
  if (ahead !== undefined) take(walk, ahead, model);
  let asked = await ask(walk, walk.chat, walk.targets, ahead !== undefined);
  if (asked.failure?.kind === "context_length") {
    const after = await condenseAfter(walk, walk.chat);
    if (after !== undefined) {
      take(walk, after, model);
      asked = await ask(walk, after, walk.targets, true);
    }
  }
  if (asked.given !== undefined) return give(walk, chat, asked);
  charge(walk, undefined);
  return refuse(walk, asked.failure);
}

/** A shorter conversation, which may fit where the long one did not. */
function take(walk: AiWalk, chat: ChatRequest, model: Model): void {
  walk.chat = chat;
  selectTargets(walk, chat, model);
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
  charge(walk, walk.usage);
  const text = given.native ? given.text : JSON.stringify(surface.write(answer, chat, told));
  if (walk.keeping !== undefined) {
    keep(walk, walk.keeping, "application/json", new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>);
  }
  return json(walk, text);
}

function streamed(walk: AiWalk, chat: ChatRequest, first: Answering, incoming: Incoming, told: Told): Response {
  let { attempt, given } = first;
  const beganAt = performance.now();
  const { keeping } = walk;
  const recovers = walk.model?.options?.stream.recovery === "continue";
  const recording = keeping?.writes === true ? new Recording() : undefined;
  const { readable, done } = deliver(incoming, {
    chat,
    dialect: walk.surface.dialect,
    writer: walk.surface.writer(chat, told),
    native: given.native,
    promptTokens: () => Math.round(walk.promptTokens),
    client: walk.request.signal,
    recover: recovers
      ? (text, failure) => {
          recordAttempt(walk, given.target, failure);
          return askElsewhere(walk, text, failure, (asked) => {
            attempt?.end();
            ({ attempt, given } = asked);
            walk.target = given.target;
          });
        }
      : undefined,
    over({ usage, isEstimated, failure, left, recoveries }) {
      attempt?.end();
      leave(walk);
      if (keeping !== undefined && recording !== undefined && failure === undefined && !left && recoveries === 0) {
        walk.ctx.waitUntil(recording.ended.then(() => keepStream(walk, keeping, recording)));
      }
      walk.failure = failure;
      // It had begun well: only now is it known that it did not end so.
      if (failure !== undefined && !recovers) recordAttempt(walk, given.target, failure);
      settle(walk, given, usage, performance.now() - beganAt, isEstimated);
      charge(walk, usage);
      recordCall(walk, failure === undefined ? 200 : statusOf(failure.kind), given.firstMs);
    },
  });
  walk.streams = true;
  walk.ctx.waitUntil(done);
  const body = recording === undefined ? readable : readable.pipeThrough(recording.through);
  return dress(walk, new Response(body, { headers: STREAM_HEADERS }));
}

function keepStream(walk: AiWalk, keeping: Keeping, { bytes }: Recording): void {
  if (bytes !== undefined) keep(walk, keeping, STREAM_HEADERS["content-type"], bytes);
}

const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  "x-accel-buffering": "no",
};
