// The command line against a gateway: every command of its documentation as a process of its own, and every --json as the one JSON
// document it promises to be.
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runSluice } from "../../scripts/sluice/program.ts";
import { get } from "../support/client.ts";
import { service } from "../support/policies.ts";
import { ADMIN_TOKEN, startRig, type Rig } from "../support/rig.ts";
import { byPath, startUpstream, type Upstream } from "../support/upstream.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), "sluice-cli-"));
let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream(byPath({ "*": { body: "ok", headers: { "cache-control": "max-age=60" } } }));
  rig = await startRig({
    policy: {
      expose: true,
      services: { users: service("users", [upstream, upstream], { breaker: {} }) },
      routes: [{ match: { path: "/*" }, service: "users" }],
      security: { apiKeys: {} },
      chaos: { enabled: true },
      alerts: [{ name: "errors", when: "metrics.error_rate > 0.5" }],
    },
  });
  await get(rig.g1, "/api/v1/users/7");
  // `npm run -s sluice -- …` without npm's own second a command.
  mkdirSync(path.join(folder, "bin"));
  const stub = path.join(folder, "bin", "npm");
  writeFileSync(
    stub,
    `#!/bin/sh\nwhile [ "$1" != "--" ]; do shift; done; shift\nexec "${process.execPath}" "${path.join(root, "scripts", "sluice.ts")}" "$@"\n`,
  );
  chmodSync(stub, 0o755);
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Ran {
  code: number | null;
  out: string;
  err: string;
}

const environment = (): Record<string, string> => ({
  PATH: `${path.join(folder, "bin")}${path.delimiter}${process.env["PATH"] ?? ""}`,
  HOME: folder,
  SLUICE_URL: rig.g1,
  SLUICE_TOKEN: ADMIN_TOKEN,
  // What the first command has compiled the others find.
  NODE_COMPILE_CACHE: path.join(folder, "compiled"),
});

/** A block of the documentation, as a shell would run it: the first command that fails ends it. */
function shell(script: string): Promise<Ran> {
  const child = spawn("sh", ["-eu", "-c", script], { cwd: folder, env: environment() });
  const ran: Ran = { code: null, out: "", err: "" };
  child.stdout.on("data", (bytes: Buffer) => (ran.out += bytes.toString()));
  child.stderr.on("data", (bytes: Buffer) => (ran.err += bytes.toString()));
  return new Promise((resolve) => child.once("close", (code) => resolve({ ...ran, code })));
}

async function sluice(args: string, env: Record<string, string> = {}): Promise<Ran> {
  const said = { out: "", err: "" };
  const code = await runSluice(args.split(" "), {
    out: (line) => (said.out += `${line}\n`),
    err: (line) => (said.err += `${line}\n`),
    env: { ...environment(), ...env },
  });
  return { code, out: stripVTControlCharacters(said.out), err: stripVTControlCharacters(said.err) };
}

const blocksOf = (page: string): string[] =>
  [...readFileSync(path.join(root, "docs", page), "utf8").matchAll(/^```sh\n(.*?)^```$/gms)].map(
    ([, block = ""]) => block,
  );

describe.each(["cli.md", "admin-api.md"])("docs/%s", (page) => {
  it("every command in it runs", async () => {
    const blocks = blocksOf(page);
    expect(blocks.length).toBeGreaterThan(3);
    // An experiment is over when errors are as before, which only traffic shows.
    const traffic = setInterval(() => void get(rig.g1, "/x").catch(() => undefined), 100);
    for (const block of blocks) {
      const ran = await shell(block).finally(() => blocks.at(-1) === block && clearInterval(traffic));
      expect(ran.code, `${block}\n${ran.out}\n${ran.err}`).toBe(0);
      expect(ran.out).not.toBe("");
    }
  }, 240_000);
});

