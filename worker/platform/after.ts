// A span of time as a promise, for whoever sets it and nobody else: its timer is of the request at hand, and what waits for
// it goes on there (share.ts).

/** Resolves after `ms`, to `value` where one is given. */
export function after(ms: number): Promise<undefined>;
export function after<T>(ms: number, value: T): Promise<T>;
export function after<T>(ms: number, value?: T): Promise<T | undefined> {
  return new Promise((resolve) => void setTimeout(resolve, ms, value));
}
