import { expect, test } from "vitest";
import { Presence } from "../../../worker/core/cache/presence.ts";
import { sha256Hex } from "../../../worker/core/stats/sha256.ts";

const hashes = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, n) => sha256Hex(`key ${from + n}`, 16));

test("what was told is never denied, and of what was not less than one in a hundred is maybe", () => {
  const presence = new Presence();
  const told = hashes(0, 20_000);
  for (const hash of told) presence.add(hash);
  expect(told.every((hash) => presence.mayHold(hash))).toBe(true);
  const wrong = hashes(1_000_000, 5_000).filter((hash) => presence.mayHold(hash)).length;
  expect(wrong).toBeLessThan(50);
  expect(new Presence().mayHold(told[0]!)).toBe(false);
});

test("telling again is no news", () => {
  const presence = new Presence();
  const [hash] = hashes(0, 1);
  expect(presence.add(hash!)).toBe(true);
  expect(presence.add(hash!)).toBe(false);
  expect(presence.count).toBe(1);
});

test("what another one knows is taken in; anything else is refused", () => {
  const [a, b] = [new Presence(), new Presence()];
  a.add(hashes(0, 1)[0]!);
  b.add(hashes(1, 1)[0]!);
  expect(b.merge(a.encode())).toBe(true);
  expect(hashes(0, 2).every((hash) => b.mayHold(hash))).toBe(true);
  expect(b.merge(new Uint8Array(12))).toBe(false);
  expect(b.merge(new Uint8Array(a.encode().byteLength))).toBe(false);
});
