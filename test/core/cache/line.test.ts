import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeLine, parseLine, usefulUntil, type LineEntry } from "../../../worker/core/cache/line.ts";
import { entryMeta, NOW } from "../../support/entries.ts";

const body = (...bytes: number[]): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);
const LINE: LineEntry[] = [
  { meta: entryMeta({ key: "k", variant: "en", bodyBytes: 3 }), body: body(1, 2, 3) },
  { meta: entryMeta({ key: "k", variant: "fr", bodyBytes: 900_000 }), reference: "abc-1" },
  { meta: entryMeta({ key: "k", variant: "de", bodyBytes: 0 }), body: body() },
];

test("comes back as it was", () => {
  const bytes = encodeLine(LINE);
  expect(parseLine(bytes, "k")).toEqual(LINE);
  expect(parseLine(encodeLine([]), "k")).toEqual([]);
});

test("is no line of another key, nor cut, nor longer", () => {
  const bytes = encodeLine(LINE);
  expect(parseLine(bytes, "other")).toBeUndefined();
  for (let length = 0; length < bytes.byteLength; length++) {
    expect(parseLine(bytes.slice(0, length), "k")).toBeUndefined();
  }
  expect(parseLine(body(...bytes, 0), "k")).toBeUndefined();
});

test.each([
  ["nothing", ""],
  ["HTML", "<!doctype html><title>Sign in</title>"],
  ["JSON", '{"error":"internal"}'],
])("%s is no line", (_, text) => {
  expect(parseLine(new Uint8Array(new TextEncoder().encode(text)), "k")).toBeUndefined();
});

test("metadata of another length than its body is refused", () => {
  const lying: LineEntry[] = [{ meta: entryMeta({ key: "k", bodyBytes: 4 }), body: body(1) }];
  expect(parseLine(encodeLine(lying), "k")).toBeUndefined();
});

test("whatever a level says, reading it never throws", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(300), (noise, at) => {
      parseLine(new Uint8Array(noise), "k");
      const bytes = encodeLine(LINE);
      bytes.set(noise.slice(0, bytes.byteLength - Math.min(at, bytes.byteLength)), Math.min(at, bytes.byteLength));
      parseLine(bytes, "k");
    }),
  );
});

test.each([
  [{ lifetimeMs: 60_000 }, 60_000],
  [{ lifetimeMs: 60_000, revalidateMs: 5_000 }, 65_000],
  [{ lifetimeMs: 60_000, errorMs: 90_000, revalidateMs: 5_000 }, 150_000],
  [{ lifetimeMs: 60_000, etag: '"1"' }, 3_660_000],
  [{ lifetimeMs: 9e12 }, 30 * 86_400_000],
])("%j is of use for %i ms", (changes, ms) => {
  expect(usefulUntil(entryMeta(changes), NOW) - NOW).toBe(ms);
});
