// The folder that `npm run build:workerd` makes, run as its README says: proxying, administration, state over restarts, a
// client certificate, who asks. The workerd is the one the tests have; the container's steps are not run here.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { root } from "../../../scripts/bundle.ts";
import { runBuildWorkerd, viaFlag } from "../../../scripts/workerd/command.ts";
import { configuration } from "../../../scripts/workerd/configuration.ts";
import { freePort } from "../../support/ports.ts";

const scratch = mkdtempSync(path.join(os.tmpdir(), "sluice-workerd-"));
const folder = path.join(scratch, "sluice");
const TOKEN = "the-admin-token";
const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

let upstream: http.Server;
let guarded: https.Server | undefined;
let port: number;
let running: ChildProcess | undefined;
let said = "";

const portOf = (server: http.Server | https.Server): number => (server.address() as AddressInfo).port;
const policy = (more: object = {}) => ({
  expose: true,
  services: {
    web: { instances: [{ id: "a", url: `http://127.0.0.1:${portOf(upstream)}` }] },
    legacy: { instances: [{ id: "b", url: "https://legacy.internal", via: "LEGACY" }] },
  },
  routes: [
    { match: { path: "/legacy/*" }, service: "legacy" },
    { match: { path: "/*" }, service: "web" },
  ],
  security: { apiKeys: { store: "kv", pepper: { secret: "KEY_PEPPER" } } },
  ...more,
});

beforeAll(async () => {
  upstream = http.createServer((request, response) => {
    let bytes = 0;
    request.on("data", (chunk: Buffer) => void (bytes += chunk.byteLength));
    request.on("end", () =>
      response
        .setHeader("cache-control", "max-age=60")
        .end(JSON.stringify({ url: request.url, bytes, from: request.headers["x-forwarded-for"] })),
    );
  });
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  const files = hasOpenssl ? certificates() : undefined;
  if (files !== undefined) {
    guarded = https.createServer(
      {
        key: readFileSync(files.key),
        cert: readFileSync(files.cert),
        ca: readFileSync(files.cert),
        requestCert: true,
        rejectUnauthorized: true,
      },
      (request, response) =>
        response.end(
          JSON.stringify({
            seen: request.socket instanceof TLSSocket && request.socket.authorized,
            host: request.headers.host,
          }),
        ),
    );
    guarded.listen(0, "127.0.0.1");
    await once(guarded, "listening");
  }
  port = await freePort();
  writeFileSync(path.join(scratch, "policy.json"), JSON.stringify(policy()));
  const legacy =
    files === undefined || guarded === undefined
      ? `LEGACY=http://127.0.0.1:${portOf(upstream)}`
      : `LEGACY=https://localhost:${portOf(guarded)},cert=${files.cert},key=${files.key},ca=${files.cert}`;
  const lines: string[] = [];
  const code = await runBuildWorkerd(
    ["--out", "sluice", "--policy", "policy.json", "--port", String(port), "--allow-private", "--via", legacy],
    { out: (line) => void lines.push(line), err: (line) => void lines.push(line), folder: scratch },
  );
  expect([code, lines.join("\n")]).toEqual([0, expect.stringContaining(folder)]);
  // As after `npm install` in the folder.
  symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"));
}, 60_000);
afterEach(() => stop());
afterAll(async () => {
  await stop();
  upstream?.close();
  guarded?.close();
  rmSync(scratch, { recursive: true, force: true });
});

/** One that is its own authority, for server and client alike. */
function certificates(): { cert: string; key: string } {
  const [cert, key] = [path.join(scratch, "cert.pem"), path.join(scratch, "key.pem")];
  const made = spawnSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
  ]);
  if (made.status !== 0) throw new Error(made.stderr.toString());
  return { cert, key };
}

