// What an attempt's end means to breakers, limits and averages. 5xx, lost connections and timeouts are failures; 429 is
// a class of its own: the instance is well and says "not so fast"; every other answer, 4xx included, is the client's
// business and counts as success. An attempt that the client (or a faster hedge) gave up on says nothing.

export type Outcome = "ok" | "failed" | "limited" | "cancelled";

export function outcomeOf(status: number): Outcome {
  if (status >= 500) return "failed";
  return status === 429 ? "limited" : "ok";
}

/**
 * The response time to remember for choosing among instances. A failure must not attract traffic by being fast: it
 * never lowers what is known, and where nothing is known it counts as a slow call. So an instance that answers 500 or
 * 429 in a millisecond stays behind one that answers 200 in fifty.
 */
export function chargedMs(outcome: Outcome, durationMs: number, knownMs: number, slowMs: number): number {
  if (outcome === "ok") return durationMs;
  const atLeast = knownMs > 0 ? knownMs : slowMs;
  return durationMs > atLeast ? durationMs : atLeast;
}
