// Anthropic's Messages as a client sees it, and the count of a request's tokens.
import { writeMessagesAnswer, writeMessagesError } from "../dialects/messages-answer.ts";
import { readMessages } from "../dialects/messages-request.ts";
import { MessagesWriter } from "../dialects/messages-writer.ts";
import type { Surface } from "../surface.ts";

export const messagesSurface: Surface = {
  dialect: "messages",
  operation: "messages",
  read: (body) => readMessages(body),
  write: (answer, _chat, told) => writeMessagesAnswer(answer, told),
  writer: (_chat, told) => new MessagesWriter(told),
  envelope: writeMessagesError,
};

export const countSurface: Surface = {
  ...messagesSurface,
  operation: "count",
  read: (body) => readMessages(body, true),
};
