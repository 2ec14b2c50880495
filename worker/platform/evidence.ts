// What this isolate sees of kinds of requests, and of answers that repeat themselves: what suggestions are made of. Counted behind the
// answer's back, only where the policy wants suggestions; told every now and then with a report. Rows are of the policy's routes and
// instances and a handful of methods; what finds no room until the next telling is left out.
import type { Policy } from "../core/policy/schema.ts";
import type { Report } from "../core/protocol/reports.ts";
import type { KindRow, RepeatRow } from "../core/protocol/suggestions.ts";
import { clearSketch, flatten, record, sketch, type Sketch } from "../core/stats/sketch.ts";

const MOST_ROWS = 200;
const MOST_REPEATS = 200;
/** Answers looked at in a second, at the most. */
const REPEATS_A_SECOND = 40;
/** Told so many times between two analyses, though not oftener than every second and not more seldom than every half minute. */
const TOLD_AN_ANALYSIS = 10;
const OFTENEST_MS = 1_000;
const SELDOMEST_MS = 30_000;

const METHODS: ReadonlySet<string> = new Set(["GET", "POST", "PUT", "PATCH", "DELETE"]);
const OTHER = "other";

/** How a request turned out, as bits. */
export const FAILED = 1;
export const REFUSED = 2;
export const RETRIED = 4;
export const HUNG = 8;

interface Row extends Omit<KindRow, "times"> {
  readonly times: Sketch;
}

/** HEAD goes with GET. */
export const kindOfMethod = (method: string): string =>
  METHODS.has(method) ? method : method === "HEAD" ? "GET" : OTHER;

export class Evidence {
  /** By route, method, and instance within its service. */
  #rows = new Map<string, Map<string, Map<string, Row>>>();
  #count = 0;
  #repeats: RepeatRow[] = [];
  #toldAt = 0;
  #secondAt = 0;
  #inSecond = 0;

  /** One request that went forward; `instance` is "" where none was sent to, `upstreamMs` -1 where no answer came. */
  saw(route: string, method: string, service: string, instance: string, how: number, upstreamMs: number): void {
    const row = this.#row(route, method, service, instance);
    if (row === undefined) return;
    row.requests++;
    if (how !== 0) {
      if ((how & FAILED) !== 0) row.failed++;
      if ((how & REFUSED) !== 0) row.refused++;
      if ((how & HUNG) !== 0) row.hung++;
      if ((how & RETRIED) !== 0) {
        row.retried++;
        if ((how & FAILED) === 0) row.saved++;
      }
    }
    if (upstreamMs < 0) return;
    record(row.times, upstreamMs);
    row.busyMs += upstreamMs;
  }

  #row(route: string, method: string, service: string, instance: string): Row | undefined {
    const kind = kindOfMethod(method);
    let byMethod = this.#rows.get(route);
    if (byMethod === undefined) this.#rows.set(route, (byMethod = new Map()));
    let byInstance = byMethod.get(kind);
    if (byInstance === undefined) byMethod.set(kind, (byInstance = new Map()));
    const known = byInstance.get(instance);
    // Two services of a route may have instances of one name: the second one's are seldom, and left out.
    if (known !== undefined) return known.service === service ? known : undefined;
    if (this.#count >= MOST_ROWS) return undefined;
    this.#count++;
    const row = {
      ...{ route, method: kind, service, instance },
      ...{ requests: 0, failed: 0, refused: 0, retried: 0, saved: 0, hung: 0, busyMs: 0, times: sketch() },
    };
    byInstance.set(instance, row);
    return row;
  }

  /** Whether one more answer may be looked at: bounded a second, and until they are told. */
  mayLook(now: number): boolean {
    if (now - this.#secondAt >= 1_000) {
      this.#secondAt = now;
      this.#inSecond = 0;
    }
    return ++this.#inSecond <= REPEATS_A_SECOND && this.#repeats.length < MOST_REPEATS;
  }

  repeated(row: RepeatRow): void {
    if (this.#repeats.length < MOST_REPEATS) this.#repeats.push(row);
  }

  /** What there is to tell, when it is time to; it is told then. */
  drain({ suggestions }: Policy["telemetry"], now: number): Report["evidence"] {
    if (suggestions === false) return undefined;
    const everyMs = (suggestions.everySeconds * 1_000) / TOLD_AN_ANALYSIS;
    if (now - this.#toldAt < Math.min(SELDOMEST_MS, Math.max(OFTENEST_MS, everyMs)) - 100) return undefined;
    this.#toldAt = now;
    const kinds: KindRow[] = [];
    for (const byMethod of this.#rows.values()) {
      for (const byInstance of byMethod.values()) {
        for (const [instance, row] of byInstance) {
          // Silent since the last telling: its place is for others.
          if (row.requests === 0) {
            byInstance.delete(instance);
            this.#count--;
          } else kinds.push(told(row));
        }
      }
    }
    const repeats = this.#repeats;
    if (kinds.length + repeats.length === 0) return undefined;
    this.#repeats = [];
    return { kinds, repeats };
  }
}

/** As it is told, and begun anew. */
function told(row: Row): KindRow {
  const kind = { ...row, busyMs: Math.round(row.busyMs), times: flatten(row.times) };
  row.requests = row.failed = row.refused = row.retried = row.saved = row.hung = row.busyMs = 0;
  clearSketch(row.times);
  return kind;
}
