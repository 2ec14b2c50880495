import { describe, expect, it } from "vitest";
import { busyTicks, cpuMicros, Neighbours, ownTicks, residentBytes } from "../../../scripts/bench/processes.ts";

describe("/proc", () => {
  it("busy time is that of programs and what was stolen, without interrupts", () => {
    const stat = "cpu  100 2 30 9000 500 6 7 80 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
    expect(busyTicks(stat)).toBe(100 + 2 + 30 + 80);
  });

  it("a process's time is read behind its name, whatever that holds", () => {
    const stat = "42 (a) (b c) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 9 0 1 2 3";
    expect(ownTicks(stat)).toBe(175);
  });

  it("a process that is gone has no figures", () => {
    const pid = 2 ** 22 + 1;
    expect(cpuMicros(pid)).toBeUndefined();
    expect(residentBytes(pid)).toBeUndefined();
  });
});

describe.runIf(process.platform === "linux")("on Linux", () => {
  const work = (): void => {
    // By its own time, which a busy machine gives in small pieces.
    const began = process.cpuUsage();
    while (process.cpuUsage(began).user < 60_000);
  };

  it("CPU time rises with work and memory is there", () => {
    const before = cpuMicros(process.pid)!;
    work();
    expect(cpuMicros(process.pid)! - before).toBeGreaterThan(10_000);
    expect(residentBytes(process.pid)).toBeGreaterThan(10_000_000);
  });

  it("a share is never negative, and our own work is no disturbance of its own", () => {
    const neighbours = new Neighbours([]);
    neighbours.begin();
    work();
    expect(neighbours.share()).toBeGreaterThanOrEqual(0);
  });
});
