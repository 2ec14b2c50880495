import { gunzipSync, gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { bundleSize } from "../../../scripts/bench/size.ts";

const bundle = [
  "var helpers = 1;",
  "// node_modules/hono/dist/hono.js",
  "const hono = 'four';",
  "// node_modules/@upstash/redis/nodejs.mjs",
  "const redis = 1;",
  "// worker/core/http/path.ts",
  "// a comment about a/b.ts, no file",
  "// durable-objects/control.ts",
  "// worker/index.ts",
].join("\n");

it("every byte belongs to one library", () => {
  const { bytes, gzipBytes, libraries } = bundleSize(bundle, bundle);
  expect(bytes).toBe(bundle.length);
  expect(gunzipSync(gzipSync(bundle, { level: 9 })).length).toBe(bytes);
  expect(gzipBytes).toBeLessThan(bytes);
  // Each line counts with its end, also the last one, which has none.
  expect(libraries.reduce((sum, library) => sum + library.bytes, 0)).toBe(bytes + 1);
  expect(libraries.map(({ library }) => library).toSorted()).toEqual([
    "@upstash/redis",
    "bundler",
    "hono",
    "sluice/core",
    "sluice/durable-objects",
    "sluice/worker",
  ]);
});
