// Makes a conversation shorter before it is sent, or after every target has said that it is too long (core/condense does the
// thinking). A summary is a courtesy of another model: it is waited for a while, and done without when it does not come.
//
// Law: what was shortened is said in a header; what cannot be shortened is sent as it is.
import { condensedField, plan, type CondenseOptions, type Wanted } from "../core/condense/condense.ts";
import type { Item } from "../core/condense/units.ts";
import { textOf, type ChatRequest, type Message, type Part } from "../core/providers/chat.ts";
import { chatTokens, textTokens } from "../core/providers/estimate.ts";
import { after } from "../platform/after.ts";
import { ask } from "./ask.ts";
import { modelNamed } from "./compiled.ts";
import { stateOf } from "./state.ts";
import type { AiWalk } from "./walk.ts";

/** A target that says "too long" without saying how long is long gets so much of it. */
const LESS = 0.6;
const SUMMARY_MS = 15_000;
const MOST_SUMMARIES = 4;
const IMAGE_TOKENS = 800;

/** Before it is sent: undefined when it may stay as it is. */
export async function condenseAhead(walk: AiWalk, chat: ChatRequest): Promise<ChatRequest | undefined> {
  const options = optionsOf(walk);
  if (options === undefined || options.when === "never") return undefined;
  if (options.when === "overflow" && !walk.overflows) return undefined;
  const most = mostTokens(walk, options);
  return most === undefined ? undefined : shorten(walk, chat, options, most);
}

/** After nobody took it for its length. */
export async function condenseAfter(walk: AiWalk, chat: ChatRequest): Promise<ChatRequest | undefined> {
  const options = optionsOf(walk);
  if (options === undefined || options.when === "never") return undefined;
  return shorten(walk, chat, options, Math.min(mostTokens(walk, options) ?? Infinity, chatTokens(chat) * LESS));
}

function optionsOf({ model }: AiWalk): CondenseOptions | undefined {
  const options = model?.options?.condense;
  return options === false ? undefined : options;
}

/** What the widest window leaves beside the answer, in estimated tokens; undefined where no window is known. */
function mostTokens(walk: AiWalk, { maxTokens, answerShare }: CondenseOptions): number | undefined {
  const rooms = walk.targets
    .filter(({ contextWindow }) => contextWindow > 0)
    .map(
      ({ key, contextWindow }) => (contextWindow * (1 - answerShare)) / stateOf(walk.gateway).calibration(key).factor,
    );
  const window = rooms.length === 0 ? undefined : Math.max(...rooms);
  if (maxTokens === undefined) return window;
  return Math.min(maxTokens, window ?? Infinity);
}

async function shorten(
  walk: AiWalk,
  chat: ChatRequest,
  options: CondenseOptions,
  most: number,
): Promise<ChatRequest | undefined> {
  const tools = chat.tools.length === 0 ? 0 : textTokens(JSON.stringify(chat.tools));
  const planned = plan(chat.messages.map(itemOf), options, Math.max(0, Math.floor(most - tools)), walk.arrivedAt);
  const condensed = planned.finish(await summaries(walk, chat, options, planned.wanted));
  if (condensed.after >= condensed.before) return undefined;
  walk.told.push(["x-sluice-condensed", condensedField(condensed)]);
  return {
    ...chat,
    messages: condensed.kept.map(({ from, text }): Message => {
      const message = chat.messages[from];
      if (message === undefined) return { role: "user", parts: [{ kind: "text", text: text ?? "" }] };
      return text === undefined ? message : { ...message, parts: [{ kind: "text", text }] };
    }),
  };
}

function itemOf({ role, parts }: Message): Item {
  return {
    role,
    text: parts.map(wordsOf).join(""),
    calls: parts.flatMap((part) => (part.kind === "call" || part.kind === "result" ? [part.id] : [])),
    otherTokens: parts.reduce((sum, part) => sum + otherTokens(part), 0),
  };
}

const wordsOf = (part: Part): string => (part.kind === "result" ? textOf(part.parts) : textOf([part]));

function otherTokens(part: Part): number {
  switch (part.kind) {
    case "text":
    case "refusal":
      return 0;
    case "reasoning":
      return textTokens(part.text);
    case "image":
    case "document":
      return IMAGE_TOKENS;
    case "call":
      return textTokens(part.name) + textTokens(part.args);
    case "result":
      return part.parts.reduce((sum, inner) => sum + otherTokens(inner), 0);
    case "native":
      return textTokens(JSON.stringify(part.opaque.value));
  }
}

// --- summaries ---

async function summaries(
  walk: AiWalk,
  chat: ChatRequest,
  { summaryModel }: CondenseOptions,
  wanted: readonly Wanted[],
): Promise<(string | undefined)[]> {
  const model = summaryModel === undefined ? undefined : modelNamed(walk.ai, summaryModel);
  if (model === undefined || wanted.length === 0) return [];
  const targets = model.targets.map(({ target }) => target);
  const late = after(SUMMARY_MS);
  return Promise.all(
    wanted.slice(0, MOST_SUMMARIES).map(async (topic) => {
      const asking = ask(walk, summaryOf(chat, topic), targets, true).then((asked) => {
        asked.attempt?.end();
        return asked.given?.answer?.choices[0]?.parts;
      });
      const parts = await Promise.race([asking, late]);
      const text = parts === undefined ? "" : textOf(parts).trim();
      return text === "" ? undefined : text;
    }),
  );
}

const summaryOf = ({ model, dialect }: ChatRequest, { text, maxTokens }: Wanted): ChatRequest => ({
  model,
  dialect,
  messages: [
    {
      role: "system",
      parts: [
        {
          kind: "text",
          text:
            "Summarise this part of a conversation for someone who will carry it on, in its own language. Keep names, numbers, " +
            `decisions, open questions and errors. At most ${Math.floor(maxTokens * 0.7)} words. Write only the summary.`,
        },
      ],
    },
    { role: "user", parts: [{ kind: "text", text }] },
  ],
  tools: [],
  stop: [],
  choices: 1,
  maxTokens,
  stream: false,
  wantsUsage: false,
  extra: {},
});
