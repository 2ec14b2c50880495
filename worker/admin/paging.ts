// Pages of lists: `?limit=&cursor=`, and in the answer `next`, the cursor of the page behind it, null on the last. What a cursor
// says is its list's own matter: a number of a store's row, or the name after which to go on. It stays good while rows come and go.
import { ok, refuse, type Result } from "../core/result/result.ts";
import type { Asked } from "./context.ts";
import { refusal } from "./refuse.ts";

const USUAL = 50;
const MOST = 200;
const LONGEST_CURSOR = 256;

interface Page {
  readonly limit: number;
  /** "" for the first page. */
  readonly cursor: string;
}

export function page(c: Asked): Result<Page, Response> {
  const { limit: asked, cursor = "" } = c.req.query();
  const limit = asked === undefined ? USUAL : /^\d{1,3}$/.test(asked) ? Number(asked) : 0;
  if (limit < 1 || limit > MOST) return refuse(wrong(c, "limit", `must be 1 to ${MOST}`));
  return cursor.length > LONGEST_CURSOR
    ? refuse(wrong(c, "cursor", "must be a `next` of this list"))
    : ok({ limit, cursor });
}

/** Of a list whose rows are numbered, newest first: those below `before`. */
export function numberedPage(c: Asked): Result<{ readonly before: number; readonly limit: number }, Response> {
  const asked = page(c);
  if (!asked.ok) return asked;
  const { limit, cursor } = asked.value;
  if (cursor === "") return ok({ limit, before: Number.MAX_SAFE_INTEGER });
  if (!/^\d{1,15}$/.test(cursor)) return refuse(wrong(c, "cursor", "must be a `next` of this list"));
  return ok({ limit, before: Number(cursor) });
}

/** A parameter of the query that cannot be meant. */
export const wrong = (c: Asked, path: string, message: string): Response =>
  refusal(c, { code: "bad_request", errors: [{ path, message }] });

/** `next` of a page that a store has cut. */
export function nextOf<Row>(rows: readonly Row[], limit: number, numberOf: (row: Row) => number): string | null {
  const last = rows.at(-1);
  return last !== undefined && rows.length === limit ? String(numberOf(last)) : null;
}

/** A page of a whole list, sorted by a key that no two share; `newest` first for numbers that rise with time. */
export function cut<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  { limit, cursor }: Page,
  order: "rising" | "falling" = "rising",
): { items: Item[]; next: string | null } {
  const sign = order === "rising" ? 1 : -1;
  const compare = (a: string, b: string): number => (a === b ? 0 : a < b ? -sign : sign);
  const behind = items
    .map((item) => ({ item, key: keyOf(item) }))
    .filter(({ key }) => cursor === "" || compare(key, cursor) > 0)
    .toSorted((a, b) => compare(a.key, b.key));
  const shown = behind.slice(0, limit);
  return { items: shown.map(({ item }) => item), next: behind.length > limit ? shown.at(-1)!.key : null };
}

/** Sorts as text as it sorts as a number; `id` tells two of the same moment apart. */
export const timedKey = (at: number, id: string): string => `${String(at).padStart(15, "0")}-${id}`;
