// Secondary keys (RFC 9111 §4.1): which of a key's variants a request may have. Fields that `Vary` nominates are compared after
// a normalisation that keeps their meaning: white space around list members, and for the fields that negotiate content the
// order that their weights give anyway. A field that was absent matches only where it is absent.
import { hash32 } from "../stats/hash.ts";
import type { EntryMeta, Nominated } from "./entry.ts";

/** The one field of a request that a matcher asks for; `Headers` fits. */
export interface RequestSource {
  get(name: string): string | null;
}

/** More nominated fields than any sane answer has. */
const MOST_NOMINATED = 32;

const NONE: readonly string[] = [];

/** Lower-case names that `Vary` nominates; "*" when any member on any line is one (§4.1: never matches). */
export function nominatedBy(vary: string | null): readonly string[] | "*" {
  if (vary === null) return NONE;
  const names = new Set<string>();
  for (const member of vary.split(",")) {
    const name = member.trim().toLowerCase();
    if (name === "*") return "*";
    if (name !== "") names.add(name);
  }
  return names.size > MOST_NOMINATED ? "*" : [...names].sort();
}

export const nominate = (names: readonly string[], request: RequestSource): readonly Nominated[] =>
  names.map((name) => [name, normalised(name, request.get(name))]);

/** Of an entry: unique for what it was selected by, as far as a hash is; selection compares the values themselves. */
export function variantName(vary: readonly Nominated[]): string {
  if (vary.length === 0) return "";
  const words = JSON.stringify(vary);
  return hash32(words).toString(16).padStart(8, "0") + hash32(`${words}#`).toString(16).padStart(8, "0");
}

/** By weight: their order in the field says nothing (RFC 9110 §12.5). */
const NEGOTIATES = new Set(["accept", "accept-encoding", "accept-language", "accept-charset"]);

/** What was normalised before: clients send few values of a field, again and again. Nothing but the speed depends on it. */
const known = new Map<string, Map<string, string>>();
const MOST_NAMES = 32;
const MOST_VALUES = 128;
const LONGEST_KNOWN = 200;

export function normalised(name: string, value: string | null): string | null {
  if (value === null) return null;
  if (value.length > LONGEST_KNOWN) return meaningOf(name, value);
  let values = known.get(name);
  const before = values?.get(value);
  if (before !== undefined) return before;
  const meant = meaningOf(name, value);
  if (values === undefined) {
    if (known.size >= MOST_NAMES) known.clear();
    values = new Map();
    known.set(name, values);
  } else if (values.size >= MOST_VALUES) values.clear();
  values.set(value, meant);
  return meant;
}

function meaningOf(name: string, value: string): string {
  if (NEGOTIATES.has(name)) {
    return weigh(name === "accept" ? value : value.toLowerCase())
      .map(([member, weight]) => (weight === 1 ? member : `${member};q=${weight}`))
      .join(",");
  }
  if (!value.includes(",")) return value.trim();
  return splitList(value).join(",");
}

/** Members with their weights, the heaviest first, equals by name. */
function weigh(value: string): [member: string, weight: number][] {
  return splitList(value)
    .map((member): [string, number] => {
      const [range, ...parameters] = member.split(";").map((part) => part.trim());
      let weight = 1;
      const others: string[] = [];
      for (const parameter of parameters) {
        const quality = /^q=([0-9.]+)$/i.exec(parameter);
        if (quality === null) others.push(parameter);
        else weight = Number(quality[1]);
      }
      return [[range, ...others].join(";"), Number.isFinite(weight) ? weight : 0];
    })
    .sort(([a, weightA], [b, weightB]) => weightB - weightA || (a < b ? -1 : a > b ? 1 : 0));
}

/** Members of a list, without the white space around them; commas in quoted strings part nothing. */
function splitList(value: string): string[] {
  const members: string[] = [];
  let from = 0;
  let quoted = false;
  for (let at = 0; at <= value.length; at++) {
    const char = value[at];
    if (quoted && char === "\\") at++;
    else if (char === '"') quoted = !quoted;
    else if (at >= value.length || (char === "," && !quoted)) {
      const member = value.slice(from, at).trim();
      if (member !== "") members.push(member);
      from = at + 1;
    }
  }
  return members;
}

/** Whether a variant was selected by what this request has. */
export function matches(meta: EntryMeta, request: RequestSource): boolean {
  const { vary } = meta;
  for (let n = 0; n < vary.length; n++) {
    const [name, value] = vary[n]!;
    const sent = request.get(name);
    if (sent === value) continue;
    if (sent === null || value === null) return false;
    if (normalised(name, sent) !== value && !(name === "accept-language" && speaks(meta, sent))) return false;
  }
  return true;
}

/** Whether the answer is in the one language that the request likes best: then the origin would choose it too. */
function speaks(meta: EntryMeta, acceptLanguage: string): boolean {
  const language = meta.headers
    .find(([name]) => name === "content-language")?.[1]
    .trim()
    .toLowerCase();
  if (language === undefined || language.includes(",")) return false;
  const [best, second] = weigh(acceptLanguage.toLowerCase());
  return best !== undefined && best[0] === language && (second === undefined || second[1] < best[1]);
}

/**
 * The variant a request may have: of several the one with the newest Date (§4.1). Undefined when none matches.
 */
export function select<E extends { readonly meta: EntryMeta }>(
  entries: readonly E[],
  request: RequestSource,
): E | undefined {
  let selected: E | undefined;
  for (let n = 0; n < entries.length; n++) {
    const entry = entries[n]!;
    if (entry.meta.range !== undefined) continue;
    if (selected !== undefined && entry.meta.dateAt <= selected.meta.dateAt) continue;
    if (matches(entry.meta, request)) selected = entry;
  }
  return selected;
}
