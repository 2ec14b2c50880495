// OpenAI's Chat Completions as a client sees it.
import { ChatWriter, writeAnswer } from "../dialects/chat-answer.ts";
import { readChat } from "../dialects/chat-request.ts";
import { writeError } from "../dialects/openai-error.ts";
import type { Surface } from "../surface.ts";

export const chatSurface: Surface = {
  dialect: "chat",
  operation: "chat",
  read: readChat,
  write: (answer, _chat, told) => writeAnswer(answer, told),
  writer: (chat, told) => new ChatWriter(chat, told),
  envelope: writeError,
};
