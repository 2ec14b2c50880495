// Embeddings: the targets of a model that can, in order, each asked in its own way. A failure that may be another target's
// success goes to the next one.
import { failureOf } from "../core/providers/classify.ts";
import type { Failure } from "../core/providers/failures.ts";
import { isIll, remedyOf } from "../core/providers/failures.ts";
import {
  readEmbeddings,
  readVectors,
  writeEmbeddings,
  writeVectors,
  type EmbeddingAnswer,
  type EmbeddingInput,
  type EmbeddingRequest,
} from "../core/providers/embeddings.ts";
import { textTokens } from "../core/providers/estimate.ts";
import { parseObject } from "../core/providers/fields.ts";
import { costOf } from "../core/providers/prices.ts";
import { charge, countModel, reserve } from "./admit.ts";
import type { BatchResult } from "../core/protocol/batch.ts";
import { json, refuse } from "./answer.ts";
import { call, readWhole } from "./call.ts";
import { modelNamed, type Target } from "./compiled.ts";
import type { AiWalk } from "./walk.ts";

const EMBED_MS = 60_000;
const ONE_OF_SEVERAL_MS = 15_000;

export async function answerEmbeddings(walk: AiWalk): Promise<Response> {
  const read = readEmbeddings(walk.body);
  if (!read.ok) return refuse(walk, read.error);
  const asked = read.value;
  const model = modelNamed(walk.ai, asked.model);
  if (model === undefined) return refuse(walk, failureOf("model_not_found"));
  walk.model = model;
  walk.targets = model.targets.map(({ target }) => target).filter(({ adapter }) => adapter.capabilities.embeddings);
  if (walk.targets.length === 0) return refuse(walk, failureOf("unsupported"));
  walk.promptTokens = estimated(asked);
  const refusal = (await countModel(walk, model.name)) ?? (await reserve(walk, 0));
  if (refusal !== undefined) return refuse(walk, refusal);
  let failure: Failure = failureOf("unavailable");
  for (const target of walk.targets) {
    if (walk.attempts >= walk.mostAttempts) break;
    const given = await together(walk, asked, target);
    if ("vectors" in given) return give(walk, asked, target, given);
    failure = given;
    if (remedyOf(failure.kind) === "give") break;
  }
  charge(walk, undefined);
  return refuse(walk, failure);
}

function give(walk: AiWalk, asked: EmbeddingRequest, target: Target, given: EmbeddingAnswer): Response {
  const counted = given.promptTokens > 0 ? given.promptTokens : estimated(asked);
  const answer = { ...given, promptTokens: counted };
  walk.target = target;
  walk.usage = { uncached: counted, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0 };
  walk.cost = target.price === undefined ? undefined : costOf(walk.usage, target.price);
  charge(walk, walk.usage);
  return json(walk, writeVectors(answer, asked, target.model));
}

const estimated = ({ inputs }: EmbeddingRequest): number =>
  inputs.reduce((sum, input) => sum + (typeof input === "string" ? textTokens(input) : input.length), 0);

/** With others that ask the same of it at the same time, where the policy lets them. */
async function together(walk: AiWalk, asked: EmbeddingRequest, target: Target): Promise<EmbeddingAnswer | Failure> {
  const options = walk.ai.options.batch.embeddings;
  if (options === false || asked.inputs.length >= options.maxItems) return embed(walk, asked, target);
  const { inputs, ...rest } = asked;
  const ask = {
    // Tenants do not meet, nor do users that their provider is told of.
    key: JSON.stringify(["embeddings", walk.tenant, target.key, rest]),
    items: inputs,
    weights: inputs.map((input) => estimated({ ...asked, inputs: [input] })),
    maxItems: options.maxItems,
    maxWaitMs: options.maxWaitMs,
  };
  const run = async (items: readonly unknown[]): Promise<BatchResult> => {
    const given = await embed(walk, { ...asked, inputs: items as readonly EmbeddingInput[] }, target);
    if ("vectors" in given) return { ok: true, results: given.vectors, tokens: given.promptTokens };
    return { ok: false, alone: remedyOf(given.kind) === "give" || given.kind === "context_length", error: given };
  };
  const result = await walk.gateway.batches.call(ask, run);
  if (result.ok) return { vectors: result.results as EmbeddingAnswer["vectors"], promptTokens: result.tokens };
  return typeof result.error === "object" ? (result.error as Failure) : failureOf("invalid_answer");
}

/** One target asked through its own service, so that its breaker and its limit hold here too. */
async function embed(walk: AiWalk, asked: EmbeddingRequest, target: Target): Promise<EmbeddingAnswer | Failure> {
  const body = writeEmbeddings(target.adapter.codec.dialect, asked, target.model);
  if (body === undefined) return failureOf("unsupported");
  const service = walk.gateway.fleet.service(walk.policy, target.provider.service);
  const now = Date.now();
  const index = service.take([], true, true, undefined, now);
  if (index < 0) return failureOf("unavailable", service.soonestMs(now));
  const deadlineMs = walk.targets.at(-1) === target ? EMBED_MS : ONE_OF_SEVERAL_MS;
  const attempt = service.begin(index, -1, undefined, now, now + deadlineMs + 1_000);
  const abort = new AbortController();
  walk.request.signal.addEventListener("abort", () => {
    abort.abort();
    attempt.leave();
  });
  const question = {
    target,
    operation: "embeddings",
    body,
    stream: false,
    headers: {},
    deadlineMs,
    signal: abort.signal,
  } as const;
  const answer = await call(
    walk.gateway,
    question,
    () => void walk.attempts++,
    () => walk.attempts < walk.mostAttempts,
  );
  const given = answer instanceof Response ? await vectorsOf(answer, target, deadlineMs) : answer;
  const ms = performance.now() - attempt.startedAt;
  walk.upstreamMs += ms;
  if ("vectors" in given) attempt.settle("ok", ms, -1, Date.now());
  else {
    abort.abort();
    const { kind, retryAfterMs = -1 } = given;
    attempt.settle(kind === "rate_limited" ? "limited" : isIll(kind) ? "failed" : "ok", ms, retryAfterMs, Date.now());
  }
  attempt.end();
  return given;
}

async function vectorsOf(
  answer: Response,
  { adapter }: Target,
  deadlineMs: number,
): Promise<EmbeddingAnswer | Failure> {
  const text = await readWhole(answer, deadlineMs);
  if (typeof text !== "string") return text;
  const body = parseObject(text);
  return (body === undefined ? undefined : readVectors(adapter.codec.dialect, body)) ?? failureOf("invalid_answer");
}
