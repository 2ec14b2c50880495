// Places for requests under way, told to an object that is slow or away at times: none stays taken by a request that is over.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { HoldAnswer, HoldAsk } from "../../worker/core/protocol/limiter.ts";
import { hold, type HeldPlaces as Held } from "../../worker/core/security/places.ts";
import type { Caller } from "../../worker/core/security/counted.ts";
import type { Limit } from "../../worker/core/security/limits.ts";
import type { Env } from "../../worker/platform/env.ts";
import { LimiterLink } from "../../worker/platform/limiter-link.ts";
import { HeldPlaces, type HeldPlace } from "../../worker/platform/places-held.ts";

const LIMIT = { name: "single", by: "address", concurrent: 1, timeoutMs: 250 } as unknown as Limit;
const CALLER: Caller = {
  ...{ tenant: "", identity: "", key: "", address: "203.0.113.4", route: "r", model: "" },
  header: () => null,
};

let mood: "well" | "hangs" | "fails";
let held: Held;
const background = { waitUntil: () => undefined };

/** The object of all callers, with the real rule. */
const limiter = {
  hold: (ask: HoldAsk): Promise<HoldAnswer> => {
    if (mood === "hangs") return new Promise(() => undefined);
    if (mood === "fails") return Promise.reject(new Error("gone"));
    const [next, answer] = hold(held, ask, Date.now());
    held = next;
    return Promise.resolve(answer);
  },
};

const isolate = (name: string): HeldPlaces => {
  const env = { LIMITER: { getByName: () => limiter } } as unknown as Pick<Env, "LIMITER">;
  return new HeldPlaces(new LimiterLink(env, () => Date.now()), name, () => Date.now());
};

beforeEach(() => {
  vi.useFakeTimers();
  mood = "well";
  held = {};
});
afterEach(() => vi.useRealTimers());

async function enter(places: HeldPlaces): Promise<HeldPlace | "full" | "away"> {
  const entered = Promise.resolve(places.enter(LIMIT, CALLER, background));
  await vi.advanceTimersByTimeAsync(500);
  return entered;
}
const placeOf = (entered: HeldPlace | "full" | "away"): HeldPlace => {
  if (typeof entered === "string") throw new Error(`there is no place: ${entered}`);
  return entered;
};

test("a place is given back when its request is over", async () => {
  const [one, two] = [isolate("one"), isolate("two")];
  const place = placeOf(await enter(one));
  expect(await enter(two)).toBe("full");
  place.leave();
  await vi.advanceTimersByTimeAsync(300);
  expect(typeof (await enter(two))).toBe("object");
});

test("that all are taken is known for a moment, and not for longer than until one here is free", async () => {
  const [one, two] = [isolate("one"), isolate("two")];
  expect(one.isFull(LIMIT, CALLER)).toBe(false);
  const place = placeOf(await enter(one));
  const refused = Promise.resolve(one.enter(LIMIT, CALLER, background));
  await vi.advanceTimersByTimeAsync(10);
  expect(await refused).toBe("full");
  expect(one.isFull(LIMIT, CALLER)).toBe(true);
  expect(two.isFull(LIMIT, CALLER)).toBe(false);
  place.leave();
  expect(one.isFull(LIMIT, CALLER)).toBe(false);
});

test.each(["hangs", "fails"] as const)("also when the object %s just then", async (how) => {
  const [one, two] = [isolate("one"), isolate("two")];
  const place = placeOf(await enter(one));
  mood = how;
  place.leave();
  await vi.advanceTimersByTimeAsync(600);
  mood = "well";
  await vi.advanceTimersByTimeAsync(2_000);
  expect(held).toEqual({});
  expect(typeof (await enter(two))).toBe("object");
});

test("also when the object was away for so long that it was left alone", async () => {
  const one = isolate("one");
  const place = placeOf(await enter(one));
  mood = "fails";
  for (let n = 0; n < 5; n++) expect(await enter(one)).toBe("away");
  place.leave();
  await vi.advanceTimersByTimeAsync(4_000);
  mood = "well";
  await vi.advanceTimersByTimeAsync(15_000);
  expect(held).toEqual({});
});

test("also when a question was under way whose request the runtime has ended", async () => {
  const one = isolate("one");
  const place = placeOf(await enter(one));
  mood = "hangs";
  const movedAt = Date.now() + 40_000;
  vi.setSystemTime(movedAt);
  place.moved(); // asks, and is never answered: its timers went with its request
  vi.clearAllTimers();
  mood = "well";
  vi.setSystemTime(movedAt + 5_000);
  place.leave();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(held).toEqual({});
});
