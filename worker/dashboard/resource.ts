// Something of the admin API that a page shows: asked for at once, then again and again while anybody looks. What was last read stays
// while a newer answer is awaited or refused, with its age, so that a page never blinks and never passes old news off as new.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get, Problem } from "./api.ts";

export interface Resource<T> {
  /** Undefined until the first answer. */
  readonly value: T | undefined;
  /** When `value` was read, epoch ms; 0 for never. */
  readonly at: number;
  /** Why the newest question brought nothing. */
  readonly problem: Problem | undefined;
  /** Asks at once. */
  readonly reload: () => void;
}

/** `everyMs` 0: once. A `path` of undefined asks nothing. */
export function useResource<T>(path: string | undefined, everyMs = 0): Resource<T> {
  const [read, setRead] = useState<{ path: string | undefined; value: T | undefined; at: number }>({
    ...{ path, value: undefined, at: 0 },
  });
  const [problem, setProblem] = useState<Problem | undefined>(undefined);
  const again = useRef<() => void>(() => undefined);
  useEffect(() => {
    if (path === undefined) return undefined;
    const ending = new AbortController();
    let timer = 0;
    let asking = false;
    const ask = async (): Promise<void> => {
      if (asking) return;
      asking = true;
      window.clearTimeout(timer);
      try {
        const value = await get<T>(path, ending.signal);
        if (ending.signal.aborted) return;
        setRead({ path, value, at: Date.now() });
        setProblem(undefined);
      } catch (error) {
        if (ending.signal.aborted) return;
        if (!(error instanceof Problem)) throw error;
        setProblem(error);
      } finally {
        asking = false;
      }
      if (everyMs > 0 && document.visibilityState === "visible") timer = window.setTimeout(() => void ask(), everyMs);
    };
    // Nobody looks at a hidden page; it is asked anew when somebody does.
    const seen = (): void => {
      if (everyMs > 0 && document.visibilityState === "visible") void ask();
    };
    again.current = () => void ask();
    document.addEventListener("visibilitychange", seen);
    void ask();
    return () => {
      ending.abort();
      window.clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [path, everyMs]);
  const reload = useCallback(() => again.current(), []);
  const isOwn = read.path === path;
  return { value: isOwn ? read.value : undefined, at: isOwn ? read.at : 0, problem, reload };
}
