import { expect, it } from "vitest";
import {
  contentLength,
  isFramingAmbiguous,
  MAX_HEADER_BYTES,
  MAX_URL_BYTES,
} from "../../../worker/core/http/limits.ts";

it("the limits lie below what must be refused (A41)", () => {
  expect(MAX_URL_BYTES).toBeLessThan(20_000);
  expect(MAX_HEADER_BYTES).toBeLessThan(70_000);
});

it.each([
  [null, undefined],
  [undefined, undefined],
  ["0", 0],
  ["3", 3],
  ["007", 7],
  ["3, 3", 3],
  ["3,3,3", 3],
  ["999999999999999", 999_999_999_999_999],
  ["9999999999999999", -1],
  ["", -1],
  ["3, 4", -1],
  ["3,", -1],
  ["+3", -1],
  ["-3", -1],
  ["3.0", -1],
  ["0x3", -1],
  ["3 3", -1],
  ["٣", -1],
])("Content-Length %s is %s", (value, expected) => expect(contentLength(value)).toBe(expected));

it.each([
  [undefined, undefined, false],
  ["3", undefined, false],
  [undefined, "chunked", false],
  ["3", "chunked", true],
  ["3", "identity", true],
  ["3, 4", undefined, true],
  ["x", undefined, true],
])("Content-Length %s with Transfer-Encoding %s is ambiguous: %s", (length, encoding, expected) => {
  expect(isFramingAmbiguous(length, encoding)).toBe(expected);
});
