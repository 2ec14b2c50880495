// A list that is read page by page, newest first: its first page again and again, what lies behind it when somebody asks. What was read
// once stays in its place while newer entries come in above it.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get, Problem } from "./api.ts";
import { useResource } from "./resource.ts";

interface PageOf<T> {
  readonly items: readonly T[];
  /** Of the page behind it; null on the last. */
  readonly next: number | string | null;
}

export interface PagedList<T, Page extends PageOf<T>> {
  /** Undefined until the first answer. */
  readonly items: readonly T[] | undefined;
  /** The newest first page, whole. */
  readonly first: Page | undefined;
  readonly at: number;
  readonly problem: Problem | undefined;
  readonly hasMore: boolean;
  readonly more: () => Promise<void>;
  readonly reload: () => void;
}

/** `path` without a query. */
export function usePagedList<T, Page extends PageOf<T> = PageOf<T>>(
  path: string,
  keyOf: (item: T) => string,
  { limit = 50, everyMs = 0 }: { readonly limit?: number; readonly everyMs?: number } = {},
): PagedList<T, Page> {
  const query = `${path}?limit=${limit}`;
  const { value: first, at, problem, reload } = useResource<Page>(query, everyMs);
  const [items, setItems] = useState<readonly T[] | undefined>(undefined);
  /** Undefined while only the first page was read: then it is that page's. */
  const [next, setNext] = useState<PageOf<T>["next"] | undefined>(undefined);
  const [moreProblem, setMoreProblem] = useState<Problem | undefined>(undefined);
  const busy = useRef(false);
  useEffect(() => {
    if (first === undefined) return;
    setItems((known = []) => {
      const fresh = new Set(first.items.map(keyOf));
      return [...first.items, ...known.filter((item) => !fresh.has(keyOf(item)))];
    });
  }, [first]);
  const cursor = next === undefined ? (first?.next ?? null) : next;
  const more = useCallback(async (): Promise<void> => {
    if (cursor === null || busy.current) return;
    busy.current = true;
    try {
      const page = await get<Page>(`${query}&cursor=${encodeURIComponent(cursor)}`);
      setItems((known = []) => {
        const before = new Set(known.map(keyOf));
        return [...known, ...page.items.filter((item) => !before.has(keyOf(item)))];
      });
      setNext(page.next);
      setMoreProblem(undefined);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setMoreProblem(error);
    } finally {
      busy.current = false;
    }
  }, [query, cursor]);
  return { items, first, at, problem: moreProblem ?? problem, hasMore: cursor !== null, more, reload };
}
