// What the last calls of a target were like (SEEDS A2): how soon it began and how fast it went on over the last few, how many
// of the last hundred failed. Plain JSON, changed in place; rings of fixed length.

export interface History {
  /** Milliseconds to the first token, newest last. */
  firstMs: number[];
  /** Tokens a second from then on. */
  rates: number[];
  /** 1 for an answer, 0 for a failure. */
  outcomes: number[];
  /** Of `outcomes`, those that were answers. */
  answered: number;
}

export interface HistoryOptions {
  /** Samples of speed that count. */
  readonly speed: number;
  /** Outcomes that count. */
  readonly kept: number;
  /** Below so many outcomes the reliability is `neutral`. */
  readonly minimum: number;
  readonly neutral: number;
}

export const ORDINARY_HISTORY: HistoryOptions = { speed: 10, kept: 100, minimum: 10, neutral: 50 };

export const history = (): History => ({ firstMs: [], rates: [], outcomes: [], answered: 0 });

export function recordOutcome(known: History, answered: boolean, { kept }: HistoryOptions): void {
  known.outcomes.push(answered ? 1 : 0);
  if (answered) known.answered++;
  while (known.outcomes.length > kept) known.answered -= known.outcomes.shift()!;
}

/** `tokens` in `ms` after the first one; too short an answer says nothing of its speed. */
export function recordSpeed(
  known: History,
  firstMs: number,
  tokens: number,
  ms: number,
  { speed }: HistoryOptions,
): void {
  keep(known.firstMs, firstMs, speed);
  if (tokens >= 8 && ms > 0) keep(known.rates, (tokens * 1000) / ms, speed);
}

function keep(values: number[], value: number, most: number): void {
  values.push(value);
  while (values.length > most) values.shift();
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const ORDINARY_ANSWER = 200;
const ORDINARY_RATE = 50;

/** Milliseconds that an answer of ordinary length takes; undefined with no history at all. */
export function expectedMs({ firstMs, rates }: History): number | undefined {
  if (firstMs.length === 0) return undefined;
  return mean(firstMs) + (ORDINARY_ANSWER * 1000) / (rates.length === 0 ? ORDINARY_RATE : mean(rates));
}

const LAST = 10;

/** Half of its last answers were answers, or nothing is known of it. */
export function isWell({ outcomes }: History): boolean {
  const last = outcomes.slice(-LAST);
  return last.reduce((sum, outcome) => sum + outcome, 0) * 2 >= last.length;
}

/** 0 to 100. */
export const reliability = ({ outcomes, answered }: History, { minimum, neutral }: HistoryOptions): number =>
  outcomes.length < Math.max(1, minimum) ? neutral : (100 * answered) / outcomes.length;
