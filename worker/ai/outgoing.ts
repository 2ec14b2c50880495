// What goes out to a target: the client's own words where it speaks as the client does, the fields that come with them, and what
// running experiments do to the call.
import { markOf, type Strike } from "../core/chaos/strike.ts";
import type { ChatRequest, JsonObject } from "../core/providers/chat.ts";
import type { Target } from "./compiled.ts";
import type { AiWalk } from "./walk.ts";

/** The client's own words, for the target's name of the model; told its usage unasked, where it must be asked for. */
export function adopted({ body, chat, surface }: AiWalk, { adapter, model }: Target): JsonObject {
  const adopted = adapter.adopt(body, model);
  const asks = surface.operation === "chat" || surface.operation === "completions";
  if (!asks || chat?.stream !== true || chat.wantsUsage || !adapter.capabilities.streamOptions) return adopted;
  const options = typeof body.stream_options === "object" ? body.stream_options : {};
  return { ...adopted, stream_options: { ...options, include_usage: true } };
}

/** What running experiments do to calls of this provider; its mark is told with the answer. */
export function strikesOn(walk: AiWalk, { provider }: Target): readonly Strike[] | undefined {
  const { gateway, request, security, arrivedAt } = walk;
  if (gateway.chaos.running.length === 0) return undefined;
  const targeted = {
    ...{ service: provider.service.name, route: "ai", region: gateway.isolate.region.name },
    ...{ keyId: security.keyId, provider: provider.name },
    header: (name: string) => request.headers.get(name),
  };
  const struck = gateway.chaos.strikes(targeted, arrivedAt);
  if (struck !== undefined && walk.fault === "") walk.fault = markOf(struck);
  return struck;
}

/** Some must be told a limit: the model's own, where the client names none. */
export const withLimit = (chat: ChatRequest, { maxOutputTokens }: Target): ChatRequest =>
  chat.maxTokens === undefined && maxOutputTokens !== undefined ? { ...chat, maxTokens: maxOutputTokens } : chat;

/** Fields by which a client asks for more than its body says. */
const PASSED = ["anthropic-beta", "anthropic-version", "openai-beta"] as const;

export function passedOn({ request }: AiWalk): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of PASSED) {
    const value = request.headers.get(name);
    if (value !== null) passed[name] = value;
  }
  return passed;
}
