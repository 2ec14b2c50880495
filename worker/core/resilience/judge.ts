// One merged batch at a region's breakers. The order is the law: leases come back and probes are counted before the calls,
// so that a batch that brings both the last good probe and its traffic closes the breaker first; wishes come last, when it
// is known who still holds a lease. Breakers of instances that were never in trouble are not kept apart from new ones.
import type { LeaseRequest, MergedDelta } from "../protocol/objects.ts";
import type { Verdict } from "../protocol/reports.ts";
import type { Chance } from "../stats/chance.ts";
import { settle, sharedBreaker, step, verdictOf } from "./shared.ts";
import type { SharedBreaker, SharedEvent, SharedOptions } from "./shared.ts";

export interface JudgedBatch {
  readonly instances: Readonly<Record<string, MergedDelta>>;
  readonly leases: readonly LeaseRequest[];
  /** Requests that found nobody of the service to be sent to. */
  readonly refused: number;
}

export interface Judgement {
  /** Leases granted: isolate, then instance id, to the epoch ms at which the lease ends. */
  readonly leases: Record<string, Record<string, number>>;
  /** Instances whose breaker is another one than before in what must outlive a crash: all but its window. */
  readonly changed: ReadonlySet<string>;
}

/** Moves the breakers on; `breakers` is changed in place, by instance id. */
export function judge(
  breakers: Map<string, SharedBreaker>,
  batch: JudgedBatch,
  options: SharedOptions,
  now: number,
  chance: Chance,
): Judgement {
  const changed = new Set<string>();
  const tell = (id: string, event: SharedEvent): number => {
    const before = breakers.get(id) ?? sharedBreaker(options);
    const { state, leaseEnd } = step(before, event, options, now, chance);
    breakers.set(id, state);
    if (!sameBut(before, state)) changed.add(id);
    return leaseEnd;
  };
  for (const { isolate, back } of batch.leases) for (const id of back) tell(id, { kind: "back", isolate });
  for (const { isolate, passed, failed } of batch.leases) {
    for (const id of passed) tell(id, { kind: "probe", isolate, passed: true, retryAfterMs: 0 });
    for (const [id, retryAfterMs] of Object.entries(failed)) {
      tell(id, { kind: "probe", isolate, passed: false, retryAfterMs });
    }
  }
  for (const [id, { recent, openShare }] of Object.entries(batch.instances)) {
    tell(id, { kind: "calls", ...recent, openShare });
  }
  if (batch.refused > 0) for (const id of [...breakers.keys()]) tell(id, { kind: "refused", count: batch.refused });
  const leases: Record<string, Record<string, number>> = {};
  for (const { isolate, want } of batch.leases) {
    for (const id of want) {
      const end = tell(id, { kind: "want", isolate });
      if (end > 0) (leases[isolate] ??= {})[id] = end;
    }
  }
  return { leases, changed };
}

/** What isolates are told of all of them, after time has made its changes. */
export function verdictsOf(breakers: Map<string, SharedBreaker>, now: number): Record<string, Verdict> {
  const verdicts: Record<string, Verdict> = {};
  for (const [id, breaker] of breakers) {
    const settled = settle(breaker, now);
    if (settled !== breaker) breakers.set(id, settled);
    const verdict = verdictOf(settled);
    if (verdict !== undefined) verdicts[id] = verdict;
  }
  return verdicts;
}

/** Whether two states are the same but for their windows. A step that changes nothing hands the parts on as they are. */
const sameBut = (a: SharedBreaker, b: SharedBreaker): boolean =>
  a.generation === b.generation && a.successes === b.successes && a.opens === b.opens && a.leases === b.leases;
