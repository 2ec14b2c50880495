// How many tokens a request to Anthropic's Messages would be. Where the first target counts itself it is asked, in the client's
// own words; any other model's count is estimated, corrected by what its provider counted of earlier calls.
import { chatTokens } from "../core/providers/estimate.ts";
import { failureOf } from "../core/providers/classify.ts";
import { json, refuse } from "./answer.ts";
import { call, readWhole } from "./call.ts";
import { modelNamed } from "./compiled.ts";
import { stateOf } from "./state.ts";
import type { AiWalk } from "./walk.ts";

const COUNT_MS = 10_000;

export async function answerCount(walk: AiWalk): Promise<Response> {
  const read = walk.surface.read(walk.body);
  if (!read.ok) return refuse(walk, read.error);
  const model = modelNamed(walk.ai, read.value.model);
  const target = model?.targets[0]?.target;
  if (target === undefined) return refuse(walk, failureOf("model_not_found"));
  walk.target = target;
  if (!target.adapter.natives.includes("count")) {
    const { factor } = stateOf(walk.gateway).calibration(target.key);
    return json(walk, { input_tokens: Math.round(chatTokens(read.value) * factor) });
  }
  const asked = {
    target,
    operation: "count",
    body: target.adapter.adopt(walk.body, target.model),
    stream: false,
    headers: {},
    deadlineMs: COUNT_MS,
    signal: walk.request.signal,
  } as const;
  const answer = await call(
    walk.gateway,
    asked,
    () => void walk.attempts++,
    () => walk.attempts < walk.mostAttempts,
  );
  if (!(answer instanceof Response)) return refuse(walk, answer);
  const text = await readWhole(answer, COUNT_MS);
  return typeof text === "string" ? json(walk, text) : refuse(walk, text);
}
