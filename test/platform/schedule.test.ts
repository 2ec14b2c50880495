import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Schedule } from "../../worker/platform/schedule.ts";

const NOW = 1_700_000_000_000;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});

function stand() {
  const alarms: number[] = [];
  const storage = { setAlarm: async (at: number) => void alarms.push(at) };
  const schedule = new Schedule(storage as unknown as DurableObjectStorage, ["a", "b"]);
  /** The first alarm after a start does everything; these tests begin after it. */
  const warm = async () => {
    await schedule.take(NOW);
    alarms.length = 0;
  };
  return { schedule, alarms, warm };
}

it("sets one alarm, for what is due first", async () => {
  const { schedule, alarms, warm } = stand();
  await warm();
  await schedule.at("a", NOW + 5_000);
  await schedule.at("b", NOW + 9_000);
  await schedule.at("b", NOW + 2_000);
  expect(alarms).toEqual([NOW + 5_000, NOW + 2_000]);
  expect(await schedule.take(NOW + 2_000)).toEqual(["b"]);
  expect(alarms.at(-1)).toBe(NOW + 5_000);
  expect(await schedule.take(NOW + 5_000)).toEqual(["a"]);
  expect(schedule.when("a")).toBeUndefined();
});

it("by a time means then or sooner", async () => {
  const { schedule, alarms, warm } = stand();
  await warm();
  await schedule.by("a", NOW + 5_000);
  await schedule.by("a", NOW + 9_000);
  expect(schedule.when("a")).toBe(NOW + 5_000);
  await schedule.by("a", NOW + 1_000.2);
  expect(schedule.when("a")).toBe(NOW + 1_001);
  expect(alarms).toEqual([NOW + 5_000, NOW + 1_001]);
});

it("does everything at the first alarm after its memory was lost", async () => {
  const { schedule } = stand();
  await schedule.at("a", NOW + 60_000);
  expect(await schedule.take(NOW)).toEqual(["a", "b"]);
  expect(await schedule.take(NOW + 60_000)).toEqual([]);
});

it("sets an alarm anew that should have rung long ago", async () => {
  const { schedule, alarms, warm } = stand();
  await warm();
  await schedule.at("a", NOW);
  vi.setSystemTime(NOW + 29_000);
  await schedule.by("a", NOW + 29_000);
  expect(alarms).toEqual([NOW]);
  vi.setSystemTime(NOW + 31_000);
  await schedule.by("a", NOW + 31_000);
  expect(alarms).toEqual([NOW, NOW]);
});
