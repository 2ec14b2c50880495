// What models cost and how much they take in: from the catalogue that was made at build time (scripts/catalogue.ts), unless the
// policy or the provider's own list says otherwise. A price that nobody knows makes no cost, and no guess.
import catalogue from "./catalogue.json";
import type { Usage } from "./chat.ts";

/** Dollars per million tokens. */
export interface Price {
  readonly input: number;
  readonly output: number;
  /** Of tokens read from and written to the provider's prompt cache. */
  readonly cacheRead: number;
  readonly cacheWrite: number;
  /** What a prompt of more than `from` tokens costs, where that is more. */
  readonly long?: { readonly from: number; readonly price: Price } | undefined;
}

export interface ModelFacts {
  /** 0 when nobody knows. */
  readonly contextWindow: number;
  readonly price: Price | undefined;
}

type Numbers = readonly (number | null)[];
type Row = readonly [rules: readonly string[], contextWindow: number, numbers: Numbers];

const ROWS = catalogue.models as unknown as Readonly<Record<string, readonly Row[]>>;

/** The first row whose rules take the model's name, as the source itself looks it up. */
export function catalogued(adapter: string, model: string): ModelFacts | undefined {
  const rows = Object.hasOwn(ROWS, adapter) ? ROWS[adapter]! : [];
  const name = model.toLowerCase();
  const row = rows.find(([rules]) => rules.some((rule) => takes(rule, name)));
  if (row === undefined) return undefined;
  const [, contextWindow, numbers] = row;
  return { contextWindow, price: priceOf(numbers) };
}

function takes(rule: string, name: string): boolean {
  const word = rule.slice(1);
  switch (rule[0]) {
    case "=":
      return name === word;
    case "^":
      return name.startsWith(word);
    case "*":
      return name.includes(word);
    default:
      return name.endsWith(word);
  }
}

/** `[input, output, cacheRead, cacheWrite]`, then perhaps `[from, …the same four]`. What is not said of a cache is the input's price. */
function priceOf(numbers: Numbers): Price {
  const [input, output, cacheRead, cacheWrite, from, ...long] = numbers;
  const price = completePrice({
    input: input ?? 0,
    output: output ?? 0,
    cacheRead: cacheRead ?? undefined,
    cacheWrite: cacheWrite ?? undefined,
  });
  return from === undefined || from === null ? price : { ...price, long: { from, price: priceOf(long) } };
}

/** As the policy writes it; what it leaves out comes from `known`. */
export interface WrittenPrice {
  readonly input?: number | undefined;
  readonly output?: number | undefined;
  readonly cacheRead?: number | undefined;
  readonly cacheWrite?: number | undefined;
}

export function completePrice(written: WrittenPrice, known?: Price): Price {
  const input = written.input ?? known?.input ?? 0;
  return {
    input,
    output: written.output ?? known?.output ?? 0,
    cacheRead: written.cacheRead ?? (written.input === undefined ? known?.cacheRead : undefined) ?? input,
    cacheWrite: written.cacheWrite ?? (written.input === undefined ? known?.cacheWrite : undefined) ?? input,
  };
}

const MILLION = 1_000_000;

/** Dollars. */
export function costOf(usage: Usage, price: Price): number {
  const { long } = price;
  const prompt = usage.uncached + usage.cacheRead + usage.cacheWrite;
  if (long !== undefined && prompt > long.from) return costOf(usage, long.price);
  const sum =
    usage.uncached * price.input +
    usage.cacheRead * price.cacheRead +
    usage.cacheWrite * price.cacheWrite +
    usage.output * price.output;
  return sum / MILLION;
}
