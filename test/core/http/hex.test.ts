import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bits32, Stock, writeHex, writeId } from "../../../worker/core/http/hex.ts";

const text = (codes: Uint8Array): string => String.fromCharCode(...codes);

it.each([
  [0, 0],
  [0.5, -2147483648],
  [0.25, 1073741824],
  [1 - 2 ** -53, -1],
])("chance of %d gives %i", (chance, bits) => expect(bits32(() => chance)).toBe(bits));

it("writes digits where it is told and nowhere else", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 8 }), (bits, count) => {
      const codes = new Uint8Array(12).fill(120);
      writeHex(codes, 2, count, () => (bits >>> 0) / 4294967296);
      const digits = (bits >>> 0).toString(16).padStart(8, "0").slice(0, count);
      expect(text(codes)).toBe(`xx${digits}${"x".repeat(10 - count)}`);
    }),
  );
});

it("an id is never all zero", () => {
  const codes = new Uint8Array(16);
  writeId(codes, 0, 16, () => 0);
  expect(text(codes)).toBe("0000000000000001");
});

describe("a stock", () => {
  const counting = () => {
    let made = 0;
    const stock = new Stock(3, (into, at, chance) => {
      made++;
      writeHex(into, at, 3, chance);
    });
    return { stock, made: () => made };
  };

  it("gives each of its texts once, and makes them many at a time", () => {
    const { stock, made } = counting();
    let turn = 0;
    const chance = (): number => (turn++ % 4096) / 4096;
    const taken = Array.from({ length: 200 }, () => stock.take(chance));
    expect(new Set(taken).size).toBe(200);
    expect(taken.every((each) => /^[0-9a-f]{3}$/.test(each))).toBe(true);
    expect(made()).toBe(256);
  });

  it("is made anew for another chance", () => {
    const { stock } = counting();
    expect(stock.take(() => 0)).toBe("000");
    expect(stock.take(() => 0.5)).toBe("800");
  });
});
