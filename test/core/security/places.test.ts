import { expect, it } from "vitest";
import { hold, type HeldPlaces } from "../../../worker/core/security/places.ts";

const NOW = 1_000_000;
const ask = (before: HeldPlaces, isolate: string, places: number, now = NOW, most = 3) =>
  hold(before, { isolate, places, most, lifeMs: 1_000 }, now);

it("gives no more places than there are, whoever asks", () => {
  const [first, one] = ask({}, "a", 2);
  const [second, other] = ask(first, "b", 2);
  expect([one.places, other.places]).toEqual([2, 1]);
  expect(ask(second, "c", 1)[1].places).toBe(0);
});

it("says the same when it is told the same twice", () => {
  const [first] = ask({}, "a", 2);
  expect(ask(first, "a", 2)).toEqual(ask({}, "a", 2));
});

it("takes places back when fewer are wanted, or when nothing was said for their time", () => {
  const [held] = ask({}, "a", 3);
  const [fewer] = ask(held, "a", 1);
  expect(ask(fewer, "b", 3)[1].places).toBe(2);
  expect(ask(held, "b", 3, NOW + 1_000)[1].places).toBe(3);
  expect(ask(held, "a", 0)[0]).toEqual({});
});

it("takes none from a request under way when the limit is lowered", () => {
  const [held] = ask({}, "a", 3);
  expect(ask(held, "a", 3, NOW, 1)[1].places).toBe(3);
  expect(ask(held, "a", 4, NOW, 1)[1].places).toBe(3);
});
