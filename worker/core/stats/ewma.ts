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

/**
 * Response time that believes bad news at once and good news slowly: Finagle's `PeakEwma` (linkerd's and tower's too).
 * A sample above the average becomes the average; one below it pulls it down by 1 - e^(-dt/tau).
 */
export interface PeakEwma {
  /** 0: nothing was measured. */
  value: number;
  at: number;
}

export const peakEwma = (): PeakEwma => ({ value: 0, at: 0 });

export function observePeak(state: PeakEwma, sample: number, now: number, tauMs: number): void {
  const elapsedMs = now > state.at ? now - state.at : 0;
  if (sample >= state.value) state.value = sample;
  else state.value = sample + (state.value - sample) * Math.exp(-elapsedMs / tauMs);
  if (elapsedMs > 0) state.at = now;
}

/**
 * The value as of now. Without samples it fades towards 0, so that an instance that was slow once and has not been
 * asked since is asked again; Finagle does the same at every reading.
 */
export function readPeak(state: PeakEwma, now: number, tauMs: number): number {
  return now > state.at ? state.value * Math.exp((state.at - now) / tauMs) : state.value;
}
