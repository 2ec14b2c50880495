// The simulation of scale: a region's isolates keep to the pace that the product tells them, and the page takes what was found.
import { describe, expect, it } from "vitest";
import { runScaleCommand } from "../../../scripts/simulate/scale/command.ts";
import { simulateRegion, type ScaleSettings } from "../../../scripts/simulate/scale/fleet.ts";
import { loadPlot, pageWith, tablesOf } from "../../../scripts/simulate/scale/page.ts";

const settings = (isolates: number, colos = 0): ScaleSettings => ({
  isolates,
  colos,
  services: 2,
  instances: 2,
  requestsPerSecond: 5,
  settleSeconds: 30,
  seconds: 15,
  seed: 1,
});

describe("a region", () => {
  it("hears each isolate once a second while they are few, and nobody asks for news", () => {
    const load = simulateRegion(settings(50));
    expect(load.reportsPerSecond).toBeGreaterThan(40);
    expect(load.reportsPerSecond).toBeLessThan(60);
    expect([load.newsPerSecond, load.intervalMs, load.knownIsolates]).toEqual([0, 1_000, 50]);
  });

  it("holds 200 reports a second when they are many", () => {
    const load = simulateRegion(settings(500));
    expect(load.intervalMs).toBe(2_500);
    expect(load.reportsPerSecond).toBeGreaterThan(170);
    expect(load.reportsPerSecond).toBeLessThan(230);
  });

  it("is asked once a colo where isolates tell each other", () => {
    const alone = simulateRegion(settings(1_100));
    const together = simulateRegion(settings(1_100, 3));
    expect(alone.newsPerSecond).toBeGreaterThan(60);
    expect(together.newsPerSecond).toBeLessThan(alone.newsPerSecond / 10);
    expect(together.sparedPerSecond).toBeGreaterThan(60);
  });

  it("is told the same by the same seed", () => {
    const { reportMicros: _a, beatMs: _b, ...once } = simulateRegion(settings(100));
    const { reportMicros: _c, beatMs: _d, ...again } = simulateRegion(settings(100));
    expect(again).toEqual(once);
  });
});

describe("the page", () => {
  const load = simulateRegion(settings(20));
  const rows = [1, 3].map((regions) => ({ isolates: 20 * regions, regions, services: 2, load }));

  it("says what is over the wall", () => {
    const over = [{ ...rows[0]!, load: { ...load, newsPerSecond: 2_000 } }];
    const asked = { colos: 3, services: 2, instances: 2, rate: 5 };
    expect(tablesOf(rows, asked)).not.toContain("over the wall");
    expect(tablesOf(over, asked)).toContain("over the wall");
    expect(loadPlot(rows)).toContain("3 regions");
  });

  it("takes tables between its marks, again and again", () => {
    const page = "a\n<!-- scale: begin -->\n<!-- scale: end -->\nb";
    const once = pageWith(page, "t");
    expect(pageWith(once, "t")).toBe(once);
    expect(() => pageWith("a", "t")).toThrow("no <!-- scale: begin -->");
  });
});

it("says what is wrong with its arguments", async () => {
  const said: string[] = [];
  const terminal = {
    out: () => undefined,
    err: (text: string) => void said.push(text),
    isInteractive: false,
    folder: ".",
  };
  expect(await runScaleCommand(["--isolates", "none"], terminal)).toBe(2);
  expect(said.join("\n")).toContain("whole number");
});
