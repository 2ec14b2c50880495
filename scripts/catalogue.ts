// Prices and context windows of the known providers' models, reduced from @pydantic/genai-prices to what the gateway reads:
// npm run catalogue writes worker/core/providers/catalogue.json. Run it after the package was updated; the file says of which
// version it is. Prices with conditions are taken as they stand on the day it is run, prices by the length of a prompt as
// their first two steps.
import { readFileSync, writeFileSync } from "node:fs";
import { findProvider } from "@pydantic/genai-prices";
import type { MatchLogic, ModelInfo, ModelPrice } from "@pydantic/genai-prices";

const FILE = "worker/core/providers/catalogue.json";

/** Our adapters, and how the source calls who stands behind them. OpenRouter tells its prices itself (model discovery). */
const SOURCES = {
  openai: "openai",
  anthropic: "anthropic",
  azure: "azure",
  bedrock: "aws",
  cohere: "cohere",
  deepseek: "deepseek",
  gemini: "google",
  groq: "groq",
  mistral: "mistral",
  together: "together",
  "workers-ai": "cloudflare",
  xai: "x-ai",
} as const;

/**
 * `=` equals, `^` begins with, `*` contains, `$` ends with. Of what must hold together only the simple parts are taken (the others
 * are exceptions): such rules are loose, and asked after all others.
 */
function rulesOf(match: MatchLogic, loose: boolean): string[] {
  const logic = match as Record<string, unknown>;
  if (Array.isArray(logic["or"])) return (logic["or"] as MatchLogic[]).flatMap((each) => rulesOf(each, loose));
  if (Array.isArray(logic["and"])) {
    return loose ? (logic["and"] as MatchLogic[]).flatMap((each) => rulesOf(each, false)).slice(0, 1) : [];
  }
  if (loose) return [];
  const marks = { equals: "=", starts_with: "^", contains: "*", ends_with: "$" } as const;
  return Object.entries(marks).flatMap(([name, mark]) => {
    const word = logic[name];
    return typeof word === "string" ? [mark + word.toLowerCase()] : [];
  });
}

function pricesOf(prices: ModelInfo["prices"]): ModelPrice {
  if (!Array.isArray(prices)) return prices;
  const today = new Date().toISOString().slice(0, 10);
  const begun = prices.filter(({ constraint }) => {
    const start = (constraint as { start_date?: string } | undefined)?.start_date;
    return constraint === undefined || (start !== undefined && start <= today);
  });
  return begun.at(-1)?.prices ?? prices[0]?.prices ?? {};
}

const FIELDS = ["input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok"] as const;

type Price =
  | number
  | { readonly base: number; readonly tiers: readonly { readonly start: number; readonly price: number }[] };

/** Four prices, then, where a long prompt costs more, from how many tokens on and four more; null where none is said. */
function numbersOf(price: ModelPrice): (number | null)[] {
  const said = FIELDS.map((field) => price[field] as Price | undefined);
  const base = said.map((one) => (one === undefined ? null : typeof one === "number" ? one : one.base));
  const start = said
    .flatMap((one) => (typeof one === "object" ? one.tiers.map((tier) => tier.start) : []))
    .sort((a, b) => a - b)[0];
  if (start === undefined) return trimmed(base);
  const high = said.map((one, index) =>
    typeof one === "object"
      ? (one.tiers.find((tier) => tier.start === start)?.price ?? base[index] ?? null)
      : (base[index] ?? null),
  );
  return [...base, start, ...high];
}

function trimmed(numbers: (number | null)[]): (number | null)[] {
  while (numbers.length > 2 && numbers.at(-1) === null) numbers.pop();
  return numbers;
}

const models = Object.fromEntries(
  Object.entries(SOURCES).map(([adapter, source]) => {
    const listed = findProvider({ providerId: source })?.models ?? [];
    const rows = [false, true].flatMap((loose) =>
      listed.flatMap((model) => {
        const numbers = numbersOf(pricesOf(model.prices));
        const rules = rulesOf(model.match, loose);
        if (rules.length === 0 || numbers[0] === null || numbers[1] === null) return [];
        return [[rules, model.context_window ?? 0, numbers]];
      }),
    );
    return [adapter, rows];
  }),
);

const source = JSON.parse(readFileSync("node_modules/@pydantic/genai-prices/package.json", "utf8")) as {
  version: string;
};
const lines = Object.entries(models).map(
  ([adapter, rows]) =>
    `    ${JSON.stringify(adapter)}: [\n${rows.map((row) => `      ${JSON.stringify(row)}`).join(",\n")}\n    ]`,
);
const head = `  "source": "@pydantic/genai-prices ${source.version}",\n  "license": "MIT",\n  "unit": "US dollars per million tokens",\n`;
writeFileSync(FILE, `{\n${head}  "models": {\n${lines.join(",\n")}\n  }\n}\n`);
process.stdout.write(`${FILE}: ${Object.values(models).flat().length} models of ${source.version}\n`);
