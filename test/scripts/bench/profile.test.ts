import { describe, expect, it } from "vitest";
import { selfTimes, sourceLines } from "../../../scripts/bench/profile.ts";
import type { CpuProfile } from "../../../scripts/bench/profile.ts";
import { activeMs } from "../../../scripts/bench/startup.ts";

const bundle = `var a = 1;
// worker/core/http/path.ts
function scanPath() {}
  // not/a/file
// node_modules/hono/dist/hono.js
function fetch() {}
`;

const frame = (functionName: string, url: string, lineNumber: number) => ({ functionName, url, lineNumber });
const profile: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame("(idle)", "", -1) },
    { id: 2, callFrame: frame("scanPath", "worker.js", 2) },
    { id: 3, callFrame: frame("", "worker.js", 5) },
    { id: 4, callFrame: frame("fetch", "", -1) },
    // The same function, called from elsewhere.
    { id: 5, callFrame: frame("scanPath", "worker.js", 2) },
  ],
  samples: [1, 2, 3, 4, 5, 9],
  timeDeltas: [1000, 200, 100, 500, 200, 77],
  startTime: 0,
  endTime: 2077,
};

describe("sourceLines", () => {
  it("finds the file of a line by the bundler's comments", () => {
    const fileOf = sourceLines(bundle);
    expect([0, 1, 2, 3, 4, 5].map(fileOf)).toEqual([
      "",
      "worker/core/http/path.ts",
      "worker/core/http/path.ts",
      "worker/core/http/path.ts",
      "node_modules/hono/dist/hono.js",
      "node_modules/hono/dist/hono.js",
    ]);
  });
});

describe("selfTimes", () => {
  it("adds up by function and file, leaves idle time and unknown nodes out", () => {
    expect(selfTimes(profile, sourceLines(bundle))).toEqual([
      { name: "fetch", file: "", micros: 500, share: 0.5 },
      { name: "scanPath", file: "worker/core/http/path.ts", micros: 400, share: 0.4 },
      { name: "(anonymous, line 6)", file: "node_modules/hono/dist/hono.js", micros: 100, share: 0.1 },
    ]);
  });
});

describe("activeMs", () => {
  it("is all time but the idle", () => {
    expect(activeMs(profile)).toBeCloseTo(1.077);
  });
});
