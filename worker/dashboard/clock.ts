// The time, for what a page says of the past and the future: "12 s ago" ages while one looks at it.
import { useEffect, useState } from "preact/hooks";

/** Epoch ms, anew every `everyMs`. */
export function useNow(everyMs = 1_000): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
  return now;
}
