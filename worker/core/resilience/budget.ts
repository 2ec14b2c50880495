// The retry budget: how many further tries (retries, hedges, fallbacks) a service may cost beyond its requests, per
// isolate. A bucket of tokens: each request puts in a share of one, each second `retryFloor`, each further try takes
// one. It holds at most the share of the window's requests plus one second's floor, so what was earned long ago is not
// spent in one outage. Over any stretch of time: tries <= requests x (1 + retryBudget) + retryFloor x seconds + what it
// held at the start. After Finagle's RetryBudget; the floor does not pile up, lest an idle service greet an outage with
// a burst of retries. Changed in place, nothing allocated: `deposit` runs on every request.
import { advance, count, rollingWindow, total, type RollingWindow } from "../stats/window.ts";

/** As in the policy's `attempts` block. */
export interface BudgetOptions {
  readonly retryBudget: number;
  readonly retryFloor: number;
  readonly budgetWindowMs: number;
}

export interface RetryBudget {
  tokens: number;
  at: number;
  readonly requests: RollingWindow;
}

export const retryBudget = (options: BudgetOptions): RetryBudget => ({
  tokens: options.retryFloor,
  at: 0,
  requests: rollingWindow(options.budgetWindowMs, 10, 1),
});

/** Counts a request, once, whatever becomes of it. */
export function deposit(budget: RetryBudget, now: number, options: BudgetOptions): void {
  settle(budget, now, options);
  count(budget.requests, 0);
  budget.tokens += options.retryBudget;
  cap(budget, options);
}

/** Takes the token of one further try, or says that there is none. */
export function withdraw(budget: RetryBudget, now: number, options: BudgetOptions): boolean {
  settle(budget, now, options);
  cap(budget, options);
  // A fifth added five times is a hair less than one.
  if (budget.tokens < 1 - 1e-9) return false;
  budget.tokens = Math.max(0, budget.tokens - 1);
  return true;
}

function settle(budget: RetryBudget, now: number, options: BudgetOptions): void {
  advance(budget.requests, now);
  if (now <= budget.at) return;
  if (budget.at > 0) budget.tokens += (options.retryFloor * (now - budget.at)) / 1000;
  budget.at = now;
}

function cap(budget: RetryBudget, options: BudgetOptions): void {
  const most = options.retryBudget * total(budget.requests, 0) + options.retryFloor;
  if (budget.tokens > most) budget.tokens = most;
}
