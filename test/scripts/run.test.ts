// The bootstrap on a checkout of its own, in a folder with a space in its name, with an npm that only notes how it was
// called: what it installs is the business of npm, when and how is ours.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const bootstrap = fileURLToPath(new URL("../../scripts/run.mjs", import.meta.url));

/** Notes its arguments, waits a moment, and leaves a `node_modules` with a Node in it; or fails, when FAIL says so. */
const NPM = `
const { appendFileSync, mkdirSync, rmSync, symlinkSync } = require("node:fs");
appendFileSync("npm.log", process.argv.slice(2).join(" ") + "\\n");
if (process.env.FAIL) { console.error("npm error EUNREACHABLE"); process.exit(9); }
setTimeout(() => {
  rmSync("node_modules", { recursive: true, force: true });
  mkdirSync("node_modules/.bin", { recursive: true });
  symlinkSync(process.execPath, "node_modules/.bin/node");
}, 300);
`;

const TOOL = `
const args: string[] = process.argv.slice(2);
if (args[0] === "wait") {
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => { console.log(signal); process.exit(7); });
  setInterval(() => undefined, 1000);
  console.log("up");
} else {
  console.log(JSON.stringify({ args, cwd: process.cwd(), from: process.env["INIT_CWD"] }));
  process.exitCode = Number(args[0] ?? 0);
}
`;

let checkout: string;
const at = (...names: string[]): string => path.join(checkout, ...names);

beforeEach(() => {
  checkout = path.join(mkdtempSync(path.join(os.tmpdir(), "sluice-run-")), "a checkout");
  mkdirSync(at("scripts"), { recursive: true });
  cpSync(bootstrap, at("scripts", "run.mjs"));
  writeFileSync(at("package.json"), '{"type": "module"}');
  writeLock("1.0.0");
  writeFileSync(at("scripts", "tool.ts"), TOOL);
  writeFileSync(at("npm-cli.cjs"), NPM);
});
afterEach(() => rmSync(path.dirname(checkout), { recursive: true, force: true }));

const writeLock = (version: string): void =>
  writeFileSync(
    at("package-lock.json"),
    JSON.stringify({ packages: { "": {}, "node_modules/one": { version, integrity: version } } }),
  );

const environment = (more: Record<string, string> = {}): NodeJS.ProcessEnv => {
  const { INIT_CWD: _, ...own } = process.env;
  return { ...own, npm_execpath: at("npm-cli.cjs"), ...more };
};

async function run(args: readonly string[], more: Record<string, string> = {}, cwd = checkout) {
  const child = spawn(process.execPath, [at("scripts", "run.mjs"), ...args], { cwd, env: environment(more) });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk) => (out += String(chunk)));
  child.stderr.on("data", (chunk) => (err += String(chunk)));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out, err };
}

const installs = (): string[] =>
  existsSync(at("npm.log")) ? readFileSync(at("npm.log"), "utf8").trim().split("\n") : [];

