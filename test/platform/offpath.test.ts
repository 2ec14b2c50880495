import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { OffPath, waitAtMost } from "../../worker/platform/offpath.ts";

const hang = () => new Promise<never>(() => {});
const fail = () => Promise.reject(new Error("internal error"));

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

async function after<T>(ms: number, promise: Promise<T>): Promise<T> {
  await vi.advanceTimersByTimeAsync(ms);
  return promise;
}

describe("a call off the path", () => {
  it("answers, or is refused after two seconds", async () => {
    const offPath = new OffPath("it");
    expect(await offPath.call(async () => 7)).toEqual({ ok: true, value: 7 });
    const late = await after(2_000, offPath.call(hang));
    expect(late).toMatchObject({ ok: false, error: { kind: "timeout" } });
    expect(offPath).toMatchObject({ calls: 2, timeouts: 1, failures: 0 });
  });

  it("is refused when it rejects, and when making it throws", async () => {
    const offPath = new OffPath("it");
    expect(await offPath.call(fail)).toMatchObject({ ok: false, error: { kind: "failed" } });
    const thrown = await offPath.call(() => {
      throw new TypeError("env.REGION is undefined");
    });
    expect(thrown).toMatchObject({ ok: false, error: { kind: "failed" } });
    expect(offPath).toMatchObject({ calls: 2, failures: 2 });
  });

  it("leaves no timer behind when it answers", async () => {
    await new OffPath("it").call(async () => 1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is not made for 5 s after five failures in a row, then 10 s, doubling up to 60 s", async () => {
    const offPath = new OffPath("it");
    for (let n = 0; n < 5; n++) {
      expect(offPath.restUntil).toBeLessThanOrEqual(Date.now());
      await offPath.call(fail);
    }
    const rests: number[] = [];
    for (let n = 0; n < 6; n++) {
      rests.push(offPath.restUntil - Date.now());
      expect(await offPath.call(async () => 1)).toMatchObject({ ok: false, error: { kind: "resting" } });
      await vi.advanceTimersByTimeAsync(offPath.restUntil - Date.now());
      await offPath.call(fail);
    }
    expect(rests).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
    expect(offPath.skipped).toBe(6);
  });

  it("rests for 5 s again after it has answered in between", async () => {
    const offPath = new OffPath("it");
    for (let n = 0; n < 5; n++) await offPath.call(fail);
    await vi.advanceTimersByTimeAsync(5_000);
    await offPath.call(async () => 1);
    for (let n = 0; n < 5; n++) await offPath.call(fail);
    expect(offPath.restUntil - Date.now()).toBe(5_000);
  });

  it("counts calls that fail together as one reason to rest", async () => {
    const offPath = new OffPath("it");
    await after(2_000, Promise.all(Array.from({ length: 50 }, () => offPath.call(hang))));
    expect(offPath.restUntil - Date.now()).toBe(5_000);
  });

  it("is made by one alone after a rest, until that one is answered or over", async () => {
    const offPath = new OffPath("it");
    for (let n = 0; n < 5; n++) await offPath.call(fail);
    await vi.advanceTimersByTimeAsync(5_000);
    const probe = offPath.call(hang);
    const others = await Promise.all(Array.from({ length: 20 }, () => offPath.call(async () => 1)));
    expect(others.every((other) => !other.ok && other.error.kind === "resting")).toBe(true);
    expect(await after(2_000, probe)).toMatchObject({ ok: false, error: { kind: "timeout" } });
    expect(offPath.restUntil - Date.now()).toBe(10_000);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await offPath.call(async () => 1)).toMatchObject({ ok: true });
    const together = await Promise.all([offPath.call(async () => 1), offPath.call(async () => 2)]);
    expect(together.every(({ ok }) => ok)).toBe(true);
  });

  it("never rests for an operator", async () => {
    const offPath = new OffPath("it", Date.now, Number.POSITIVE_INFINITY);
    for (let n = 0; n < 20; n++) await offPath.call(fail);
    expect(await offPath.call(async () => 1)).toMatchObject({ ok: true });
  });
});

describe("waiting for another request's promise", () => {
  it("ends with the promise, with its rejection, or on its own timer", async () => {
    expect(await waitAtMost(Promise.resolve(1), 100)).toBe("settled");
    expect(await waitAtMost(Promise.reject(new Error("x")), 100)).toBe("settled");
    expect(await after(100, waitAtMost(hang(), 100))).toBe("late");
    expect(vi.getTimerCount()).toBe(0);
  });
});
