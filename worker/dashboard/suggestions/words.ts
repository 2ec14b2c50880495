// Suggestions in words: what each kind changes, and what its effect is measured by.
import type { EffectMeasure, SuggestionKind } from "../../core/protocol/suggestions.ts";
import { bytes, dollars, duration, rate, share } from "../format.ts";

export const KIND: Readonly<Record<SuggestionKind, string>> = {
  cache_rule: "Cache what repeats itself",
  instance_weight: "Send less to a slow instance",
  region_spill: "Hand over to the next region earlier",
  headers_timeout: "Fit the deadline to the answers",
  breaker_slow: "Stop taking healthy answers for slow ones",
  retries: "Stop tries that never help",
  mix: "Weigh instances differently",
  lifetime: "Keep entries as long as they hold",
};

const MEASURE: Readonly<Record<EffectMeasure, readonly [less: string, more: string]>> = {
  mean_ms: ["less time to answer", "more time to answer"],
  error_rate: ["fewer errors", "more errors"],
  hit_ratio: ["more answered by the cache", "less answered by the cache"],
  attempts: ["fewer attempts", "more attempts"],
  worth: ["more worth an answer", "less worth an answer"],
  staleness: ["nearer to the staleness that is aimed at", "further from the staleness that is aimed at"],
};

/** "12.5 % less time to answer"; what is negative has made it worse. */
export function effectInWords(measure: EffectMeasure, effect: number): string {
  const [better, worse] = MEASURE[measure];
  return `${share(Math.abs(effect))} ${effect < 0 ? worse : better}`;
}

const PER_HOUR = /PerHour$/;
const UNIT = /(Ms|Seconds|Bytes|Ratio|Share|Dollars)?$/;

/** A name without its unit, as words: `savedMsPerHour` is "Saved an hour". */
export function figureName(name: string): string {
  const stem = name.replace(PER_HOUR, "").replace(/(Ms|Seconds)$/, "");
  const words = stem.replaceAll(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1) + (PER_HOUR.test(name) ? " an hour" : "");
}

/** A figure in the unit that ends its name. */
export function figureValue(name: string, value: number): string {
  switch (UNIT.exec(name.replace(PER_HOUR, ""))?.[1]) {
    case "Ms":
      return duration(value);
    case "Seconds":
      return duration(value * 1_000);
    case "Bytes":
      return bytes(value);
    case "Ratio":
    case "Share":
      return share(value);
    case "Dollars":
      return dollars(value);
    default:
      return rate(value);
  }
}
