// What is replayed: an access log in the Common Log Format (with the fields that "combined" adds, where they are there), or visitors made
// up from a seed. Both come down to the same: who asked for what, and when. Only GET counts, and only what was answered well.
import type { Chance } from "../../../worker/core/stats/chance.ts";

export interface LoggedRequest {
  readonly atMs: number;
  readonly client: string;
  readonly agent: string;
  readonly url: string;
  readonly bytes: number;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const LINE =
  /^(\S+) \S+ \S+ \[(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})\] "([A-Z]+) (\S+)[^"]*" (\d{3}) (\d+|-)(?: "[^"]*" "([^"]*)")?/;

/** Undefined for what is no such line, or says nothing of a cache. */
export function parseLogLine(line: string): LoggedRequest | undefined {
  const found = LINE.exec(line);
  if (found === null) return undefined;
  const [
    ,
    client,
    day,
    month,
    year,
    hour,
    minute,
    second,
    sign,
    zoneHour,
    zoneMinute,
    method,
    url,
    status,
    bytes,
    agent,
  ] = found;
  const at = Date.UTC(Number(year), MONTHS.indexOf(month!), Number(day), Number(hour), Number(minute), Number(second));
  const zoneMs = (Number(zoneHour) * 60 + Number(zoneMinute)) * 60_000 * (sign === "-" ? -1 : 1);
  if (method !== "GET" || (status !== "200" && status !== "304")) return undefined;
  return {
    atMs: at - zoneMs,
    client: client!,
    agent: agent ?? "",
    url: url!,
    bytes: bytes === "-" ? 0 : Number(bytes),
  };
}

/** In the order of time; what could not be read is counted. */
export function parseLog(text: string): { requests: LoggedRequest[]; skipped: number } {
  const requests: LoggedRequest[] = [];
  let skipped = 0;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const request = parseLogLine(line);
    if (request === undefined) skipped++;
    else requests.push(request);
  }
  return { requests: requests.sort((a, b) => a.atMs - b.atMs), skipped };
}

export interface Visitors {
  readonly sessions: number;
  readonly hours: number;
  /** Pages of the site, asked for first as Zipf has it. */
  readonly pages: number;
  /** Exponent: 0 is all alike, 1 is the web. */
  readonly skew: number;
  /** Share of steps that follow the page's usual way; the others go anywhere. */
  readonly habit: number;
}

/** Visitors that arrive as a Poisson process and walk from page to page, about eight of them, some ten seconds apart. */
export function visitors(options: Visitors, chance: Chance): LoggedRequest[] {
  const { sessions, hours, pages, skew, habit } = options;
  const pick = zipf(pages, skew, chance);
  // Where most go from a page: fixed for the site.
  const usual = Array.from({ length: pages }, () => pick());
  const sizes = Array.from({ length: pages }, () => Math.round(2_000 * Math.exp(1.2 * normal(chance))));
  const requests: LoggedRequest[] = [];
  const endMs = hours * 3_600_000;
  for (let session = 0; session < sessions; session++) {
    let atMs = chance() * endMs;
    let page = pick();
    const steps = 1 + Math.floor(-Math.log(1 - chance()) * 7);
    for (let step = 0; step < steps && atMs < endMs; step++) {
      requests.push({ atMs, client: `c${session}`, agent: "Mozilla/5.0", url: `/page/${page}`, bytes: sizes[page]! });
      atMs += 2_000 - Math.log(1 - chance()) * 8_000;
      page = chance() < habit ? usual[page]! : pick();
    }
  }
  return requests.sort((a, b) => a.atMs - b.atMs);
}

function zipf(count: number, skew: number, chance: Chance): () => number {
  const sums: number[] = [];
  let total = 0;
  for (let rank = 1; rank <= count; rank++) sums.push((total += 1 / rank ** skew));
  return () => {
    const drawn = chance() * total;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < drawn) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Box and Muller. */
const normal = (chance: Chance): number => Math.sqrt(-2 * Math.log(1 - chance())) * Math.cos(2 * Math.PI * chance());
