// Averages that forget. Samples come unevenly spaced, so their weight follows the time between them and not their
// number (Eckner, "Algorithms for unevenly spaced time series", 2012). State is changed in place: this runs once a
// request.

/** A mean in which a sample's weight falls to 1/e after `tauMs`. */
export interface Ewma {
  value: number;
  /** Sum of the weights, as of `at`: 0 before the first sample. */
  weight: number;
  at: number;
}

export const ewma = (): Ewma => ({ value: 0, weight: 0, at: 0 });

/**
 * Counts a sample in: w <- w e^(-dt/tau) + 1; value <- value + (x - value) / w.
 * Keeping the weight makes the first samples a plain mean, and lets samples of one millisecond all count: in
 * production the clock stands still while a Worker computes.
 */
export function observe(state: Ewma, sample: number, now: number, tauMs: number): void {
  const elapsedMs = now > state.at ? now - state.at : 0;
  state.weight = state.weight * Math.exp(-elapsedMs / tauMs) + 1;
  state.value += (sample - state.value) / state.weight;
  if (elapsedMs > 0) state.at = now;
}
