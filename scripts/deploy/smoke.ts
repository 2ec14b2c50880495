// Asks until the answer is the one that is waited for: a new address takes a while to be known everywhere.
import { setTimeout as sleep } from "node:timers/promises";

const PAUSE_MS = 1_000;
const TIMEOUT_MS = 10_000;

export type Waited = { readonly ok: true; readonly body: unknown } | { readonly ok: false; readonly reason: string };

export async function until(
  url: string,
  withinMs: number,
  isGood: (seen: { status: number; body: unknown }) => boolean,
): Promise<Waited> {
  const endAt = Date.now() + withinMs;
  for (;;) {
    const seen = await ask(url);
    if (typeof seen !== "string" && isGood(seen)) return { ok: true, body: seen.body };
    if (Date.now() + PAUSE_MS > endAt) return { ok: false, reason: typeof seen === "string" ? seen : wordsOf(seen) };
    await sleep(PAUSE_MS);
  }
}

/** Status and body, or why there is none. */
async function ask(url: string): Promise<{ status: number; body: unknown } | string> {
  try {
    const answer = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await answer.text();
    return { status: answer.status, body: parsed(text) };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return cause instanceof Error ? cause.message : String(cause);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Another server may stand at this address, and say anything.
    return undefined;
  }
}

const LENGTH = 300;
const wordsOf = ({ status, body }: { status: number; body: unknown }): string =>
  `status ${status}${body === undefined ? "" : ` ${JSON.stringify(body).slice(0, LENGTH)}`}`;
