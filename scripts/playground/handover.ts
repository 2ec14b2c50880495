// Handing the policy over as an operator would: one PUT to the admin API, then every region is asked whether it is ready
// and obeys it. No way of our own into KV or the objects, so what works here works deployed.
import * as v from "valibot";
import { Gateway } from "../policy/gateway.ts";
import type { GatewayProblem } from "../policy/gateway.ts";
import { Wrong } from "./question.ts";

const WITHIN_MS = 30_000;
const ASK_EVERY_MS = 25;

const readiness = v.object({ policy: v.object({ generation: v.nullable(v.number()) }) });

/** Stores `text` as the newest generation and answers with its number when the gateways at all `origins` obey it. */
export async function publish(text: string, origins: readonly string[], token: string): Promise<number> {
  const end = performance.now() + WITHIN_MS;
  const generation = await put(text, new Gateway(origins[0] ?? "", token), end);
  await Promise.all(origins.map((origin) => until(origin, "ready", end, (said) => generationOf(said) >= generation)));
  return generation;
}

/** Until the gateways at all `origins` answer at all. */
export async function untilAlive(origins: readonly string[]): Promise<void> {
  const end = performance.now() + WITHIN_MS;
  await Promise.all(origins.map((origin) => until(origin, "health", end, () => true)));
}

/** A gateway that cannot store yet, as in the first moments of a start, is asked again. */
async function put(text: string, gateway: Gateway, end: number): Promise<number> {
  for (;;) {
    const written = await gateway.put(text, "any", "npm start");
    if (written.ok) return written.value.generation;
    const { kind, words } = written.error;
    if (kind === "invalid") throw new Wrong(`the gateway refuses the policy: ${problemsOf(written.error)}`);
    if (kind === "unauthorised" || performance.now() > end) throw new Error(`the policy cannot be published: ${words}`);
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
}

function problemsOf(problem: GatewayProblem): string {
  const problems = problem.kind === "invalid" ? problem.problems : [];
  return problems.map(({ path, message }) => `${path || "the document"} ${message}`).join("; ") || problem.words;
}

async function until(
  origin: string,
  what: "health" | "ready",
  end: number,
  isGood: (said: string) => boolean,
): Promise<void> {
  let last = "nothing";
  while (performance.now() < end) {
    try {
      const answer = await fetch(`${origin}/_sluice/${what}`, { signal: AbortSignal.timeout(WITHIN_MS) });
      const said = await answer.text();
      if (answer.ok && isGood(said)) return;
      last = `${answer.status} ${said}`;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
  throw new Error(`${origin} was not in order after ${WITHIN_MS / 1000} s; its last word: ${last}`);
}

/** In force according to a `ready` answer; -1 for none. */
function generationOf(said: string): number {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), readiness), said);
  return parsed.success ? (parsed.output.policy.generation ?? -1) : -1;
}
