import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256Hex } from "../../../worker/core/stats/sha256.ts";

test.each([
  ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ],
])("FIPS 180-4: %j", (words, hash) => {
  expect(sha256Hex(words)).toBe(hash);
});

test("equals another implementation for every length and every character", () => {
  for (let length = 0; length < 200; length++) {
    const words = "é".repeat(length);
    expect(sha256Hex(words)).toBe(createHash("sha256").update(words).digest("hex"));
  }
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (words) => {
      expect(sha256Hex(words)).toBe(createHash("sha256").update(words).digest("hex"));
    }),
  );
});

test("fewer digits are the first ones", () => {
  expect(sha256Hex("abc", 16)).toBe("ba7816bf8f01cfea");
});
