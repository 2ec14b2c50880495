// Memory over time: one gateway at full load for minutes, under a large policy, by a thousand callers, for fifty thousand URLs, its resident
// memory read every few seconds. Law: what is bounded grows until it is full and then no more, so a run is judged after its first part.
import { bundleWorker } from "../bundle.ts";
import { commit } from "../commit.ts";
import { cpuMicros, residentBytes } from "./processes.ts";
import { Generator, startUpstream } from "./programs.ts";
import { machine } from "./run.ts";
import { scratchFolder, startWorkerd } from "./runtime.ts";
import { SPREAD } from "./traffic.ts";
import { endurancePolicy, gatewaySource } from "./workers.ts";

export interface Endurance {
  readonly at: string;
  readonly commit: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly minutes: number;
  readonly requests: number;
  readonly perSecond: number;
  /** CPU a request, µs. */
  readonly cpuMicros: number | undefined;
  readonly series: readonly { readonly seconds: number; readonly bytes: number }[];
  readonly verdict: Flatness;
}

export interface Flatness {
  /** Of what follows the first part of the run. */
  readonly leastBytes: number;
  readonly mostBytes: number;
  readonly flat: boolean;
}

/** Until then caches and tables fill. */
const FILLING_SHARE = 0.3;
const ALLOWED_BYTES = 32 * 2 ** 20;
const SLICE_MS = 5_000;

export async function measureEndurance(minutes: number, say: (text: string) => void): Promise<Endurance> {
  const measuredCommit = commit("scripts/bench");
  const scratch = scratchFolder();
  const upstream = await startUpstream();
  const generator = new Generator();
  try {
    const source = await gatewaySource("endurance", endurancePolicy(upstream.origin), () => bundleWorker());
    const runtime = await startWorkerd(source, scratch);
    try {
      const series: { seconds: number; bytes: number }[] = [];
      const began = performance.now();
      const before = cpuMicros(runtime.pid);
      let requests = 0;
      const elapsed = (): number => (performance.now() - began) / 1_000;
      while (elapsed() < minutes * 60) {
        const load = await generator.run({ loop: "closed", port: runtime.port, kind: "spread-1k", ms: SLICE_MS });
        requests += load.requests;
        const bytes = residentBytes(runtime.pid);
        if (bytes === undefined) throw new Error("the memory of a process cannot be read here");
        series.push({ seconds: elapsed(), bytes });
        say(`${Math.round(elapsed())} s: ${requests} requests, ${(bytes / 2 ** 20).toFixed(0)} MiB`);
      }
      const after = cpuMicros(runtime.pid);
      return {
        at: new Date().toISOString(),
        commit: measuredCommit,
        machine: machine(),
        minutes,
        requests,
        perSecond: requests / elapsed(),
        cpuMicros: before === undefined || after === undefined ? undefined : (after - before) / requests,
        series,
        verdict: flatnessOf(series),
      };
    } finally {
      await runtime.stop();
    }
  } finally {
    await Promise.all([generator.stop(), upstream.stop()]);
  }
}

/** ±32 MiB around the middle of what it held, once it was full. */
export function flatnessOf(series: Endurance["series"]): Flatness {
  const last = series.at(-1)?.seconds ?? 0;
  const judged = series.filter(({ seconds }) => seconds >= last * FILLING_SHARE).map(({ bytes }) => bytes);
  const [leastBytes, mostBytes] = [Math.min(...judged), Math.max(...judged)];
  return { leastBytes, mostBytes, flat: mostBytes - leastBytes <= 2 * ALLOWED_BYTES };
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

export function enduranceText({ minutes, requests, perSecond, cpuMicros: cpu, verdict, series }: Endurance): string {
  const { urls, services, routes, identities } = SPREAD;
  const count = (value: number): string => value.toLocaleString("en-GB");
  return [
    `${minutes} min at full load: ${count(requests)} requests, ${count(Math.round(perSecond))} a second${cpu === undefined ? "" : `, ${cpu.toFixed(0)} µs of CPU each`}`,
    `${count(urls)} URLs, ${count(services)} services, ${count(routes)} routes, ${count(identities)} identities`,
    `memory: ${mebibytes(series[0]?.bytes ?? 0)} after ${Math.round(series[0]?.seconds ?? 0)} s, from ${mebibytes(verdict.leastBytes)} to ${mebibytes(verdict.mostBytes)} after the first ${FILLING_SHARE * 100} %: ${verdict.flat ? "flat (±32 MiB)" : "NOT flat (±32 MiB)"}`,
  ].join("\n");
}