describe("installing", () => {
  it("happens once, with what the tools need whatever the caller's NODE_ENV", async () => {
    const first = await run(["scripts/tool.ts"], { NODE_ENV: "production" });
    const second = await run(["scripts/tool.ts"]);
    expect(installs()).toEqual([
      "ci --ignore-scripts --no-audit --no-fund --loglevel=error --include=dev --include=optional",
    ]);
    expect(first.err).toMatch(/^sluice: installing .*\nsluice: dependencies installed in \d+ s\n$/);
    expect(second.err).toBe("");
  });

  it("happens again when the lockfile has changed", async () => {
    await run(["scripts/tool.ts"]);
    writeLock("1.0.1");
    await run(["scripts/tool.ts"]);
    expect(installs()).toHaveLength(2);
  });

  it("that failed shows why, starts nothing, and is tried again", async () => {
    const failed = await run(["scripts/tool.ts"], { FAIL: "1" });
    expect(failed).toMatchObject({ code: 9, out: "" });
    expect(failed.err).toContain("npm error EUNREACHABLE");
    expect(existsSync(at("node_modules", ".sluice-stamp"))).toBe(false);
    expect((await run(["scripts/tool.ts"])).code).toBe(0);
    expect(installs()).toHaveLength(2);
  });

  it("is done by one of two starts at once; the other waits", async () => {
    const both = await Promise.all([run(["scripts/tool.ts", "3"]), run(["scripts/tool.ts", "4"])]);
    expect(both.map(({ code }) => code)).toEqual([3, 4]);
    expect(installs()).toHaveLength(1);
    expect(both.map(({ err }) => err).join("")).toContain("waiting for it");
  });

  it("takes over the lock of one that died", async () => {
    mkdirSync(at(".wrangler"));
    writeFileSync(at(".wrangler", "install.lock"), "999999999");
    expect((await run(["scripts/tool.ts"])).code).toBe(0);
    expect(existsSync(at(".wrangler", "install.lock"))).toBe(false);
  });

  it.each([
    ["the same versions", "1.0.0", 0],
    ["another version", "1.0.1", 1],
  ])("is not needed where npm install was run by hand: %s", async (_, version, expected) => {
    mkdirSync(at("node_modules", ".bin"), { recursive: true });
    if (expected === 0) symlinkSync(process.execPath, at("node_modules", ".bin", "node"));
    const packages = { "node_modules/one": { version, integrity: version } };
    writeFileSync(at("node_modules", ".package-lock.json"), JSON.stringify({ packages }));
    expect((await run(["scripts/tool.ts"])).code).toBe(0);
    expect(installs()).toHaveLength(expected);
  });
});

describe("the tool", () => {
  it("gets its arguments as they are, runs in the checkout, and its exit code is ours", async () => {
    const { code, out } = await run(["scripts/tool.ts", "5", "two words", "*", ""], {}, os.tmpdir());
    expect(code).toBe(5);
    expect(JSON.parse(out)).toEqual({ args: ["5", "two words", "*", ""], cwd: checkout, from: os.tmpdir() });
  });

  it("may be a bin, and runs on the Node of the checkout", async () => {
    const { code, out } = await run(["node", "--print", "1 + 1"]);
    expect([code, out]).toEqual([0, "2\n"]);
  });

  it.each([
    [["scripts/none.ts"], "there is no"],
    [["nonesuch"], "there is no tool named nonesuch"],
    [[], "usage:"],
  ])("that is not there is told in one line: %j", async (args, words) => {
    await run(["scripts/tool.ts"]);
    const { code, err } = await run(args);
    expect(code).toBe(2);
    expect(err).toContain(words);
    expect(err.trim()).not.toContain("\n");
  });
});

describe("the end", () => {
  const start = async (command: string, args: string[], options: object = {}) => {
    await run(["scripts/tool.ts"]);
    const child = spawn(command, args, { cwd: checkout, env: environment(), ...options });
    await once(child.stdout, "data");
    return child;
  };

  it("a signal is passed on, and the tool's answer to it is ours", async () => {
    const child = await start(process.execPath, [at("scripts", "run.mjs"), "scripts/tool.ts", "wait"]);
    child.kill("SIGTERM");
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    const [code] = (await once(child, "exit")) as [number];
    expect([String(said), code]).toEqual(["SIGTERM\n", 7]);
  });

  const command = `"${process.execPath}" scripts/run.mjs scripts/tool.ts wait; true`;

  // npm runs its scripts in a shell, and that shell outlives it.
  it.each([
    ["parent", command, {}],
    ["npm", `/bin/sh -c '${command}'; true`, { npm_lifecycle_event: "start" }],
  ])("a killed %s takes the tool with it", async (_, line, more) => {
    const shell = await start("/bin/sh", ["-c", line], { env: environment(more) });
    shell.kill("SIGKILL");
    // The tool holds the pipe: it ends when nothing is left that could write to it.
    const [said] = (await once(shell.stdout, "data")) as [Buffer];
    await once(shell.stdout, "end");
    expect(String(said)).toBe("SIGTERM\n");
  });
});
