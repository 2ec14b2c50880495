// Google's Gemini API, generateContent: https://ai.google.dev/api/generate-content and …/api/caching#Content.
// A call has no id there: one is made of the answer's, and a result finds its call's name by it. Signatures of thoughts stand
// on whatever part followed them.
import type { Codec, Terms } from "../adapter.ts";
import {
  argsOf,
  compact,
  isObject,
  objectOf,
  objects,
  stringOf,
  textOf,
  type ChatAnswer,
  type ChatRequest,
  type Choice,
  type Finish,
  type JsonObject,
  type Message,
  type Opaque,
  type Part,
  type Usage,
} from "../chat.ts";
import { classify, type Said } from "../classify.ts";
import type { Delta } from "../deltas.ts";
import { dataUrlOf, durationMs, finiteOf, parseObject } from "../fields.ts";
import type { EventDecoder } from "../frames.ts";

export const geminiCodec: Codec = {
  dialect: "gemini",
  write: (chat) => writeRequest(chat),
  read: (body) => readAnswer(body),
  decoder: (terms) => geminiDecoder(terms),
  error: googleError,
};

/** Request fields of this dialect that a client of another one may send for it. */
const NATIVE_FIELDS = ["safetySettings", "cachedContent", "labels"] as const;

// --- requests ---

function writeRequest(chat: ChatRequest): JsonObject {
  const system = chat.messages.filter(({ role }) => role === "system").map(({ parts }) => textOf(parts));
  const native: JsonObject = {};
  for (const name of NATIVE_FIELDS) if (Object.hasOwn(chat.extra, name)) native[name] = chat.extra[name];
  return compact({
    ...native,
    systemInstruction: system.length > 0 ? { parts: system.map((text) => ({ text })) } : undefined,
    contents: writeContents(chat.messages),
    tools: chat.tools.length > 0 ? [{ functionDeclarations: chat.tools.map(writeTool) }] : undefined,
    toolConfig: writeToolConfig(chat),
    generationConfig: writeConfig(chat),
  });
}

const writeTool = ({ name, description, parameters }: ChatRequest["tools"][number]): JsonObject =>
  compact({ name, description, parametersJsonSchema: parameters });

function writeToolConfig({ tools, toolChoice }: ChatRequest): JsonObject | undefined {
  if (tools.length === 0 || toolChoice === undefined) return undefined;
  if (typeof toolChoice === "object") {
    return { functionCallingConfig: { mode: "ANY", allowedFunctionNames: [toolChoice.name] } };
  }
  const mode = { auto: "AUTO", none: "NONE", required: "ANY" }[toolChoice];
  return { functionCallingConfig: { mode } };
}

const BUDGETS: Readonly<Record<string, number>> = { none: 0, minimal: 512, low: 1_024, medium: 8_192, high: 24_576 };

function writeConfig(chat: ChatRequest): JsonObject | undefined {
  const { format, reasoning } = chat;
  const budget = reasoning?.budgetTokens ?? BUDGETS[reasoning?.effort ?? ""];
  const config = compact({
    temperature: chat.temperature,
    topP: chat.topP,
    topK: chat.topK,
    maxOutputTokens: chat.maxTokens,
    stopSequences: chat.stop.length > 0 ? chat.stop.slice(0, 5) : undefined,
    candidateCount: chat.choices > 1 ? chat.choices : undefined,
    seed: chat.seed,
    frequencyPenalty: chat.frequencyPenalty,
    presencePenalty: chat.presencePenalty,
    responseMimeType: format === undefined ? undefined : "application/json",
    responseJsonSchema: format?.kind === "schema" ? format.schema : undefined,
    responseLogprobs: chat.logprobs,
    logprobs: chat.topLogprobs,
    thinkingConfig: budget === undefined ? undefined : { thinkingBudget: budget, includeThoughts: budget > 0 },
  });
  return Object.keys(config).length > 0 ? config : undefined;
}

function writeContents(messages: readonly Message[]): JsonObject[] {
  const names = new Map<string, string>();
  const contents: { role: string; parts: JsonObject[] }[] = [];
  for (const { role, parts } of messages) {
    if (role === "system") continue;
    for (const part of parts) if (part.kind === "call") names.set(part.id, part.name);
    const written = parts.flatMap((part) => writePart(part, names));
    if (written.length === 0) continue;
    const speaker = role === "assistant" ? "model" : "user";
    const last = contents.at(-1);
    if (last?.role === speaker) last.parts.push(...written);
    else contents.push({ role: speaker, parts: written });
  }
  return contents;
}

