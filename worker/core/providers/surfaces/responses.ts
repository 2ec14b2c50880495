// OpenAI's Responses as a client sees it.
import { writeError } from "../dialects/openai-error.ts";
import { writeResponsesAnswer } from "../dialects/responses-answer.ts";
import { readResponses } from "../dialects/responses-request.ts";
import { ResponsesWriter } from "../dialects/responses-writer.ts";
import type { Surface } from "../surface.ts";

export const responsesSurface: Surface = {
  dialect: "responses",
  operation: "responses",
  read: readResponses,
  write: writeResponsesAnswer,
  writer: (chat, told) => new ResponsesWriter(chat, told),
  envelope: writeError,
};
