// What a cold start costs. Two measures: CPU of a fresh workerd from its launch to its first answer, against one that
// runs an empty Worker with the same bindings (so the runtime's own start cancels out); and the profile of `wrangler check startup`, which sees
// the script's evaluation alone, in a few coarse samples.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { root } from "../bundle.ts";
import { cpuMicros } from "./processes.ts";
import type { CpuProfile } from "./profile.ts";
import { median } from "./rounds.ts";
import { startWorkerd } from "./runtime.ts";
import type { WorkerSource } from "./runtime.ts";

export interface Startup {
  /** CPU over the empty Worker's, ms; undefined where CPU cannot be measured. */
  readonly overEmptyMs: number | undefined;
  readonly emptyMs: number | undefined;
  readonly starts: number;
  /** Active time in wrangler's profile, ms; undefined when it could not be taken. */
  readonly wranglerActiveMs: number | undefined;
}

async function startCpuMs(source: WorkerSource, path_: string, scratch: string): Promise<number | undefined> {
  const runtime = await startWorkerd(source, mkdtempSync(path.join(scratch, "start-")));
  try {
    await (await fetch(`http://127.0.0.1:${runtime.port}${path_}`)).text();
    const micros = cpuMicros(runtime.pid);
    return micros === undefined ? undefined : micros / 1000;
  } finally {
    await runtime.stop();
  }
}

/** Starts both by turns, so that what slows the machine slows both. */
export async function measureStartup(
  gateway: WorkerSource,
  empty: WorkerSource,
  starts: number,
  scratch: string,
): Promise<Startup> {
  const over: number[] = [];
  const base: number[] = [];
  for (let turn = 0; turn < starts; turn++) {
    const emptyMs = await startCpuMs(empty, "/", scratch);
    const gatewayMs = await startCpuMs(gateway, "/_sluice/health", scratch);
    if (emptyMs === undefined || gatewayMs === undefined) continue;
    base.push(emptyMs);
    over.push(gatewayMs - emptyMs);
  }
  return {
    overEmptyMs: over.length === 0 ? undefined : median(over),
    emptyMs: base.length === 0 ? undefined : median(base),
    starts,
    wranglerActiveMs: await wranglerActiveMs(scratch),
  };
}

async function wranglerActiveMs(scratch: string): Promise<number | undefined> {
  const outfile = path.join(scratch, "startup.cpuprofile");
  const wrangler = path.join(root, "node_modules", ".bin", "wrangler");
  const child = spawn(wrangler, ["check", "startup", "--outfile", outfile], { cwd: root, stdio: "ignore" });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) return undefined;
  const profile = JSON.parse(readFileSync(outfile, "utf8")) as CpuProfile;
  rmSync(outfile);
  return activeMs(profile);
}

/** Time of a profile in which something ran, ms. */
export function activeMs(profile: CpuProfile): number {
  const idle = new Set(
    profile.nodes.filter(({ callFrame }) => callFrame.functionName === "(idle)").map(({ id }) => id),
  );
  let micros = 0;
  for (const [index, id] of profile.samples.entries()) if (!idle.has(id)) micros += profile.timeDeltas[index] ?? 0;
  return micros / 1000;
}
