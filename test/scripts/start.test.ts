// npm start from the outside. A start takes seconds, so there are two of them, each with all there is to see of it.
import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { get, open } from "../support/client.ts";
import { hang } from "../support/misbehaviour.ts";
import { descendants, gone, nameOf } from "../support/processes.ts";
import { byPath, startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const scripts = fileURLToPath(new URL("../../scripts/", import.meta.url));
const READY_WITHIN_MS = 60_000;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "sluice-start-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One start; everything it puts aside goes to `temporary`. */
class Start {
  readonly child: ChildProcessWithoutNullStreams;
  readonly temporary = mkdtempSync(path.join(folder, "tmp-"));
  out = "";
  err = "";
  #watchers = new Set<() => void>();

  constructor(script: string, args: readonly string[]) {
    const { npm_config_port: _, ...environment } = process.env;
    this.child = spawn(process.execPath, [path.join(scripts, script), ...args], {
      cwd: folder,
      env: { ...environment, INIT_CWD: folder, TMPDIR: this.temporary, ADMIN_TOKEN: "a-token-for-tests" },
    });
    this.child.stdout.on("data", (chunk) => {
      this.out += String(chunk);
      this.#look();
    });
    this.child.stderr.on("data", (chunk) => {
      this.err += String(chunk);
      this.#look();
    });
    this.child.on("close", () => this.#look());
  }

  /** Until its output fulfils `met`. */
  async until(met: () => boolean, what: string, withinMs = READY_WITHIN_MS): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (!met() && this.child.exitCode === null) return;
        clearTimeout(timer);
        this.#watchers.delete(look);
        if (met()) resolve();
        else reject(new Error(`ended without ${what}:\n${this.out}${this.err}`));
      };
      const timer = setTimeout(() => reject(new Error(`no ${what}:\n${this.out}${this.err}`)), withinMs);
      this.#watchers.add(look);
      look();
    });
  }

  async ready(): Promise<string[]> {
    await this.until(() => /^ready http:\/\/127\.0\.0\.1:\d+$/m.test(this.out), "ready");
    return [...this.out.matchAll(/^ +(?:weur|enam|apac) +(http:\S+)/gm)].map(([, origin = ""]) => origin);
  }

  async ended(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, "close");
    return this.child.exitCode;
  }

  #look(): void {
    for (const look of this.#watchers) look();
  }
}

const starts: Start[] = [];
function start(args: readonly string[], script = "start.ts"): Start {
  const started = new Start(script, args);
  starts.push(started);
  return started;
}
afterEach(async () => {
  for (const { child } of starts.splice(0)) {
    const all = child.pid === undefined ? [] : descendants(child.pid);
    child.kill("SIGKILL");
    await gone(all).catch(() => all.forEach((pid) => process.kill(pid, "SIGKILL")));
  }
});

const policyFor = (upstream: Upstream): string =>
  JSON.stringify({
    expose: true,
    services: {
      files: { instances: [{ id: "files-1", url: upstream.origin }], routing: { algorithm: "round_robin" } },
    },
    routes: [{ match: { path: "/*" }, service: "files" }],
  });

describe("a question that cannot be answered", () => {
  it.each([
    ["a wrong flag", ["--upstrem", "http://127.0.0.1:1"], "unknown option '--upstrem'"],
    ["a region that is none", ["--regions", "weur,moon", "--port", "0"], "there is no region moon"],
    ["ports past the last", ["--port", "65534"], "leaves no ports for 3 regions"],
    ["a policy that is not there", ["--policy", "none.json"], "none.json is not valid: there is no such file"],
    ["a policy that is not valid", ["--policy", "bad.json"], "services.a.instances[0].url must"],
    ["a folder that cannot be one", ["--persist", "bad.json/deep", "--port", "0"], "--persist"],
  ])("%s: one line, exit code 2, nothing started", async (_, args, words) => {
    writeFileSync(path.join(folder, "bad.json"), '{"services":{"a":{"instances":[{"id":"a-1","url":"nowhere"}]}}}');
    const started = start(args);
    expect(await started.ended()).toBe(2);
    expect(started.err).toMatch(/^sluice: [^\n]*\n$/);
    expect(started.err).toContain(words);
    expect(started.out).toBe("");
    expect(readdirSync(started.temporary)).toEqual([]);
  });

  it("a port that is taken: one line, exit code 2, nothing started", async () => {
    const taken = net.createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as net.AddressInfo;
    const started = start(["--port", String(port)]);
    expect(await started.ended()).toBe(2);
    expect(started.err).toBe(`sluice: port ${port} is taken: choose another with --port\n`);
    taken.close();
  });
});

it("two at once, from one checkout, have nothing in common", async () => {
  const upstreams = await Promise.all(["one", "other"].map((body) => startUpstream({ body })));
  const started = upstreams.map(({ origin }) => start(["--upstream", origin, "--regions", "weur", "--port", "0"]));
  const [one = [], other = []] = await Promise.all(started.map((each) => each.ready()));
  for (const [origins, text] of [
    [one, "one"],
    [other, "other"],
  ] as const) {
    const answer = await get(origins[0] ?? "", "/");
    expect([answer.status, answer.text, answer.header("x-sluice-generation")]).toEqual([200, text, "1"]);
  }
  await Promise.all(upstreams.map((upstream) => upstream.close()));
});