function writePart(part: Part, names: ReadonlyMap<string, string>): JsonObject[] {
  switch (part.kind) {
    case "text":
      return part.text === "" ? [] : [{ text: part.text, ...signatureOf(part.opaque) }];
    case "refusal":
      return part.text === "" ? [] : [{ text: part.text }];
    case "image":
    case "document":
      return [writeData(part.url)];
    case "call":
      return [{ functionCall: { name: part.name, args: argsOf(part.args) }, ...signatureOf(part.opaque) }];
    case "result": {
      const text = textOf(part.parts);
      const response = part.failed ? { error: text } : { result: text };
      const shown = part.parts.filter(({ kind }) => kind === "image" || kind === "document");
      const call = { functionResponse: { name: names.get(part.id) ?? part.id, response } };
      return [call, ...shown.flatMap((each) => writePart(each, names))];
    }
    case "reasoning":
      // What was thought is not sent back; its signature is, on a part of its own.
      return part.opaque?.dialect === "gemini" ? [{ text: "", ...signatureOf(part.opaque) }] : [];
    case "native":
      return part.opaque.dialect === "gemini" ? [part.opaque.value] : [];
  }
}

const signatureOf = (opaque: Opaque | undefined): JsonObject => {
  const signature =
    opaque?.dialect === "gemini" ? (opaque.value.thoughtSignature ?? opaque.value.signature) : undefined;
  return typeof signature === "string" ? { thoughtSignature: signature } : {};
};

function writeData(url: string): JsonObject {
  const data = dataUrlOf(url);
  if (data !== undefined) return { inlineData: { mimeType: data.mediaType, data: data.base64 } };
  return { fileData: { fileUri: url, mimeType: mediaTypeOf(url) } };
}

const TYPES: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  pdf: "application/pdf",
};

