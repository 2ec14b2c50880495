// Who is asked for this call, and in which order: the model's fit targets by its strategy, then those that the client named as
// fallbacks. What was thought of each is kept on the walk, so that the choice can be explained.
import { distanceKm } from "../core/routing/regions.ts";
import type { ChatRequest } from "../core/providers/chat.ts";
import { textOf } from "../core/providers/chat.ts";
import { failureOf } from "../core/providers/classify.ts";
import type { Failure } from "../core/providers/failures.ts";
import { ORDINARY_HISTORY } from "../core/providers/history.ts";
import { mostChatTokens } from "../core/providers/estimate.ts";
import { needsOf, unfit, WINDOW, type Needs } from "../core/providers/needs.ts";
import { select, type AiCandidate, type SelectOptions } from "../core/providers/select.ts";
import { hash32 } from "../core/stats/hash.ts";
import { modelNamed, type Choosable, type Model, type Target } from "./compiled.ts";
import { stateOf } from "./state.ts";
import type { AiWalk, Considered } from "./walk.ts";

const ORDINARY: SelectOptions = {
  strategy: "priority",
  weights: { performance: 0.4, cost: 0.3, reliability: 0.2, load: 0.1 },
  history: ORDINARY_HISTORY,
  exploreShare: 0,
};
const ANSWER_TOKENS = 500;
/** Shorter prompts are in nobody's prompt cache. */
const CACHED_FROM_TOKENS = 1_024;
const ORDINARY_AFFINITY_SECONDS = 300;

/** Puts the targets in their order; undefined, or why nobody can be asked. */
export function selectTargets(walk: AiWalk, chat: ChatRequest, model: Model): Failure | undefined {
  const needs = needsOf(chat, walk.surface.operation, mostChatTokens(chat));
  const fit: Choosable[] = [];
  const unfits: Considered[] = [];
  for (const choosable of model.targets) {
    const why = lack(walk, needs, choosable.target);
    if (why === undefined) fit.push(choosable);
    else unfits.push({ target: choosable.target, scored: undefined, unfit: why });
  }
  const long = unfits.filter((one) => one.unfit === WINDOW);
  if (fit.length === 0 && long.length === 0) {
    walk.considered = unfits;
    const [lacking] = unfits;
    return lacking === undefined
      ? failureOf("unavailable")
      : {
          ...failureOf("unsupported"),
          message: `No model of this name can do what the request asks for (${lacking.unfit}).`,
        };
  }
  // Estimates err: whom it seems too long for is asked when nobody else is left, the widest first.
  const tooLong = long.map(({ target }) => target).sort((a, b) => b.contextWindow - a.contextWindow);
  const { targets, considered } = order(walk, chat, needs, model, fit);
  walk.targets = withFallbacks(walk, needs, [...targets, ...tooLong]);
  walk.considered = [...considered, ...unfits];
  walk.overflows = fit.length === 0;
  return undefined;
}

function lack(walk: AiWalk, needs: Needs, target: Target): string | undefined {
  const { factor } = stateOf(walk.gateway).calibration(target.key);
  // Nearly all conversations are short enough by their characters alone: then nothing is estimated.
  const isLong = needs.promptTokens * factor > target.contextWindow;
  const promptTokens = isLong ? walk.promptTokens * factor : 0;
  return unfit({ ...needs, promptTokens }, target.adapter, target.contextWindow);
}

function order(
  walk: AiWalk,
  chat: ChatRequest,
  needs: Needs,
  model: Model,
  fit: readonly Choosable[],
): { targets: Target[]; considered: Considered[] } {
  const state = stateOf(walk.gateway);
  const options: SelectOptions =
    walk.strategy === undefined ? (model.options ?? ORDINARY) : { ...ORDINARY, strategy: walk.strategy };
  const seconds = model.options?.affinitySeconds ?? ORDINARY_AFFINITY_SECONDS;
  walk.conversation = seconds === 0 ? 0 : conversationOf(walk, chat);
  const mayPay = fit.length > 1 && walk.conversation !== 0 && needs.promptTokens >= CACHED_FROM_TOKENS;
  const pays = mayPay && walk.promptTokens >= CACHED_FROM_TOKENS;
  const selection = select(
    fit.map((choosable) => candidateOf(walk, choosable)),
    options,
    {
      get promptTokens() {
        return walk.promptTokens;
      },
      answerTokens: chat.maxTokens ?? ANSWER_TOKENS,
      turn: state.turn(`model ${model.name}`),
      bound: pays ? state.bound(walk.conversation, walk.arrivedAt, seconds) : undefined,
      chance: Math.random,
    },
  );
  walk.chosenBy = selection.why === "strategy" ? options.strategy : selection.why;
  return {
    targets: selection.order.map((index) => fit[index]!.target),
    considered: selection.order.map((index) => ({
      target: fit[index]!.target,
      scored: selection.scores[index],
      unfit: "",
    })),
  };
}

function candidateOf(walk: AiWalk, { target, weight, priority }: Choosable): AiCandidate {
  const { fleet } = walk.gateway;
  const [candidate] = fleet.service(walk.policy, target.provider.service).candidates;
  return {
    key: target.key,
    weight: weight * target.provider.options.weight,
    priority: priority * 1_000 + target.provider.options.priority,
    price: target.price,
    history: stateOf(walk.gateway).history(target.key),
    inFlight: candidate?.inFlight ?? 0,
    available: candidate?.available ?? false,
    distanceKm: distanceTo(walk, target),
  };
}

/** By the provider's own place, or its region's. */
function distanceTo(walk: AiWalk, { provider }: Target): number | undefined {
  const { options } = provider;
  const region = options.region === undefined ? undefined : walk.policy.policy.regions[options.region];
  const latitude = options.latitude ?? region?.latitude;
  const longitude = options.longitude ?? region?.longitude;
  if (latitude === undefined || longitude === undefined) return undefined;
  // Asked for only where it matters: reading `cf` costs a few microseconds.
  const { place } = walk;
  return place === undefined ? undefined : distanceKm(place, { latitude, longitude });
}

/** What a conversation keeps from its first turn on: who speaks, to which model, and how it began. */
function conversationOf(walk: AiWalk, { model, messages }: ChatRequest): number {
  const opening = messages.findIndex(({ role }) => role === "user");
  const begun = messages.slice(0, opening + 1).map(({ parts }) => textOf(parts));
  return hash32([walk.tenant, model, ...begun].join("\u0000"));
}

/** The request's own `fallbacks` or `models`, where the policy lets requests say so. */
function withFallbacks(walk: AiWalk, needs: Needs, targets: readonly Target[]): Target[] {
  const all = [...targets];
  for (const name of walk.fallbacks) {
    const named = modelNamed(walk.ai, name)?.targets ?? [];
    for (const { target } of named) {
      if (!all.includes(target) && lack(walk, needs, target) === undefined) all.push(target);
    }
  }
  return all;
}
