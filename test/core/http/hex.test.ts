import fc from "fast-check";
import { expect, it } from "vitest";
import { bits32, hex16, hex32 } from "../../../worker/core/http/hex.ts";

it("hex16 and hex32 are the low bits in digits", () => {
  fc.assert(
    fc.property(fc.integer(), (bits) => {
      expect(hex32(bits)).toBe((bits >>> 0).toString(16).padStart(8, "0"));
      expect(hex16(bits)).toBe((bits & 0xffff).toString(16).padStart(4, "0"));
    }),
  );
});

it.each([
  [0, 0],
  [0.5, -2147483648],
  [0.25, 1073741824],
  [1 - 2 ** -53, -1],
])("chance of %d gives %i", (chance, bits) => expect(bits32(() => chance)).toBe(bits));
