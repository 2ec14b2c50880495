// The soak's short form: one region and its objects in processes of their own, every kind of client, a storm over upstreams, objects, KV and
// Redis, the objects' process killed behind an acknowledged write, and every promise asked for afterwards. Counts and states only:
// deadlines get a minute's grace, for this runs where all processors are busy.
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, it } from "vitest";
import { runSoak } from "../../scripts/soak/run.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "sluice-soak-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("keeps every promise through a storm and a kill", async () => {
  const { history, roundsDone, bytesSearched, filesSearched } = await runSoak({
    seed: 3,
    regions: ["weur"],
    goesOn: (done) => done < 1,
    stormMs: 1_500,
    calmMs: 200,
    loops: 3,
    thinkMs: 40,
    graceMs: 60_000,
    counted: 20,
    folder,
    onProgress: () => undefined,
  });
  expect(history.violations).toEqual([]);
  // It was a soak: clients were answered, writes acknowledged, the process killed, and all of it looked for.
  expect(roundsDone).toBe(1);
  expect(history.sum("kills")).toBe(1);
  expect(history.sum("end: 2xx")).toBeGreaterThan(20);
  expect(history.sum("writes acknowledged")).toBeGreaterThan(2);
  expect(history.sum("audits")).toBe(1);
  expect(bytesSearched).toBeGreaterThan(100_000);
  expect(filesSearched).toBeGreaterThan(3);
}, 240_000);