const mediaTypeOf = (url: string): string => {
  const path = url.split(/[?#]/, 1)[0] ?? "";
  return TYPES[path.slice(path.lastIndexOf(".") + 1).toLowerCase()] ?? "image/jpeg";
};

// --- answers ---

const FINISHES: Readonly<Record<string, Finish>> = {
  STOP: "stop",
  MAX_TOKENS: "length",
  SAFETY: "content_filter",
  RECITATION: "content_filter",
  BLOCKLIST: "content_filter",
  PROHIBITED_CONTENT: "content_filter",
  SPII: "content_filter",
  IMAGE_SAFETY: "content_filter",
};

/** `candidatesTokenCount` leaves thoughts out; here what was generated counts them. */
function readUsage(body: JsonObject): Usage | undefined {
  if (!isObject(body.usageMetadata)) return undefined;
  const said = body.usageMetadata;
  const cacheRead = finiteOf(said.cachedContentTokenCount) ?? 0;
  const prompt = (finiteOf(said.promptTokenCount) ?? 0) + (finiteOf(said.toolUsePromptTokenCount) ?? 0);
  const reasoning = finiteOf(said.thoughtsTokenCount) ?? 0;
  return {
    uncached: Math.max(0, prompt - cacheRead),
    cacheRead,
    cacheWrite: 0,
    output: (finiteOf(said.candidatesTokenCount) ?? 0) + reasoning,
    reasoning,
  };
}

const blocked = (body: JsonObject): boolean => typeof objectOf(body.promptFeedback).blockReason === "string";

function readAnswer(body: JsonObject): ChatAnswer | undefined {
  if (!Array.isArray(body.candidates) && !blocked(body)) return undefined;
  const id = stringOf(body.responseId);
  let calls = 0;
  const choices = objects(body.candidates).map((candidate): Choice => {
    const parts = objects(objectOf(candidate.content).parts).flatMap((part) =>
      readPart(part, () => callId(id, calls++)),
    );
    const finish = FINISHES[stringOf(candidate.finishReason)] ?? "stop";
    const isCalling = finish === "stop" && parts.some(({ kind }) => kind === "call");
    return { parts, finish: isCalling ? "tool_calls" : finish };
  });
  if (choices.length === 0) choices.push({ parts: [], finish: "content_filter" });
  return { id, model: stringOf(body.modelVersion), choices, usage: readUsage(body) };
}

const callId = (answer: string, index: number): string => `call_${answer || "gemini"}_${index}`;

function readPart(part: JsonObject, newId: () => string): Part[] {
  const signature = part.thoughtSignature;
  const opaque: Opaque | undefined =
    typeof signature === "string" ? { dialect: "gemini", value: { thoughtSignature: signature } } : undefined;
  if (isObject(part.functionCall)) {
    const { id, name, args } = part.functionCall;
    return [
      { kind: "call", id: stringOf(id) || newId(), name: stringOf(name), args: JSON.stringify(args ?? {}), opaque },
    ];
  }
  if (typeof part.text === "string") {
    if (part.thought === true) return [{ kind: "reasoning", text: part.text, opaque }];
    if (part.text === "" && opaque !== undefined) return [{ kind: "reasoning", text: "", opaque }];
    return [{ kind: "text", text: part.text, opaque }];
  }
  if (isObject(part.inlineData)) {
    const { mimeType, data } = part.inlineData;
    return [{ kind: "image", url: `data:${stringOf(mimeType)};base64,${stringOf(data)}` }];
  }
  return [{ kind: "native", opaque: { dialect: "gemini", value: part } }];
}

// --- streams ---

function geminiDecoder(terms: Terms): EventDecoder {
  let started = false;
  const calls = new Map<number, number>();
  let id = "";
  return ({ data }) => {
    const body = parseObject(data);
    if (body === undefined) return undefined;
    if (isObject(body.error)) return [{ kind: "error", failure: classify(googleError(200, body, -1), terms.errors) }];
    const usage = readUsage(body);
    if (!Array.isArray(body.candidates) && usage === undefined && !blocked(body)) return undefined;
    const deltas: Delta[] = [];
    if (!started) {
      started = true;
      id = stringOf(body.responseId);
      deltas.push({ kind: "start", id, model: stringOf(body.modelVersion) });
    }
    if (blocked(body)) deltas.push({ kind: "finish", choice: 0, finish: "content_filter" });
    for (const candidate of objects(body.candidates)) decodeCandidate(candidate, id, calls, deltas);
    if (usage !== undefined) deltas.push({ kind: "usage", usage });
    return deltas;
  };
}

function decodeCandidate(candidate: JsonObject, id: string, calls: Map<number, number>, deltas: Delta[]): void {
  const choice = finiteOf(candidate.index) ?? 0;
  for (const written of objects(objectOf(candidate.content).parts)) {
    const call = calls.get(choice) ?? 0;
    for (const part of readPart(written, () => callId(id, choice * 1_000 + call))) {
      if (part.kind === "text") {
        if (part.text !== "") deltas.push({ kind: "text", choice, text: part.text });
        if (part.opaque !== undefined) deltas.push({ kind: "reasoning", choice, text: "", opaque: part.opaque });
      } else if (part.kind === "reasoning") {
        deltas.push({ kind: "reasoning", choice, text: part.text, opaque: part.opaque });
      } else if (part.kind === "call") {
        calls.set(choice, call + 1);
        deltas.push({ kind: "call", choice, call, id: part.id, name: part.name, args: part.args, opaque: part.opaque });
      }
    }
  }
  if (typeof candidate.finishReason !== "string") return;
  const finish = FINISHES[candidate.finishReason] ?? "stop";
  deltas.push({ kind: "finish", choice, finish: finish === "stop" && calls.has(choice) ? "tool_calls" : finish });
}

// --- errors (https://ai.google.dev/gemini-api/docs/troubleshooting) ---

function googleError(status: number, body: JsonObject, retryAfterMs: number): Said {
  const error = objectOf(body.error);
  const details = objects(error.details);
  const wait = details.map(({ retryDelay }) => durationMs(retryDelay)).find((ms) => ms !== undefined);
  const reasons = details.map(({ reason }) => stringOf(reason));
  const isKey = reasons.some((reason) => reason.startsWith("API_KEY_"));
  return {
    status: status === 200 ? (finiteOf(error.code) ?? 200) : status,
    words: [isKey ? "unauthenticated" : stringOf(error.status)],
    message: stringOf(error.message),
    retryAfterMs: retryAfterMs >= 0 ? retryAfterMs : (wait ?? -1),
  };
}
