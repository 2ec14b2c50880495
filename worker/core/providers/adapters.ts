// The providers that are known by name. All but their dialects' code is said here, in declarations; the sources are the
// providers' published API references, given with each.
import type { Adapter, Declaration } from "./adapter.ts";
import { ABLE, adapterOf, BEARER } from "./declared.ts";
import { chatCodec } from "./dialects/chat-answer.ts";

/** https://platform.openai.com/docs/api-reference */
const openai: Declaration = {
  name: "openai",
  codec: chatCodec,
  auth: BEARER,
  headers: {},
  framing: "sse",
  endMarker: "[DONE]",
  paths: {
    chat: "/chat/completions",
    completions: "/completions",
    responses: "/responses",
    embeddings: "/embeddings",
    models: "/models",
  },
  natives: ["chat", "completions", "responses", "embeddings"],
  rename: {},
  // Reasoning models refuse `max_tokens`; all take the new name.
  renameWritten: { max_tokens: "max_completion_tokens" },
  drop: [],
  usage: {},
  errors: {},
  capabilities: ABLE,
  modelInPath: false,
};

export const ADAPTERS: ReadonlyMap<string, Adapter> = new Map(
  [openai].map((declaration) => [declaration.name, adapterOf(declaration)]),
);