it("a policy of one's own: three regions, a change taken over, a crash survived, and nothing left", async () => {
  const [first, second] = await Promise.all([startUpstream({ body: "first" }), startUpstream({ body: "second" })]);
  const file = path.join(folder, "policy.json");
  writeFileSync(file, policyFor(first));
  const started = start(["--policy", "policy.json", "--port", "0"]);
  const origins = await started.ready();
  expect(origins).toHaveLength(3);
  expect(started.out).toContain(`\nready ${origins[0]}\n`);
  expect(started.out).toContain("a-token-for-tests");
  expect(started.out.match(/^ {2}curl /gm)).toHaveLength(3);

  // Every region serves it, and adds nothing to what the upstream sees but what a gateway owes.
  for (const origin of origins) {
    const answer = await get(origin, "/a?b=1", { "X-Mine": "kept" });
    expect([answer.status, answer.text, answer.header("x-sluice-generation")]).toEqual([200, "first", "1"]);
  }
  const seen = first.last.fields.map(([name]) => name.toLowerCase());
  expect(seen).toContain("x-mine");
  for (const own of ["cf-worker", "mf-cf-blob", "accept-encoding", "cf-connecting-ip"]) expect(seen).not.toContain(own);

  // A client that leaves before the answer, with no more than a FIN, takes its upstream exchange with it.
  first.play(byPath({ "/hang": hang, "*": { body: "first" } }));
  first.clear();
  const impatient = open(origins[0] ?? "", { target: "/hang" });
  await first.received();
  impatient.leavePolitely();
  await first.closed(1, 1000);

  // The file is replaced as an editor would, and every region obeys.
  writeFileSync(`${file}~`, policyFor(second));
  renameSync(`${file}~`, file);
  await started.until(() => started.out.includes("generation 2"), "generation 2");
  for (const origin of origins) expect((await get(origin)).text).toBe("second");

  // A mistake in it is told, and harms nothing.
  writeFileSync(file, policyFor(second).replace('"/*"', '"no path"'));
  await started.until(() => started.err.includes("routes[0].match.path"), "the path of the mistake");
  expect((await get(origins[1] ?? "")).text).toBe("second");

  // A workerd that dies comes back behind the same address, and finds its objects again.
  const pid = started.child.pid ?? 0;
  for (const workerd of descendants(pid).filter((each) => nameOf(each) === "workerd")) process.kill(workerd, "SIGKILL");
  await started.until(() => (started.err.match(/was started again/g) ?? []).length === 4, "all four again");
  for (const origin of origins) expect((await get(origin)).text).toBe("second");
  const stored = await fetch(`${origins[2]}/_sluice/admin/policy`, {
    headers: { authorization: "Bearer a-token-for-tests" },
  });
  expect([stored.status, stored.headers.get("etag")]).toEqual([200, '"2"']);

  const all = [pid, ...descendants(pid)];
  expect(all.length).toBeGreaterThan(5);
  started.child.kill("SIGTERM");
  expect(await started.ended()).toBe(0);
  await gone(all);
  expect(readdirSync(started.temporary)).toEqual([]);
  await Promise.all([first.close(), second.close()]);
}, 120_000);

it("the demo: services that really run, and nothing left when the parent is killed", async () => {
  const started = start(["scripts/start.ts", "--regions", "weur", "--port", "0", "--quiet"], "run.mjs");
  const [origin = ""] = await started.ready();
  expect(started.out.trimStart()).toMatch(/^ready http:\/\/127\.0\.0\.1:\d+\n/);
  expect(started.out).not.toContain("curl");

  const shop = await get(origin, "/");
  expect(shop.text).toContain('<a href="/products/zenit-e">');
  const part = await get(origin, "/files/ledger.csv", { Range: "bytes=64-70" });
  expect([part.status, part.text]).toEqual([206, "0000001"]);
  const fails = await get(origin, "/flaky/fail?status=500");
  expect(fails.status).toBe(500);
  const clock = open(origin, { target: "/stream/clock" });
  await clock.until((body) => body.includes("event: tick"), "a tick");
  clock.leave();
  const socket = new WebSocket(`${origin.replace("http", "ws")}/stream/echo`);
  await once(socket, "open");
  socket.send("hello");
  expect(await once(socket, "message")).toMatchObject([{ data: "hello" }]);
  socket.close();

  const dead = await fetch(`${origin}/demo/files-1/dead`, { method: "POST" });
  expect(await dead.json()).toMatchObject({ id: "files-1", mood: "dead" });
  const { url } = (await (await fetch(`${origin}/demo/files-1/well`, { method: "POST" })).json()) as { url: string };
  expect((await fetch(`${url}/health`)).status).toBe(200);

  const pid = started.child.pid ?? 0;
  const all = [pid, ...descendants(pid)];
  started.child.kill("SIGKILL");
  await gone(all);
  expect(readdirSync(started.temporary)).toEqual([]);
}, 120_000);
