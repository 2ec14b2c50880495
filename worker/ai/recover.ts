// Asks for the rest of an answer that broke off: another target first, the same one only when there is no other and it did
// not fall silent. A target that takes the beginning of an answer is given it; one that refuses it, or cannot, is told.
import type { Failure } from "../core/providers/failures.ts";
import { askForRest, tokensLeft } from "../core/providers/recovery.ts";
import { ask } from "./ask.ts";
import type { Asked } from "./given.ts";
import type { Target } from "./compiled.ts";
import type { Rest } from "./stream.ts";
import type { AiWalk } from "./walk.ts";

type Answering = Extract<Asked, { failure: undefined }>;

/** Targets asked for the rest at most. */
const MOST_ASKED = 3;

/** `took`: told of each target that takes over. Undefined when nobody does. */
export async function askElsewhere(
  walk: AiWalk,
  text: string,
  failure: Failure,
  took: (asked: Answering) => void,
): Promise<Rest | undefined> {
  const chat = walk.chat!;
  if ((tokensLeft(chat, text) ?? 1) <= 0) return undefined;
  for (const target of successors(walk, failure).slice(0, MOST_ASKED)) {
    const modes = target.adapter.capabilities.prefill ? (["prefill", "instruction"] as const) : INSTRUCTION;
    for (const mode of modes) {
      const asked = await ask(walk, askForRest(chat, text, mode), [target], true);
      if (asked.given !== undefined) {
        const { stream } = asked.given;
        if (stream === undefined) break;
        took(asked);
        return { incoming: stream, mode };
      }
      // Whatever a prefill is refused with, it is the client's own fault in the provider's eyes.
      if (asked.failure.kind !== "bad_request" && asked.failure.kind !== "unsupported") break;
    }
  }
  return undefined;
}

const INSTRUCTION = ["instruction"] as const;

/** Those after the one that failed, then those before it. */
function successors({ targets, target }: AiWalk, { kind }: Failure): Target[] {
  const at = target === undefined ? -1 : targets.indexOf(target);
  const others = [...targets.slice(at + 1), ...targets.slice(0, Math.max(at, 0))];
  return target === undefined || kind === "stalled" ? others : [...others, target];
}
