// The report as a person reads it.
import Table from "cli-table3";
import { styleText } from "node:util";
import { perThousand, type CallsReport } from "./calls.ts";
import type { OwnCost } from "./own.ts";
import type { SelfTime } from "./profile.ts";
import type { Spread, Summary } from "./rounds.ts";
import type { Measured, Report } from "./run.ts";

const NONE = "-";
const whole = (value: number): string => Math.round(value).toLocaleString("en-GB");
const ms = (value: number | undefined): string => (value === undefined ? NONE : value.toFixed(value < 10 ? 2 : 1));
const megabytes = (bytes: number | undefined): string => (bytes === undefined ? NONE : (bytes / 1e6).toFixed(0));
const kilobytes = (bytes: number): string => (bytes / 1024).toFixed(1);
/** `0.93 (0.91-0.95)`: the median of the rounds, and how far they went. */
const ratio = (spread: Spread | undefined): string =>
  spread === undefined ? NONE : `${spread.median.toFixed(3)} (${spread.low.toFixed(2)}-${spread.high.toFixed(2)})`;

const plain = { head: [], border: [] };
/** No line between rows. */
const open = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };

/** Left-aligned first column, numbers to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const out = new Table({
    head: [...head],
    style: plain,
    chars: open,
    colAligns: head.map((_, column) => (column === 0 ? "left" : "right")),
  });
  for (const row of rows) out.push([...row]);
  return out.toString();
}

export function reportText(report: Report): string {
  const { machine, settings } = report;
  const parts = [
    styleText("bold", `Sluice benchmark, ${report.at}, commit ${report.commit}`),
    `${machine["processor"]}, ${machine["processors"]} processors, ${machine["memoryGiB"]} GiB, ${machine["system"]}`,
    `raw workerd ${machine["workerd"]} (workerd serve), Node ${machine["node"]}; ${machine["pinning"]}; upstream ${machine["upstream"]}`,
  ];
  for (const measured of report.measured) parts.push("", ...measuredText(measured, settings.rate));
  parts.push("", styleText("bold", "Memory of the workerd process, MB"), memoryTable(report));
  const { startup, size } = report;
  if (startup !== undefined) {
    const wrangler =
      startup.wranglerActiveMs === undefined
        ? ""
        : `; wrangler check startup: ${ms(startup.wranglerActiveMs)} ms active`;
    parts.push(
      "",
      `Startup CPU, launch to first answer: ${ms(startup.overEmptyMs)} ms over an empty Worker's ${ms(startup.emptyMs)} ms (median of ${startup.starts})${wrangler}`,
    );
  }
  if (size !== undefined) {
    const largest = size.libraries.slice(0, 12).map(({ library, bytes }) => `${library} ${kilobytes(bytes)}`);
    parts.push(
      `Bundle: ${kilobytes(size.bytes)} KiB, gzip ${kilobytes(size.gzipBytes)} KiB. By library, before it is minified: ${largest.join(", ")}`,
    );
  }
  if (report.kvReads !== undefined && report.gatewayRequests > 0) {
    const perThousand = (report.kvReads / report.gatewayRequests) * 1000;
    parts.push(
      `KV reads of the gateway: ${report.kvReads} in ${whole(report.gatewayRequests)} requests (${perThousand.toFixed(3)} per thousand)`,
    );
  }
  return parts.join("\n");
}

function measuredText(measured: Measured, rate: number): string[] {
  const { summaries, roundsUsed, roundsDisturbed, calm } = measured;
  const disturbed = roundsDisturbed === 0 ? "" : `, ${roundsDisturbed} disturbed by other programs`;
  const lines = [
    styleText("bold", `${measured.kind}, at saturation: ${roundsUsed} rounds used${disturbed}`),
    table(
      ["", "requests/s", "CPU µs", "p50 ms", "p99 ms", "of floor", "of bare", "of map", "of gateway", "CPU of floor"],
      summaries.map((summary) => [
        summary.worker,
        whole(summary.perSecond.median),
        summary.cpuMicros === undefined ? NONE : summary.cpuMicros.calm.toFixed(0),
        ms(summary.p50Ms),
        ms(summary.p99Ms),
        ratio(summary.of["floor"]),
        ratio(summary.of["bare"]),
        ratio(summary.of["map"]),
        ratio(summary.of["gateway"]),
        summary.cpuOf["floor"]?.toFixed(3) ?? NONE,
      ]),
    ),
  ];
  if (!calm) {
    lines.push(
      styleText(
        "yellow",
        "The machine did not become calm: the least disturbed rounds were used, take the figures with care.",
      ),
    );
  }
  if (summaries.some(({ steady }) => steady !== undefined)) {
    const floor = summaries.find(({ worker }) => worker === "floor")?.steady;
    lines.push(
      styleText(
        "bold",
        `${measured.kind}, at a constant ${rate} requests/s (open loop, from when each was due; median of the rounds)`,
      ),
      table(
        ["", "p50 ms", "p90 ms", "p99 ms", "p99 of floor", "requests"],
        summaries.map((summary) => steadyRow(summary, floor?.p99Ms)),
      ),
    );
  }
  return lines;
}

function steadyRow({ worker, steady }: Summary, floorP99Ms: number | undefined): string[] {
  if (steady === undefined) return [worker, NONE, NONE, NONE, NONE, NONE];
  const ofFloor = floorP99Ms === undefined ? NONE : (steady.p99Ms / floorP99Ms).toFixed(2);
  return [worker, ms(steady.p50Ms), ms(steady.p90Ms), ms(steady.p99Ms), ofFloor, whole(steady.requests)];
}

function memoryTable(report: Report): string {
  return table(
    ["", "idle", "after the load"],
    Object.entries(report.memory).map(([name, { idleBytes, afterBytes }]) => [
      name,
      megabytes(idleBytes),
      megabytes(afterBytes),
    ]),
  );
}

/** `cpuMicros` is what a request cost while the profile ran, from the process: samples count waiting for a processor too. */
export function profileText(times: readonly SelfTime[], cpuMicros: number | undefined, rows: number): string {
  return table(
    ["function", "self", "µs/request", "file"],
    times
      .slice(0, rows)
      .map(({ name, file, share }) => [
        name,
        `${(share * 100).toFixed(1)} %`,
        cpuMicros === undefined ? NONE : (share * cpuMicros).toFixed(2),
        file || "(native)",
      ]),
  );
}

