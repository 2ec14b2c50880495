// The order in which test files begin names some of them. Law: each of them exists, or a renamed one would come last again, unnoticed.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { LONG_SCENARIOS } from "../support/longest-first.ts";

it.each(LONG_SCENARIOS)("%s is a scenario", (name) => {
  expect(existsSync(fileURLToPath(new URL(`../gateway/${name}.test.ts`, import.meta.url)))).toBe(true);
});
