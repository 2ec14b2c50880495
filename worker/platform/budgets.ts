// Tokens and dollars that calls may spend: reserved before a call, one question a budget, settled behind its answer. What was
// granted is stored by `LimiterObject` before it answers; a call whose isolate dies counts as it was estimated. When the object
// is away, the budget's policy says whether the call goes ahead (and is charged when it is settled) or is refused.
import type { Amount, ReserveAnswer, SpendPeriod } from "../core/protocol/limiter.ts";
import { counted, storedAs, type Caller } from "../core/security/counted.ts";
import type { Budget } from "../core/security/limits.ts";
import { after } from "./after.ts";
import type { LimiterLink } from "./limiter-link.ts";
import type { Background } from "./news.ts";

/** Longer than any call: a stream may take ten minutes. */
const LIFE_MS = 900_000;
const SETTLE_TIMEOUT_MS = 2_000;
const SETTLE_AGAIN_MS = 1_000;

interface Part {
  readonly id: string;
  readonly budget: Budget;
  readonly who: string;
  readonly answer: ReserveAnswer | undefined;
}

/** What was reserved; to be settled once. */
export interface Reservation {
  readonly parts: readonly Part[];
  readonly estimate: Amount;
}

export type Reserved =
  | { readonly ok: true; readonly reservation: Reservation }
  | {
      readonly ok: false;
      /** `away`: the budget cannot be looked at, and its policy is `closed`. */
      readonly why: "spent" | "away";
      readonly budget: Budget;
      readonly periods: readonly SpendPeriod[];
      readonly retryAfterMs: number;
    };

const AWAY_RETRY_MS = 1_000;
const NOTHING: Amount = { tokens: 0, dollars: 0 };

export class Budgets {
  #link: LimiterLink;

  constructor(link: LimiterLink) {
    this.#link = link;
  }

  /** All of them or none. Never rejects. */
  async reserve(
    budgets: readonly Budget[],
    caller: Caller,
    estimate: Amount,
    background: Background,
    lifeMs = LIFE_MS,
  ): Promise<Reserved> {
    const parts = await Promise.all(budgets.map((budget) => this.#ask(budget, caller, estimate, lifeMs)));
    const short = parts.find(({ budget, answer }) =>
      answer === undefined ? budget.onFailure === "closed" : !answer.granted && !budget.shadow,
    );
    if (short === undefined) return { ok: true, reservation: { parts, estimate } };
    this.settle({ parts: parts.filter(({ answer }) => answer?.granted !== false), estimate }, NOTHING, background);
    const { budget, answer } = short;
    if (answer === undefined) return { ok: false, why: "away", budget, periods: [], retryAfterMs: AWAY_RETRY_MS };
    return { ok: false, why: "spent", budget, periods: answer.spent, retryAfterMs: answer.retryMs };
  }

  async #ask(budget: Budget, caller: Caller, estimate: Amount, lifeMs: number): Promise<Part> {
    const who = await storedAs(counted(budget.by, caller));
    const id = crypto.randomUUID();
    const question = { id, budget: budget.name, who, rule: budget.rule, estimate, lifeMs };
    const answer = await this.#link.ask(who, (limiter) => limiter.reserve(question), budget.timeoutMs);
    return { id, budget, who, answer: answer.ok ? answer.value : undefined };
  }

  /** What the call really cost, in the background: nobody waits for it. */
  settle({ parts, estimate }: Reservation, actual: Amount, background: Background): void {
    for (const part of parts) background.waitUntil(this.#settle(part, estimate, actual));
  }

  async #settle({ id, budget, who }: Part, estimate: Amount, actual: Amount): Promise<void> {
    const question = { id, budget: budget.name, who, rule: budget.rule, estimate, actual };
    const settle = () => this.#link.ask(who, (limiter) => limiter.settle(question), SETTLE_TIMEOUT_MS);
    const { ok } = await settle();
    if (ok) return;
    // Once more; after that the estimate stands, when its time is over.
    await after(SETTLE_AGAIN_MS);
    await settle();
  }
}