/** As run.sh starts it, until it is ready. */
async function start(): Promise<void> {
  said = "";
  const child = spawn(path.join(folder, "run.sh"), [], {
    env: {
      PATH: process.env["PATH"],
      ADMIN_TOKEN: TOKEN,
      KEY_PEPPER: "salt",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running = child;
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text: Buffer) => void (said += text.toString()));
  const isReady = async (): Promise<number> => {
    if (child.exitCode !== null) throw new Error(said);
    try {
      return (await fetch(at("/_sluice/ready"))).status;
    } catch {
      // Nobody listens yet.
      return 0;
    }
  };
  await expect.poll(isReady, { timeout: 20_000, interval: 50, message: said }).toBe(200);
}

async function stop(): Promise<void> {
  const child = running;
  running = undefined;
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
  // Who was killed was the gateway, and not a wrapper around it that leaves it running.
  await expect(fetch(at("/_sluice/health"))).rejects.toThrow("fetch failed");
}

const at = (target: string): string => `http://127.0.0.1:${port}${target}`;
const admin = (target: string, init: RequestInit = {}): Promise<Response> =>
  fetch(at(`/_sluice/admin/${target}`), { ...init, headers: { authorization: `Bearer ${TOKEN}` } });
const generation = async (): Promise<unknown> =>
  ((await (await fetch(at("/_sluice/ready"))).json()) as { policy: { generation: number } }).policy.generation;

it("proxies, caches, and takes the connection's word for who asks", async () => {
  await start();
  const answer = await fetch(at("/a?b=c"), { headers: { "CF-Connecting-IP": "198.51.100.7" } });
  expect(await answer.json()).toEqual({ url: "/a?b=c", bytes: 0, from: "127.0.0.1" });
  expect((await fetch(at("/a?b=c"))).headers.get("cache-status")).toContain("hit");
  const body = new Uint8Array(2_000_000);
  expect(await (await fetch(at("/up"), { method: "POST", body })).json()).toMatchObject({ bytes: body.byteLength });
  expect((await fetch(at("/_sluice/dashboard"))).status).toBe(200);
  expect((await fetch(at("/_sluice/admin/policy"))).status).toBe(401);
});

it("keeps what was published, and keys, over a kill and a restart", async () => {
  await start();
  expect(await generation()).toBe(0);
  const put = await admin("policy", { method: "PUT", body: JSON.stringify(policy({ expose: false })) });
  expect(put.status).toBeLessThan(300);
  const made = (await (await admin("keys", { method: "POST", body: JSON.stringify({ name: "ci" }) })).json()) as {
    id: string;
  };
  await expect.poll(generation, { timeout: 10_000 }).toBe(1);
  await stop();
  await start();
  await expect.poll(generation, { timeout: 10_000 }).toBe(1);
  const keys = (await (await admin("keys")).json()) as { items: { id: string }[] };
  expect(keys.items.map(({ id }) => id)).toContain(made.id);
  // KV was told by the object's alarm; a cold isolate finds it there.
  const kept = path.join(folder, "data", "sluice-StoreObject");
  expect(existsSync(kept)).toBe(true);
});

it.skipIf(!hasOpenssl)("shows its client certificate where the policy says via", async () => {
  await start();
  const answer = await fetch(at("/legacy/x"));
  expect(await answer.json()).toEqual({ seen: true, host: "legacy.internal" });
});

it("says what to do when workerd is not there", () => {
  const alone = path.join(scratch, "alone");
  mkdirSync(alone);
  copyFileSync(path.join(folder, "run.sh"), path.join(alone, "run.sh"));
  const run = spawnSync(path.join(alone, "run.sh"), { env: { PATH: "/usr/bin:/bin" }, timeout: 10_000 });
  expect(run.status).toBe(2);
  expect(run.stderr.toString()).toMatch(/npm install --no-save workerd@1\.\d+/);
});

it.each([
  [["--policy", "policy.json"], "required option '--out"],
  [["--out", "x", "--policy", "nowhere.json"], "nowhere.json is not there"],
  [["--out", "x", "--policy", "policy.json"], "--allow-private"],
  [["--out", "x", "--policy", "policy.json", "--allow-private"], "say --via LEGACY=URL"],
  [["--out", "x", "--via", "KV=http://a"], "It must be NAME=URL"],
  [["--out", "x", "--via", "A=https://a,cert=c.pem"], "takes both"],
  [["--out", "x", "--port", "70000"], "It must be a port"],
])("refuses %j", async (args, words) => {
  const lines: string[] = [];
  const say = (line: string): void => void lines.push(line);
  const code = await runBuildWorkerd(args, { out: say, err: say, folder: scratch });
  expect([code, lines.join("\n")]).toEqual([2, expect.stringContaining(words)]);
  expect(existsSync(path.join(scratch, "x"))).toBe(false);
});

it("writes names and addresses as text, whatever they hold", () => {
  const [target] = viaFlag("ORDERS=http://[::1]:8080", []);
  const written = configuration({
    compatibilityDate: "2026-10-01",
    compatibilityFlags: ["a"],
    objects: [{ binding: "SERVICE", className: "ServiceObject" }],
    variables: ["ADMIN_TOKEN"],
    via: [target!],
    address: '127.0.0.1:1"),evil=("',
    allowPrivate: false,
    behindProxy: true,
  });
  expect(written).toContain(String.raw`address = "127.0.0.1:1\"),evil=(\""`);
  expect(written).toContain('allow = ["public"]');
  expect(written).toContain('address = "[::1]:8080"');
  expect(written).toContain('forwardedProtoHeader = "X-Forwarded-Proto"');
  expect(written).not.toContain("CLIENT_ADDRESS");
});
