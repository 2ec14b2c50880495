// `npm test`: everything that must hold before a change is good, one line a step, cheapest first. The static steps run two
// at a time; the tests follow whatever they said, so that one run shows all that is wrong. Law: the last line alone is
// `N passed, N failed, N skipped`, static steps counted, and the exit code says the same; with CI=true a skip is a failure.
// `npm test -- FILTER` runs only the test files whose path contains FILTER (and passes flags such as `-t NAME` on).
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { styleText } from "node:util";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const bin = path.join(root, "node_modules", ".bin");
const scratch = mkdtempSync(path.join(os.tmpdir(), "sluice-check-"));
const strict = process.env["CI"] === "true";

interface Step {
  readonly name: string;
  readonly command: readonly [tool: string, ...args: string[]];
}

const staticSteps: readonly Step[] = [
  { name: "types of the Worker", command: ["tsc", "--noEmit", "-p", "."] },
  { name: "types of the dashboard", command: ["tsc", "--noEmit", "-p", "worker/dashboard"] },
  { name: "types of the scripts", command: ["tsc", "--noEmit", "-p", "scripts"] },
  { name: "types of the tests", command: ["tsc", "--noEmit", "-p", "test"] },
  { name: "types of the tests in workerd", command: ["tsc", "--noEmit", "-p", "test/tsconfig.workerd.json"] },
  { name: "lint", command: ["oxlint", "--type-aware"] },
  { name: "format", command: ["oxfmt", "--check"] },
  { name: "dead code", command: ["knip", "--no-progress"] },
  { name: "deploys (dry run)", command: ["wrangler", "deploy", "--dry-run", "--outdir", path.join(scratch, "dist")] },
];

interface Finished {
  readonly code: number;
  readonly output: string;
}

const children = new Set<ReturnType<typeof spawn>>();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    for (const child of children) child.kill(signal);
    process.exitCode = 1;
  });
}

/** Runs a tool of this checkout on the checkout's own Node. `show` lets it write to our terminal as it goes. */
function run([tool, ...args]: Step["command"], show: boolean): Promise<Finished> {
  return new Promise((resolve) => {
    const child = spawn(path.join(bin, tool), args, {
      cwd: root,
      stdio: ["ignore", show ? "inherit" : "pipe", show ? "inherit" : "pipe"],
      env: {
        ...process.env,
        PATH: bin + path.delimiter + (process.env["PATH"] ?? ""),
        WRANGLER_SEND_METRICS: "false",
        WRANGLER_SEND_ERROR_REPORTS: "false",
        WRANGLER_HIDE_BANNER: "true",
        WRANGLER_LOG_PATH: path.join(scratch, "logs"),
        CLOUDFLARE_CF_FETCH_ENABLED: "false",
      },
    });
    children.add(child);
    let output = "";
    const collect = (bytes: Buffer): void => void (output += bytes.toString());
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
    child.on("error", (error) => resolve({ code: 1, output: String(error) }));
    child.on("close", (code) => {
      children.delete(child);
      resolve({ code: code ?? 1, output });
    });
  });
}

const tally = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];

function tell(good: boolean, name: string, startedMs: number): void {
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1).padStart(6);
  console.log(`${good ? styleText("green", "✓") : styleText("red", "✗")} ${name.padEnd(36)} ${seconds} s`);
}

async function runStatic(step: Step): Promise<void> {
  const startedMs = performance.now();
  const { code, output } = await run(step.command, false);
  tell(code === 0, step.name, startedMs);
  if (code === 0) {
    tally.passed += 1;
    return;
  }
  tally.failed += 1;
  failures.push(`${step.name} (${step.command.join(" ")})`);
  console.log(`${output.trim()}\n`);
}

/** Two at a time: there are two cores where this must be quick, and no step needs another's result. */
async function runAllStatic(): Promise<void> {
  const waiting = [...staticSteps];
  const lane = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) await runStatic(step);
  };
  await Promise.all([lane(), lane()]);
}

/** What this file reads of vitest's JSON report. */
interface TestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

async function runTests(args: readonly string[]): Promise<void> {
  const reportPath = path.join(scratch, "tests.json");
  const startedMs = performance.now();
  const { code } = await run(
    [
      "vitest",
      "run",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${reportPath}`,
      "--silent=passed-only",
      ...args,
    ],
    true,
  );
  const before = tally.failed;
  if (existsSync(reportPath)) count(JSON.parse(readFileSync(reportPath, "utf8")) as TestReport);
  if (code !== 0 && tally.failed === before) {
    tally.failed += 1;
    failures.push("vitest ended with an error outside of the tests, see above");
  }
  tell(code === 0 && tally.failed === before, "tests", startedMs);
}

function count({ testResults }: TestReport): void {
  for (const { name, status, assertionResults } of testResults) {
    const file = path.relative(root, name);
    const failedHere = assertionResults.filter((result) => result.status === "failed");
    for (const { status: outcome, fullName } of assertionResults) {
      if (outcome === "passed") tally.passed += 1;
      else if (outcome === "failed") tally.failed += 1;
      else tally.skipped += 1;
      if (outcome === "failed") failures.push(`${file} > ${fullName}`);
      else if (outcome !== "passed") skips.push(`${file} > ${fullName}`);
    }
    // A file that could not be loaded has no tests to blame.
    if (status === "failed" && failedHere.length === 0) {
      tally.failed += 1;
      failures.push(file);
    }
  }
}
const skips: string[] = [];

const args = process.argv.slice(2);
try {
  if (args.length === 0) await runAllStatic();
  await runTests(args);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

if (skips.length > 0) console.log(`\nskipped:\n${skips.map((skip) => `  ${skip}`).join("\n")}`);
if (strict) {
  // Where everything can be installed, a test that did not run proves nothing.
  for (const skip of skips) failures.push(`${skip} (skipped, and CI=true)`);
  tally.failed += tally.skipped;
  tally.skipped = 0;
}
if (failures.length > 0)
  console.log(`\n${styleText("red", "failed:")}\n${failures.map((failure) => `  ${failure}`).join("\n")}`);
console.log(`\n${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`);
process.exitCode = tally.failed > 0 ? 1 : (process.exitCode ?? 0);
