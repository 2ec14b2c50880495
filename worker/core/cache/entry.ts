// A stored answer as every level keeps it: metadata as plain JSON, the body beside it. What is decided once, when the
// answer comes in (RFC 9111 §3, §4.2), is written here as numbers, so that a hit compares them and parses nothing. A key
// may have several entries, its variants (§4.1), told apart by the request fields that `Vary` nominated.
import type { TierName } from "./influence.ts";

/** Of the metadata below: a level ignores what was written in another format. */
export const ENTRY_FORMAT = 1;

/** A field that `Vary` nominated, lower-case, and the request's value, normalised; null when the request had none. */
export type Nominated = readonly [name: string, value: string | null];

export interface EntryMeta {
  readonly format: typeof ENTRY_FORMAT;
  /** The primary key (core/cache/key), here again so that a level that lies is found out. */
  readonly key: string;
  /** Unique under its key, bounded, safe in a KV key; "" when `Vary` nominates nothing. */
  readonly variant: string;
  readonly vary: readonly Nominated[];
  /** Method of the request it answered: a HEAD's entry has no body to answer a GET with. */
  readonly method: string;
  /** `scheme://authority/path?query` as the public sees it, for purges and analytics. */
  readonly url: string;
  /** Canonical path: what rules and patterns match. */
  readonly path: string;
  /** Label of the rule that shaped it, "" for none. */
  readonly rule: string;
  readonly tags: readonly string[];
  /** Levels it may lie in; undefined for those of the whole cache. */
  readonly tiers: readonly TierName[] | undefined;

  readonly status: number;
  readonly statusText: string;
  /** As received, less the fields of the hop; lower-case names, Set-Cookie once a line. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** "" for none. */
  readonly etag: string;
  readonly lastModified: string;

  /** Epoch ms: when it was asked for, and when its header section was here (§4.2.3 request_time, response_time). */
  readonly requestedAt: number;
  readonly receivedAt: number;
  /** The origin's Date, or the time of receipt where that is missing or none. */
  readonly dateAt: number;
  /** Epoch ms at which its age was 0: `now - bornAt` is its current age (§4.2.3). */
  readonly bornAt: number;
  /** Freshness lifetime (§4.2.1) from `bornAt`; 0 for an answer that must be validated first. */
  readonly lifetimeMs: number;
  /** Whose word that is. */
  readonly lifetimeFrom: "explicit" | "heuristic" | "rule" | "none";
  /** `no-cache`: never without validation, not even when the origin is gone (§5.2.2.4). */
  readonly mustValidate: boolean;
  /** `must-revalidate`, `proxy-revalidate`, `s-maxage`: never stale (§4.2.4). */
  readonly neverStale: boolean;
  /** RFC 5861 §3 and §4, past freshness; `errorMs` is -1 where nobody said anything. */
  readonly revalidateMs: number;
  readonly errorMs: number;

  /** Bytes of the body as stored, content codings kept; -1 while it still streams in. */
  readonly bodyBytes: number;
  /** A stored partial answer (§3.3): the bytes it holds of how many (-1: unknown). */
  readonly range: { readonly first: number; readonly last: number; readonly total: number } | undefined;
  /** Milliseconds that the origin took: what a hit saves. */
  readonly upstreamMs: number;
}

/** Whether `value` could be metadata of the entry `key`: what a level hands back is not trusted (JSON of any shape). */
export function isEntryMeta(value: unknown, key: string): value is EntryMeta {
  if (typeof value !== "object" || value === null) return false;
  const meta = value as Partial<Record<keyof EntryMeta, unknown>>;
  if (meta.format !== ENTRY_FORMAT || meta.key !== key) return false;
  for (const name of TEXTS) if (typeof meta[name] !== "string") return false;
  for (const name of NUMBERS) if (!Number.isFinite(meta[name])) return false;
  for (const name of FLAGS) if (typeof meta[name] !== "boolean") return false;
  const { status, headers, vary, tags } = meta;
  if ((status as number) < 200 || (status as number) > 599) return false;
  return arePairs(headers, false) && arePairs(vary, true) && areTexts(tags) && isRange(meta.range);
}

const TEXTS = [
  "variant",
  "method",
  "url",
  "path",
  "rule",
  "statusText",
  "etag",
  "lastModified",
  "lifetimeFrom",
] as const;
const NUMBERS = [
  "status",
  "requestedAt",
  "receivedAt",
  "dateAt",
  "bornAt",
  "lifetimeMs",
  "revalidateMs",
  "errorMs",
  "bodyBytes",
  "upstreamMs",
] as const;
const FLAGS = ["mustValidate", "neverStale"] as const;

const areTexts = (value: unknown): boolean => Array.isArray(value) && value.every((each) => typeof each === "string");

const arePairs = (value: unknown, orNull: boolean): boolean =>
  Array.isArray(value) &&
  value.every(
    (pair: unknown) =>
      Array.isArray(pair) &&
      pair.length === 2 &&
      typeof pair[0] === "string" &&
      (typeof pair[1] === "string" || (orNull && pair[1] === null)),
  );

function isRange(value: unknown): boolean {
  if (value === undefined) return true;
  if (typeof value !== "object" || value === null) return false;
  const { first, last, total } = value as Record<string, unknown>;
  return Number.isSafeInteger(first) && Number.isSafeInteger(last) && Number.isSafeInteger(total);
}
