import { expect, it } from "vitest";
import { httpDate } from "../../../worker/core/http/date.ts";
import { parseRetryAfter, retryAfterSeconds } from "../../../worker/core/http/retry-after.ts";

const NOW = Date.UTC(2026, 10, 21);

it.each([
  ["2", null, 2000],
  ["0", null, 0],
  [" 30 ", null, 30_000],
  ["1.5", null, 1500],
  ["60", null, 60_000],
  ["61", null, 60_000],
  ["9".repeat(400), null, 60_000],
  [httpDate(NOW + 5000), null, 5000],
  [httpDate(NOW - 5000), null, 0],
  [httpDate(NOW + 86_400_000), null, 60_000],
  [null, "250", 250],
  ["7", "250.5", 250.5],
  ["7", "x", 7000],
  ["7", "", 7000],
  [undefined, "999999", 60_000],
  [null, null, undefined],
  ["", null, undefined],
  ["-1", null, undefined],
  ["+1", null, undefined],
  ["1e3", null, undefined],
  ["1.", null, undefined],
  [".5", null, undefined],
  ["1.2.3", null, undefined],
  ["soon", null, undefined],
  ["0x10", null, undefined],
])("Retry-After %s, retry-after-ms %s: %s ms", (seconds, ms, expected) => {
  expect(parseRetryAfter(seconds, ms, NOW)).toBe(expected);
});

it.each([
  [0, 1],
  [1, 1],
  [1000, 1],
  [1001, 2],
  [59_999, 60],
])("%i ms are %i seconds", (ms, seconds) => expect(retryAfterSeconds(ms)).toBe(seconds));