describe("--json", () => {
  it.each([
    ["status", { ready: true, role: "admin", services: { services: 1, instances: 2 } }],
    ["services list", { items: [{ name: "users" }], next: null }],
    ["services show users", { name: "users", instances: [{ id: "users-1" }, { id: "users-2" }] }],
    ["services open users users-2", { command: "open", heard: { weur: true } }],
    ["services close users users-2", { command: "close" }],
    ["regions", { items: [{ name: "weur" }], next: null }],
    ["policy history", { generations: expect.any(Array) }],
    ["policy pull", { generation: expect.any(Number), policy: { routes: expect.any(Array) } }],
    ["explain /x", { route: { service: "users" } }],
    ["cache stats", { total: expect.any(Object) }],
    ["cache keys --limit 1", { items: expect.any(Array) }],
    ["cache lookup /api/v1/users/7", { would: expect.stringMatching(/^(hit|miss|validate)$/) }],
    ["cache purge /api/v1/users/7", { kind: "url", soft: false, heard: { weur: true } }],
    ["keys create ci --role sluice:operator", { id: expect.stringMatching(/^sk_/), roles: ["sluice:operator"] }],
    ["keys list --limit 1", { items: [{ name: "ci" }] }],
    ["alerts list", { items: [], rules: [{ rule: "errors" }] }],
    ["suggestions list", { items: [] }],
    ["security", { keys: { count: expect.any(Number) } }],
    ["audit --limit 1", { items: [{ action: "key.create" }] }],
    ["chaos list", { items: expect.any(Array) }],
    ["profile list", { items: [] }],
  ])("of %s is one document", async (command, shape) => {
    const { code, out, err } = await sluice(`${command} --json`, { HOME: path.join(folder, "empty") });
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(JSON.parse(out)).toMatchObject(shape);
    expect(out.trimEnd()).not.toContain("\n");
  });

  it.each([
    ["services show none", 1, "missing"],
    ["services drain users none", 1, "missing"],
    ["cache purge", 2, "invalid"],
    ["keys create x --rate-limit none", 2, "invalid"],
    ["alerts ack none", 1, "missing"],
    ["chaos stop none", 1, "missing"],
    ["chaos run nowhere.json", 2, "input"],
    ["status --profile none", 2, "input"],
    ["status --token-file nowhere", 2, "input"],
    ["status --url http://127.0.0.1:1", 1, "unreachable"],
  ])("of %s says what is wrong", async (command, expected, error) => {
    const { code, out } = await sluice(`${command} --json`);
    expect(code).toBe(expected);
    expect(JSON.parse(out)).toMatchObject({ error, detail: expect.any(String), problems: expect.any(Array) });
  });
});

describe("in words", () => {
  it("a token that is wrong, or not enough, is told what would be", async () => {
    const wrong = await sluice("services list", { SLUICE_TOKEN: "wrong" });
    expect(wrong.code).toBe(1);
    expect(wrong.err).toBe(
      "the gateway answered 401: Authentication required; give a token: SLUICE_TOKEN, --token-file or a profile\n",
    );
    const made = JSON.parse((await sluice("keys create weak --role sluice:viewer --json")).out) as { key: string };
    const weak = await sluice("services drain users users-1", { SLUICE_TOKEN: made.key });
    expect(weak.code).toBe(1);
    expect(weak.err).toBe("the gateway answered 403: Forbidden; it needs the role sluice:operator\n");
  });

  it.each([
    "",
    "nope",
    "services",
    "services list --limit 0",
    "keys create",
    "status --url ftp://x",
    "services drain a",
  ])("'%s' is no command, and says how it is one", async (command) => {
    const { code, out, err } = await sluice(command);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/error:|Usage:/);
  });

  it("every command has its help", async () => {
    const { out } = await sluice("--help");
    for (const name of "status policy explain services regions cache keys alerts suggestions security audit chaos profile start deploy bench simulate".split(
      " ",
    )) {
      expect(out).toMatch(new RegExp(`^  ${name}\\b`, "m"));
    }
    expect((await sluice("cache purge --help")).out).toContain("Examples:");
  });
});

describe("profiles", () => {
  const home = path.join(folder, "home");
  const env = { HOME: home, SLUICE_URL: "", SLUICE_TOKEN: "" };
  const file = path.join(home, ".config", "sluice", "profiles.json");

  it("are kept where only their owner reads, and used only where they belong", async () => {
    const token = path.join(folder, "token");
    writeFileSync(token, `${ADMIN_TOKEN}\n`);
    expect((await sluice(`profile add prod --url ${rig.g1} --token-file ${token}`, env)).code).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await sluice("profile list", env)).out).not.toContain(ADMIN_TOKEN);
    // The first one is in use.
    expect((await sluice("services list", env)).code).toBe(0);
    upstream.clear();
    // Its token goes nowhere else.
    const elsewhere = await sluice(`services list --url ${upstream.origin}`, env);
    expect(elsewhere.code).toBe(1);
    expect(upstream.requests.map(({ head }) => head).join("\n")).not.toContain(ADMIN_TOKEN);
    expect(upstream.count).toBe(1);
    expect((await sluice("profile remove prod", env)).code).toBe(0);
    expect((await sluice("profile use prod", env)).code).toBe(2);
    expect(readFileSync(file, "utf8")).not.toContain(ADMIN_TOKEN);
  });

  it("that others can read are not used", async () => {
    chmodSync(file, 0o644);
    const { code, err } = await sluice("status", env);
    expect({ code, err }).toEqual({ code: 2, err: `${file} can be read by others, and holds tokens: chmod 600 it\n` });
  });
});
