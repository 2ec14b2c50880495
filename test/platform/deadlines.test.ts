import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Deadlines } from "../../worker/platform/deadlines.ts";

beforeEach(() => void vi.useFakeTimers({ now: 2_000_000_000_000 }));
afterEach(() => void vi.useRealTimers());

/** One request: what it holds open, and how its client leaves. */
class Request {
  readonly held: Promise<unknown>[] = [];
  readonly leaving = new AbortController();
  readonly background = { waitUntil: (promise: Promise<unknown>) => void this.held.push(promise) };
  lateAt: number | undefined = undefined;
  get client(): AbortSignal {
    return this.leaving.signal;
  }
  readonly late = (): void => void (this.lateAt = Date.now());
}

/** As who sends does it: watched where it may be, and else with a timer of its own. */
const start = (deadlines: Deadlines, ms: number) => {
  const request = new Request();
  const at = Date.now();
  const alone = (leftMs: number): void => void (leftMs < Infinity && setTimeout(request.late, leftMs));
  const wait = deadlines.wait(ms, at, request, { wake: () => alone(at + ms - Date.now()) });
  if (wait === undefined) alone(ms);
  return { request, wait, at };
};

it("one request in a second watches, and answers in time leave no timer but its own", async () => {
  const deadlines = new Deadlines();
  const requests = Array.from({ length: 100 }, () => start(deadlines, 30_000));
  expect(vi.getTimerCount()).toBe(1);
  expect(requests.map(({ request }) => request.held.length)).toEqual([1, ...Array.from({ length: 99 }, () => 0)]);
  for (const { wait } of requests) wait!.over();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(vi.getTimerCount()).toBe(0);
  await requests[0]!.request.held[0];
});

it.each([1, 999, 1_000, 1_001, 1_500, 2_000, 30_000])("a deadline of %i ms is met to the millisecond", async (ms) => {
  const deadlines = new Deadlines();
  start(deadlines, 60_000);
  await vi.advanceTimersByTimeAsync(400);
  const { request, at } = start(deadlines, ms);
  await vi.advanceTimersByTimeAsync(ms - 1);
  expect(request.lateAt).toBeUndefined();
  await vi.advanceTimersByTimeAsync(1);
  expect(request.lateAt).toBe(at + ms);
});

it("when the client of who watches leaves, it is let go at once, and the others are on their own", async () => {
  const deadlines = new Deadlines();
  const watching = start(deadlines, 30_000);
  const { request, at } = start(deadlines, 1_500);
  watching.request.leaving.abort();
  await watching.request.held[0];
  expect(start(deadlines, 30_000).request.held).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1_500);
  expect(request.lateAt === undefined ? undefined : request.lateAt - at).toBe(1_500);
});

it("when who watches is killed without a word, the next request watches in its place", async () => {
  const deadlines = new Deadlines();
  start(deadlines, 30_000);
  const { request } = start(deadlines, 3_000);
  vi.clearAllTimers();
  await vi.advanceTimersByTimeAsync(1_100);
  start(deadlines, 30_000);
  await vi.advanceTimersByTimeAsync(1_900);
  expect(request.lateAt).toBe(Date.now());
});

it("no deadline costs nothing, and what is over stays over", async () => {
  const deadlines = new Deadlines();
  expect(start(deadlines, Number.POSITIVE_INFINITY).wait).toBeUndefined();
  expect(vi.getTimerCount()).toBe(0);
  const waits = Array.from({ length: 3 }, () => start(deadlines, 2_000));
  waits[0]!.wait!.over();
  waits[0]!.wait!.over();
  waits[2]!.wait!.over();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(waits.map(({ request }) => request.lateAt !== undefined)).toEqual([false, true, false]);
});
