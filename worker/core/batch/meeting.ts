// Who is in a batch and how its outcome is shared out: callers join until it is full or its time is over, results go back by
// position, the usage by weight, so that the parts add up to the whole. Pure; whoever keeps it calls and waits.
import type { BatchAsk, BatchResult } from "../protocol/batch.ts";

export interface Meeting {
  readonly asks: BatchAsk[];
  items: number;
  /** Epoch ms by which it is over, by the most impatient of its callers. */
  endsAt: number;
}

export const meeting = (): Meeting => ({ asks: [], items: 0, endsAt: Infinity });

/** Whether a caller's items still fit; the first one's always do. */
export const fits = (open: Meeting, { items, maxItems }: BatchAsk): boolean =>
  open.asks.length === 0 || open.items + items.length <= maxItems;

/** True when it is full now. */
export function join(open: Meeting, ask: BatchAsk, now: number): boolean {
  open.asks.push(ask);
  open.items += ask.items.length;
  open.endsAt = Math.min(open.endsAt, now + ask.maxWaitMs);
  return open.items >= ask.maxItems;
}

/** Each caller's part, in the order they came; undefined where the outcome does not fit the question. */
export function shareOut({ asks, items }: Meeting, result: BatchResult): BatchResult[] | undefined {
  if (!result.ok) return asks.map(() => result);
  if (result.results.length !== items) return undefined;
  const total = asks.reduce((sum, ask) => sum + weightOf(ask), 0);
  let at = 0;
  let weighed = 0;
  let told = 0;
  return asks.map((ask) => {
    const results = result.results.slice(at, at + ask.items.length);
    at += ask.items.length;
    weighed += weightOf(ask);
    // Rounded sums rather than rounded parts: what is lost in one part is in the next.
    const upTo = total === 0 ? 0 : Math.round((result.tokens * weighed) / total);
    const tokens = upTo - told;
    told = upTo;
    return { ok: true, results, tokens };
  });
}

const weightOf = ({ weights }: BatchAsk): number => weights.reduce((sum, weight) => sum + Math.max(1, weight), 0);
