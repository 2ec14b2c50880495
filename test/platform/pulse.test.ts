import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Pulse } from "../../worker/platform/pulse.ts";

const NOW = 1_700_000_000_000;
beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});

function stand() {
  const worked: number[] = [];
  const held: Promise<unknown>[] = [];
  const pulse = new Pulse(
    { waitUntil: (work) => void held.push(work) },
    async () => void worked.push(Date.now() - NOW),
  );
  return { pulse, worked, held };
}

it("works once for all who ask, and holds the object until it has", () => {
  const { pulse, worked, held } = stand();
  for (let ask = 0; ask < 3; ask++) pulse.by(NOW + 1_000 + ask);
  vi.advanceTimersByTime(5_000);
  expect(worked).toEqual([1_000]);
  expect(held).toHaveLength(1);
});

it("works sooner when it is asked to, and then not again", () => {
  const { pulse, worked } = stand();
  pulse.by(NOW + 2_000);
  pulse.by(NOW + 500);
  vi.advanceTimersByTime(5_000);
  expect(worked).toEqual([500]);
});

it("works again when it is asked after it has worked", () => {
  const { pulse, worked } = stand();
  pulse.by(NOW);
  vi.advanceTimersByTime(100);
  pulse.by(NOW + 50);
  vi.advanceTimersByTime(100);
  expect(worked).toEqual([0, 100]);
});

it("sets a timer anew that should have rung long ago", () => {
  const { pulse, worked } = stand();
  pulse.by(NOW + 100);
  vi.clearAllTimers();
  vi.setSystemTime(NOW + 5_000);
  pulse.by(NOW + 6_000);
  vi.advanceTimersByTime(5_000);
  expect(worked).toEqual([]);
  vi.setSystemTime(NOW + 5_200);
  pulse.by(NOW + 6_000);
  vi.advanceTimersByTime(5_000);
  expect(worked).toEqual([6_000]);
});
