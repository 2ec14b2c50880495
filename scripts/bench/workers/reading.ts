// The floor of an AI gateway: the honest floor, plus what nobody can leave out who chooses by a model and counts tokens. Both bodies are
// text and JSON for a moment, the model is named as its provider names it, the usage is added up; nothing is translated, kept, limited,
// watched or tried again.
import { forward, type Env } from "./floor.ts";

let tokens = 0;

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const asked = JSON.parse(await request.text()) as { model: string };
    asked.model = "fake";
    return forward(request, env, JSON.stringify(asked), count);
  },
};

async function count(upstream: Response): Promise<string> {
  const text = await upstream.text();
  const { usage } = JSON.parse(text) as { usage?: { total_tokens: number } };
  tokens += usage?.total_tokens ?? 0;
  return text;
}
