// What a start says. Steps with their times go out as they end; the lines that are needed to use the playground come last
// and together, `ready <address>` alone on its line, for people and for scripts that wait for it.
import { styleText } from "node:util";
import type { Region } from "./regions.ts";

export class Report {
  readonly #quiet: boolean;

  constructor(quiet: boolean) {
    this.#quiet = quiet;
  }

  /** Runs a step and says what came of it and how long it took; `said` turns its result into words. */
  async step<T>(said: (result: T) => string, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    const result = await work();
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    if (!this.#quiet) process.stdout.write(`${styleText("dim", `${seconds.padStart(5)} s`)}  ${said(result)}\n`);
    return result;
  }

  /** What a Worker wrote; when quiet only what it wrote as a warning or an error. */
  log(who: string, level: string, message: string): void {
    const matters = level === "error" || level === "warn";
    if (matters) process.stderr.write(`${styleText("yellow", who)} ${message}\n`);
    else if (!this.#quiet) process.stdout.write(`${styleText("dim", who)} ${message}\n`);
  }

  /** One clear line, always. */
  problem(line: string): void {
    process.stderr.write(`sluice: ${line}\n`);
  }

  ready(regions: readonly Region[], adminToken: string, examples: readonly string[]): void {
    const [first] = regions;
    if (first === undefined) return;
    const lines = [
      "",
      `ready ${first.origin}`,
      "",
      ...regions.map(({ name, place, origin }) => row(name, origin, `${place.city} (${place.colo})`)),
      row("dashboard", `${first.origin}/_sluice/dashboard`),
      row("admin token", adminToken),
    ];
    if (!this.#quiet) {
      lines.push("", "worth trying:", ...examples.map((example) => `  ${styleText("cyan", example)}`));
      lines.push("", styleText("dim", "Ctrl-C ends everything."));
    }
    process.stdout.write(`${lines.join("\n")}\n\n`);
  }
}

const row = (what: string, value: string, beside = ""): string =>
  `  ${what.padEnd(12)} ${value}${beside === "" ? "" : `  ${styleText("dim", beside)}`}`;

const TALE = JSON.stringify({
  model: "tale",
  stream: true,
  messages: [{ role: "user", content: "How does a shutter work? !cut" }],
});

/** Commands that show something, for what the gateway stands in front of. */
export function examplesFor(kind: "demo" | "own" | "none", regions: readonly Region[], adminToken: string): string[] {
  const [first = "", other = first] = regions.map(({ origin }) => origin);
  const admin = `-H "Authorization: Bearer ${adminToken}" ${first}/_sluice/admin`;
  switch (kind) {
    case "demo":
      return [
        `curl -i ${first}/api/v1/users/7`,
        `curl -N ${other}/stream/clock`,
        // Quoted for a shell, and `!` at the end of no word of its: history would take it.
        `curl -N ${first}/v1/chat/completions -d '${TALE}'   # !cut, !stall, !429, …: see docs/streaming.md; ember steps in`,
        `curl -X POST ${first}/demo/users-1/dead   # then ask for users again; /demo/users-1/well brings it back`,
      ];
    case "own":
      return [`curl -i ${first}/`, `curl ${first}/_sluice/ready`, `curl ${admin}/policy`];
    case "none":
      return [
        `SLUICE_ADMIN_TOKEN=${adminToken} npm run policy -- push policy.json --url ${first}`,
        `curl ${first}/_sluice/ready`,
        `curl ${admin}/policy/history`,
      ];
  }
}
