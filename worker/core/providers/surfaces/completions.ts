// OpenAI's older Completions as a client sees it.
import { CompletionsWriter, readCompletions, writeCompletion } from "../dialects/completions.ts";
import { writeError } from "../dialects/openai-error.ts";
import type { Surface } from "../surface.ts";

export const completionsSurface: Surface = {
  dialect: "completions",
  operation: "completions",
  read: readCompletions,
  write: (answer, _chat, told) => writeCompletion(answer, told),
  writer: (chat, told) => new CompletionsWriter(chat, told),
  envelope: writeError,
};