/** Beside the first of them. */
export function ownText(costs: readonly OwnCost[]): string {
  const first = costs[0]?.micros.median ?? 0;
  const rows = costs.map(({ worker, micros: { median, low, high } }) => [
    worker,
    median.toFixed(1),
    (median - first).toFixed(1),
    `${low.toFixed(1)}-${high.toFixed(1)}`,
  ]);
  return [
    styleText(
      "bold",
      "Own code, µs of CPU a request, fetch replaced (fastest twentieth of the loops, median of five processes)",
    ),
    table(["", "µs", `over ${costs[0]?.worker ?? ""}`, "processes"], rows),
  ].join("\n");
}

/** Calls by who makes them, those of the isolate first. */
export function callsText(reports: readonly CallsReport[]): string {
  const inWords = ({ services, callers }: CallsReport): string =>
    `${services} service${services === 1 ? "" : "s"}${callers > 0 ? `, ${callers} limited` : ""}`;
  const head = ["", ...reports.map(inWords)];
  const isCall = (what: string): boolean => !what.startsWith("KV.") && what !== "alarm" && what !== "rows";
  const sums = [
    { name: "isolates to objects", fits: (who: string, what: string) => who === "isolate" && isCall(what) },
    { name: "objects to objects", fits: (who: string, what: string) => who !== "isolate" && isCall(what) },
    { name: "alarms of objects", fits: (_: string, what: string) => what === "alarm" },
    { name: "rows written", fits: (_: string, what: string) => what === "rows" },
    { name: "KV reads", fits: (_: string, what: string) => what.startsWith("KV.get") || what === "KV.list" },
    { name: "KV writes", fits: (_: string, what: string) => what === "KV.put" || what === "KV.delete" },
  ];
  const names = [...new Set(reports.flatMap(({ calls }) => calls.map(({ who, what }) => `${who} ${what}`)))].sort();
  const rows = [
    ...sums.map(({ name, fits }) => [name, ...reports.map((report) => perThousand(report, fits).toFixed(2))]),
    ...names.map((name) => [
      `  ${name}`,
      ...reports.map((report) => perThousand(report, (who, what) => `${who} ${what}` === name).toFixed(2)),
    ]),
  ];
  const rates = reports.map(({ perSecond, requests }) => `${whole(requests)} requests at ${perSecond.toFixed(0)}/s`);
  return [styleText("bold", `Calls per thousand requests (${rates.join("; ")})`), table(head, rows)].join("\n");
}
