// A limit of the policy as it is counted, and what clients are told of it: `RateLimit-Policy` and `RateLimit`
// (draft-ietf-httpapi-ratelimit-headers, RFC 9651 Lists), an item a period, and the `x-ratelimit-*` fields of AI providers.
import type * as v from "valibot";
import type { LimitRule, PeriodName, PeriodRule, ReserveAnswer, SpendRule } from "../protocol/limiter.ts";
import type { CountedBy } from "./counted.ts";
import type { budgetOptions, rateLimitOptions } from "./options.ts";

type LimitOptions = v.InferOutput<typeof rateLimitOptions>;
type BudgetOptions = v.InferOutput<typeof budgetOptions>;

/** What may be spent, by whom. */
export interface Budget {
  readonly name: string;
  readonly by: CountedBy;
  readonly rule: SpendRule;
  readonly onFailure: "open" | "closed";
  readonly timeoutMs: number;
  readonly shadow: boolean;
}

/** How many requests may be made, by whom. */
export interface Limit {
  readonly name: string;
  readonly by: CountedBy;
  /** Undefined: requests are not counted. */
  readonly rule: LimitRule | undefined;
  /** Requests at once; Infinity for no limit. */
  readonly concurrent: number;
  /** Of tokens and dollars; undefined where it limits neither. */
  readonly budget: Budget | undefined;
  readonly onFailure: "open" | "closed";
  readonly timeoutMs: number;
  readonly shadow: boolean;
  /** `RateLimit-Policy`; "" where requests are not counted. */
  readonly policyField: string;
  /** Of each period, `"standard-minute"` with its quotes. */
  readonly items: readonly string[];
}

const PERIODS: readonly [
  PeriodName,
  "requestsPerSecond" | "requestsPerMinute" | "requestsPerHour" | "requestsPerDay",
  number,
][] = [
  ["second", "requestsPerSecond", 1_000],
  ["minute", "requestsPerMinute", 60_000],
  ["hour", "requestsPerHour", 3_600_000],
  ["day", "requestsPerDay", 86_400_000],
];

export function compileLimit(name: string, options: LimitOptions): Limit {
  const periods = periodsOf(options);
  const items = periods.map((period) => `"${name}-${period.name}"`);
  const { by, onFailure, shadow, leaseTimeoutMs: timeoutMs } = options;
  const afterRefusals = options.block === false ? 0 : options.block.afterRefusals;
  const spend = definedOf(options, ["tokensPerMinute", "tokensPerDay", "dollarsPerDay"]);
  const counting = by as CountedBy;
  return {
    name,
    by: counting,
    rule: periods.length === 0 ? undefined : { periods, afterRefusals },
    concurrent: options.concurrent ?? Infinity,
    budget:
      Object.keys(spend).length === 0 ? undefined : { name, by: counting, rule: spend, onFailure, timeoutMs, shadow },
    onFailure,
    timeoutMs,
    shadow,
    policyField: periods.map((period, index) => `${items[index]};q=${period.quota};w=${period.ms / 1_000}`).join(", "),
    items,
  };
}

/** `burst` belongs to the smallest period; larger ones may be used up at once. */
function periodsOf(options: LimitOptions): PeriodRule[] {
  const { block } = options;
  const blockMs: Record<PeriodName, number> = {
    second: 0,
    minute: block === false ? 0 : block.minuteSeconds * 1_000,
    hour: block === false ? 0 : block.hourSeconds * 1_000,
    day: block === false ? 0 : block.hourSeconds * 1_000,
  };
  const periods: PeriodRule[] = [];
  for (const [name, field, ms] of PERIODS) {
    const quota = options[field];
    if (quota === undefined) continue;
    const burst = periods.length === 0 && "burst" in options ? (options.burst ?? quota) : quota;
    periods.push({ name, ms, quota, burst, paced: burst < quota, blockMs: blockMs[name] });
  }
  return periods;
}

const BUDGET_TIMEOUT_MS = 250;

export function compileBudget(name: string, options: BudgetOptions): Budget | undefined {
  const rule = definedOf(options, [
    "tokensPerMinute",
    "tokensPerDay",
    "tokensPerMonth",
    "dollarsPerDay",
    "dollarsPerMonth",
  ]);
  if (Object.keys(rule).length === 0) return undefined;
  const { by, onFailure } = options;
  return { name, by: by as CountedBy, rule, onFailure, timeoutMs: BUDGET_TIMEOUT_MS, shadow: false };
}

type Written = { readonly [Period in keyof SpendRule]?: number | undefined };

function definedOf(options: Written, names: readonly (keyof SpendRule)[]): SpendRule {
  return Object.fromEntries(names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])));
}

// --- what clients are told ---

/** How a limit stands for one caller. */
export interface Standing {
  readonly limit: Limit;
  /** By period. */
  readonly left: readonly number[];
  readonly resetMs: readonly number[];
  /** Periods that refuse, as indices; none for an answer that was let pass. */
  readonly spent: readonly number[];
}

const secondsOf = (ms: number): number => Math.max(0, Math.ceil(ms / 1_000));

/** `RateLimit`: every period, or those that refused. `t` is when it is whole again, or when to come again. */
export function rateLimitField({ limit, left, resetMs, spent }: Standing): string {
  const { items } = limit;
  let field = "";
  for (let index = 0; index < items.length; index++) {
    if (spent.length > 0 && !spent.includes(index)) continue;
    const item = `${items[index]};r=${left[index] ?? 0};t=${secondsOf(resetMs[index] ?? 0)}`;
    field = field === "" ? item : `${field}, ${item}`;
  }
  return field;
}

/** As OpenAI says a time: `1s`, `6m0s`, `2h5m0s`. */
export function duration(ms: number): string {
  const all = secondsOf(ms);
  const [hours, minutes, seconds] = [Math.floor(all / 3_600), Math.floor(all / 60) % 60, all % 60];
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}

type Fields = [name: string, value: string][];

/** The fields that clients of AI providers read: of one thing that is limited, `requests` or `tokens`. */
function aiFields(unit: "requests" | "tokens", limit: number, left: number, resetMs: number): Fields {
  return [
    [`x-ratelimit-limit-${unit}`, String(limit)],
    [`x-ratelimit-remaining-${unit}`, String(Math.max(0, Math.floor(left)))],
    [`x-ratelimit-reset-${unit}`, duration(resetMs)],
  ];
}

/** Of a limit's smallest period. */
export function aiRequestFields({ limit, left, resetMs }: Standing): Fields {
  const quota = limit.rule?.periods[0]?.quota;
  return quota === undefined ? [] : aiFields("requests", quota, left[0] ?? 0, resetMs[0] ?? 0);
}

const TOKEN_PERIODS = ["tokensPerMinute", "tokensPerDay", "tokensPerMonth"] as const;

/** Of the period of tokens that has the least left, of any of these budgets. */
export function aiTokenFields(
  budgets: readonly { readonly rule: SpendRule; readonly left: ReserveAnswer["left"] | undefined }[],
): Fields {
  const periods = budgets.flatMap(({ rule, left }) =>
    TOKEN_PERIODS.flatMap((period) => {
      const [limit, standing] = [rule[period], left?.[period]];
      return limit === undefined || standing === undefined ? [] : [{ limit, ...standing }];
    }),
  );
  const [first] = periods.toSorted((a, b) => a.left - b.left);
  return first === undefined ? [] : aiFields("tokens", first.limit, first.left, first.resetMs);
}
