// What was purged, and whether an entry still stands. A purge is a numbered line in a ledger; its number is the moment it was
// said, and an entry that was asked for before is what it means, wherever and whenever it is read: nothing has to be searched
// or deleted, and a level that was away when the purge came obeys as well. Hard purges end an entry, soft ones make it stale.
import { canonicalPath } from "../http/path.ts";
import { matchGlob } from "../match/glob.ts";
import { keyedQuery, type QueryKey } from "./query.ts";

export type PurgeKind = "url" | "prefix" | "tag" | "pattern" | "all";

export interface Purge {
  readonly kind: PurgeKind;
  /** What is purged, in the form entries are compared with; "" for all. */
  readonly target: string;
  readonly soft: boolean;
}

/** A line of the ledger. */
export interface NumberedPurge {
  readonly number: number;
  readonly purge: Purge;
}

/** What purges look at of an entry. */
export interface Purgeable {
  readonly url: string;
  readonly path: string;
  readonly rule: string;
  readonly tags: readonly string[];
  readonly requestedAt: number;
}

export type PurgeVerdict = "stands" | "stale" | "gone";

export interface PurgeQuestion {
  readonly url?: string | undefined;
  readonly prefix?: string | undefined;
  readonly tag?: string | undefined;
  readonly pattern?: string | undefined;
  readonly all?: boolean | undefined;
  readonly soft?: boolean | undefined;
}

const LONGEST_TARGET = 2048;
const KINDS = ["url", "prefix", "tag", "pattern"] as const;

/** From what an operator asks for; or in words, what is wrong with it. Exactly one kind at a time. */
export function readPurge(asked: PurgeQuestion): Purge | string {
  const named = KINDS.filter((kind) => asked[kind] !== undefined);
  const count = named.length + (asked.all === true ? 1 : 0);
  if (count !== 1) return "must name exactly one of url, prefix, tag, pattern and all";
  const soft = asked.soft === true;
  const kind = named[0];
  if (kind === undefined) return { kind: "all", target: "", soft };
  const written = asked[kind]!;
  if (written === "" || written.length > LONGEST_TARGET) return `must have from 1 to ${LONGEST_TARGET} characters`;
  if (kind === "tag") return { kind, target: written, soft };
  if (kind === "pattern") return { kind, target: lowerHost(withoutScheme(written)), soft };
  const target = comparable(written);
  return target === undefined ? "must be a URL, or a path that begins with /" : { kind, target, soft };
}

/** The key of a purge in its ledger: a newer one of the same key says all that the older said. */
export const purgeKey = ({ kind, target, soft }: Purge): string => `${soft ? "soft" : "hard"} ${kind} ${target}`;

export const purgeText = (purge: Purge): string => JSON.stringify(purge);

/** What the ledger hands back; undefined for what is none (another version's, or damaged). */
export function parsePurge(text: string): Purge | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { kind, target, soft } = value as Partial<Record<keyof Purge, unknown>>;
  const known = kind === "all" || KINDS.some((each) => each === kind);
  if (!known || typeof target !== "string" || typeof soft !== "boolean") return undefined;
  return { kind: kind as PurgeKind, target, soft };
}

/** Purges in force, newest first, and the moment before which nothing stands (what the ledger no longer holds). */
export interface CompiledPurges {
  readonly newest: number;
  readonly floor: number;
  readonly lines: readonly NumberedPurge[];
}

export const NO_PURGES: CompiledPurges = { newest: 0, floor: 0, lines: [] };

export function compilePurges(lines: readonly NumberedPurge[], floor: number): CompiledPurges {
  const sorted = lines.toSorted((a, b) => b.number - a.number);
  return { newest: Math.max(floor, sorted[0]?.number ?? 0), floor, lines: sorted };
}

/**
 * Linear in the purges that are newer than the entry, none for most. `queryOf` tells how a rule keys queries: under a rule
 * that leaves parameters out, one entry is the answer to many URLs, and a purge of any of them means it.
 */
export function judgePurged(
  { newest, floor, lines }: CompiledPurges,
  entry: Purgeable,
  queryOf: (rule: string) => QueryKey | undefined,
): PurgeVerdict {
  const { requestedAt } = entry;
  if (requestedAt > newest) return "stands";
  if (requestedAt <= floor) return "gone";
  let verdict: PurgeVerdict = "stands";
  const query = entry.rule === "" ? undefined : queryOf(entry.rule);
  const url = comparable(entry.url) ?? entry.url;
  for (const { number, purge } of lines) {
    if (number < requestedAt) break;
    if (verdict === "stale" && purge.soft) continue;
    if (!means(purge, entry, url, query)) continue;
    if (!purge.soft) return "gone";
    verdict = "stale";
  }
  return verdict;
}

function means({ kind, target }: Purge, entry: Purgeable, url: string, query: QueryKey | undefined): boolean {
  switch (kind) {
    case "all":
      return true;
    case "tag":
      return entry.tags.includes(target);
    case "prefix":
      return fromHost(url, target).startsWith(target);
    case "pattern":
      return matchGlob(target, fromHost(url, target));
    case "url": {
      const own = fromHost(url, target);
      return own === target || (query !== undefined && keyedUrl(own, query) === keyedUrl(target, query));
    }
  }
}

/** A target that begins with / means every host. */
const fromHost = (url: string, target: string): string => (target.startsWith("/") ? url.slice(url.indexOf("/")) : url);

function keyedUrl(url: string, query: QueryKey): string {
  const mark = url.indexOf("?");
  return mark < 0 ? url : url.slice(0, mark) + keyedQuery(url.slice(mark), query);
}

/** `host/canonical path?query`, the host in lower case; undefined when it cannot be a URL. A scheme means nothing. */
export function comparable(written: string): string | undefined {
  const bare = withoutScheme(written);
  const hash = bare.indexOf("#");
  const whole = hash < 0 ? bare : bare.slice(0, hash);
  const mark = whole.indexOf("?");
  const before = mark < 0 ? whole : whole.slice(0, mark);
  const slash = before.indexOf("/");
  const host = slash < 0 ? before : before.slice(0, slash);
  const path = canonicalPath(slash < 0 ? "/" : before.slice(slash));
  if (!path.ok) return undefined;
  return host.toLowerCase() + path.value + (mark < 0 ? "" : whole.slice(mark));
}

const withoutScheme = (written: string): string => {
  const scheme = written.indexOf("://");
  return scheme > 0 && scheme < 8 ? written.slice(scheme + 3) : written;
};

function lowerHost(pattern: string): string {
  const slash = pattern.indexOf("/");
  return slash < 0 ? pattern : pattern.slice(0, slash).toLowerCase() + pattern.slice(slash);
}
