// A deployment from the first check to the smoke test, with a wrangler that is played and a gateway that is played: which
// calls are made, in which order, with which arguments, and that nothing is called that changes something when a check fails.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { runDeploy } from "../../../scripts/deploy/command.ts";
import { addressesOf } from "../../../scripts/deploy/deploy.ts";
import type { Answer, Wrangler } from "../../../scripts/deploy/wrangler.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "sluice-deploy-test-"));
const policyFile = path.join(folder, "policy.json");
const POLICY = {
  services: { web: { instances: [{ id: "a", url: "https://web.example.com" }] } },
  routes: [{ match: { path: "/*" }, service: "web" }],
  providers: { openai: { adapter: "openai", key: { secret: "OPENAI_KEY" } } },
};

// --- a gateway, as far as a deployment sees one ---

let gateway: http.Server;
let origin: string;
let generation = 0;
let published = "";
let readyAfter = 0;
const asked: string[] = [];

beforeAll(async () => {
  writeFileSync(policyFile, JSON.stringify(POLICY));
  gateway = http.createServer((request, response) => {
    const say = (status: number, body: unknown, headers: Record<string, string> = {}): void => {
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
    };
    asked.push(`${request.method} ${request.url}`);
    const { pathname } = new URL(request.url!, origin);
    if (pathname === "/_sluice/health") return say(200, { status: "ok" });
    if (pathname === "/_sluice/ready") {
      const isReady = generation > 0 && readyAfter-- <= 0;
      const dependencies = { region: { state: "ok" }, bindings: { state: "unbound", names: ["ORDERS"] } };
      return say(isReady ? 200 : 503, { ready: isReady, policy: { generation, error: null }, dependencies });
    }
    if (request.headers.authorization !== "Bearer the-token") return say(401, { title: "Unauthorized" });
    if (request.method === "GET") {
      return generation === 0 ? say(404, { title: "none" }) : say(200, POLICY, { etag: `"${generation}"` });
    }
    let body = "";
    request.on("data", (bytes: Buffer) => void (body += bytes.toString()));
    request.on("end", () => {
      published = body;
      generation++;
      say(201, { generation, outcome: "stored" });
    });
  });
  await new Promise<void>((resolve) => void gateway.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
});
afterAll(() => {
  gateway.close();
  rmSync(folder, { recursive: true, force: true });
});

// --- a wrangler that says what it is told ---

const ok = (stdout = "", events: Answer["events"] = []): Answer => ({ code: 0, stdout, stderr: "", events });
let calls: string[][];
let secretsGiven: unknown;
let answers: Record<string, () => Answer>;

beforeEach(() => {
  calls = [];
  secretsGiven = undefined;
  generation = 0;
  published = "";
  readyAfter = 0;
  asked.length = 0;
  answers = {
    "deploy --dry-run": () => ok("Total Upload: 900.00 KiB / gzip: 230.00 KiB\n--dry-run: exiting now."),
    whoami: () => ok('{"loggedIn":true,"email":"a@example.com"}'),
    "secret list": () => ok('[{"name":"ADMIN_TOKEN","type":"secret_text"},{"name":"OPENAI_KEY","type":"secret_text"}]'),
    deploy: () =>
      ok("", [{ type: "deploy", version_id: "v-2", targets: [origin, "example.com/* (zone name: example.com)"] }]),
    "deployments status": () =>
      ok('{"versions":[{"version_id":"v-0","percentage":10},{"version_id":"v-1","percentage":90}]}'),
    "versions upload": () => ok("", [{ type: "version-upload", version_id: "v-2" }]),
    "versions deploy": () => ok(),
  };
});

const played: Wrangler = (args) => {
  calls.push([...args]);
  const secrets = args.indexOf("--secrets-file");
  if (secrets >= 0) secretsGiven = JSON.parse(readFileSync(args[secrets + 1]!, "utf8"));
  const name = Object.keys(answers)
    .sort((a, b) => b.length - a.length)
    .find((each) => args.join(" ").startsWith(each));
  if (name === undefined) throw new Error(`nobody plays wrangler ${args.join(" ")}`);
  return Promise.resolve(answers[name]!());
};

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const terminal = { out: (line: string) => void out.push(line), err: (line: string) => void err.push(line), env };
  const code = await runDeploy(["--policy", policyFile, "--wait", "5", ...args], terminal, played);
  return { code, out: out.join("\n"), err: err.join("\n") };
}

const commands = (): string[] =>
  calls.map((args) =>
    args
      .filter((arg) => !arg.startsWith("--"))
      .slice(0, 2)
      .join(" ")
      .replace(/ (\/|$).*/, ""),
  );
const TOKEN = { SLUICE_ADMIN_TOKEN: "the-token" };

it("checks, tries out, deploys, publishes and looks, in this order", async () => {
  readyAfter = 1;
  const { code, out } = await run(["--yes"], TOKEN);
  expect(code).toBe(0);
  expect(commands()).toEqual(["deploy", "whoami", "secret list", "deploy"]);
  expect(calls[0]!.slice(0, 2)).toEqual(["deploy", "--dry-run"]);
  for (const args of calls) if (args[0] !== "whoami") expect(args).toContain("--env");
  expect(calls[3]).not.toContain("--dry-run");
  expect(calls[3]).not.toContain("--secrets-file");
  expect(asked.map((each) => each.split("?")[0])).toEqual([
    "GET /_sluice/health",
    "GET /_sluice/admin/policy",
    "PUT /_sluice/admin/policy",
    "GET /_sluice/ready",
    "GET /_sluice/ready",
  ]);
  expect(JSON.parse(published)).toEqual(POLICY);
  expect(out).toContain("sluice is deployed, version v-2");
  expect(out).toContain(`${origin}/_sluice/dashboard`);
  expect(out).toContain("policy generation 1 (stored)");
  expect(out).toContain("ready says bindings is unbound: ORDERS");
});

it("deploys an environment as that environment, in JSON when asked", async () => {
  const { code, out, err } = await run(["--yes", "--json", "--env", "staging"], TOKEN);
  expect([code, err]).toEqual([0, ""]);
  expect(JSON.parse(out)).toMatchObject({ ok: true, kind: "deployed", worker: "sluice-staging", addresses: [origin] });
  for (const args of calls) if (args[0] !== "whoami") expect(args.join(" ")).toContain("--env staging");
});

it("--dry-run changes nothing, with or without an account", async () => {
  expect(await run(["--dry-run"])).toMatchObject({ code: 0 });
  expect(commands()).toEqual(["deploy", "whoami", "secret list"]);
  answers["whoami"] = () => ({ ...ok('{"loggedIn":false}'), code: 1 });
  const without = await run(["--dry-run"]);
  expect(without.code).toBe(0);
  expect(without.out).toContain("no account was asked");
  expect(asked).toEqual([]);
});

it("without an account says what is missing and how to get it", async () => {
  answers["whoami"] = () => ({ code: 1, stdout: "Getting User settings...", stderr: "not authenticated", events: [] });
  const { code, err } = await run(["--yes"]);
  expect(code).toBe(2);
  expect(err).toContain("Nothing was deployed");
  expect(err).toMatch(/a Cloudflare account .*\n.*wrangler -- login.*CLOUDFLARE_API_TOKEN/);
  expect(err).toContain("secrets it will want, too: ADMIN_TOKEN, OPENAI_KEY");
  expect(commands()).toEqual(["deploy", "whoami"]);
});

it("names every secret that is missing, and takes them from a file", async () => {
  answers["secret list"] = () => ({
    code: 1,
    stdout: "",
    stderr: "This Worker does not exist [code: 10007]",
    events: [],
  });
  const without = await run(["--yes"]);
  expect(without.code).toBe(2);
  expect(without.err).toContain("secret ADMIN_TOKEN");
  expect(without.err).toContain("secret OPENAI_KEY (providers.openai.key)");
  const secrets = path.join(folder, "secrets.env");
  writeFileSync(secrets, "ADMIN_TOKEN=the-token\nOPENAI_KEY='sk-$5'\n");
  const { code, out, err } = await run(["--yes", "--secrets", secrets]);
  expect([code, err.includes("✗")]).toEqual([0, false]);
  expect(secretsGiven).toEqual({ ADMIN_TOKEN: "the-token", OPENAI_KEY: "sk-$5" });
  expect(generation).toBe(1);
  expect(out + err).not.toContain("sk-$5");
});

it("--new-token makes an admin token and shows it once", async () => {
  answers["secret list"] = () => ok('[{"name":"OPENAI_KEY"}]');
  const { out, code, err } = await run(["--yes", "--new-token"]);
  const token = (secretsGiven as { ADMIN_TOKEN: string }).ADMIN_TOKEN;
  expect(token).toMatch(/^[\w-]{43}$/);
  // The gateway that is played knows another one: publishing fails, and the words say after which step.
  expect(code).toBe(1);
  expect(out + err).toContain("deployed, but the policy was not published");
});

it("a bad policy, an unknown environment or a trial that fails ends it before the account is touched", async () => {
  const bad = path.join(folder, "bad.json");
  writeFileSync(bad, JSON.stringify({ services: { web: { instances: [{ id: "a", url: "http://127.0.0.1:1" }] } } }));
  const inside = await run(["--yes", "--policy", bad], TOKEN);
  expect(inside).toMatchObject({ code: 2 });
  expect(inside.err).toContain("services.web.instances[0].url is a private, loopback or local address");
  answers["deploy --dry-run"] = () => ({
    code: 1,
    stdout: "",
    stderr: "✘ [ERROR] Build failed with 1 error:\n",
    events: [],
  });
  const broken = await run(["--yes"], TOKEN);
  expect(broken.err).toContain("the trial build failed: Build failed with 1 error:");
  calls.length = 0;
  const unknown = await run(["--yes", "--env", "nope"], TOKEN);
  expect(unknown.code).toBe(2);
  expect(unknown.err).toContain('No environment found in configuration with name "nope"');
  expect(calls).toEqual([]);
  expect(asked).toEqual([]);
});

it("asks before it deploys; where nobody can be asked, --yes says so", async () => {
  const { code, err } = await run([], TOKEN);
  expect(code).toBe(2);
  expect(err).toContain("--yes deploys without asking");
  expect(commands()).not.toContain("deploy --env");
  expect(calls.filter((args) => args[0] === "deploy" && !args.includes("--dry-run"))).toEqual([]);
});

it("--gradual shares the traffic with the version that has most of it", async () => {
  const { code, out } = await run(["--yes", "--gradual", "5", "--url", origin], TOKEN);
  expect(code).toBe(0);
  expect(commands().slice(-2)).toEqual(["versions upload", "versions deploy"]);
  expect(calls.at(-1)).toEqual(expect.arrayContaining(["v-2@5%", "v-1@95%", "--yes"]));
  expect(out).toContain("5 % of its traffic goes to this version");
  answers["deployments status"] = () => ({ ...ok(), code: 1 });
  const first = await run(["--yes", "--gradual", "5"], TOKEN);
  expect(first.code).toBe(2);
  expect(first.err).toContain("the first deployment goes without --gradual");
});

it("says what failed after which step, without a stack", async () => {
  answers["deploy"] = () => ({
    code: 1,
    stdout: "",
    stderr: "",
    events: [{ type: "command-failed", message: "A request to the Cloudflare API failed." }],
  });
  const refused = await run(["--yes"], TOKEN);
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.err).toContain("wrangler: A request to the Cloudflare API failed.");
  expect(refused.err).not.toMatch(/^\s+at /m);
  answers["deploy"] = () => ok("", [{ type: "deploy", targets: ["http://127.0.0.1:9"] }]);
  const away = await run(["--yes", "--wait", "0"], TOKEN);
  expect(away.code).toBe(1);
  expect(away.err).toContain("deployed, but http://127.0.0.1:9/_sluice/health does not answer");
});

it("without a token the policy stays as it is, and the command that publishes it is told", async () => {
  generation = 3;
  const { code, out } = await run(["--yes"]);
  expect(code).toBe(0);
  expect(generation).toBe(3);
  expect(out).toContain(`npm run policy -- push ${policyFile} --url ${origin}`);
});

it.each([
  [["https://sluice.me.workers.dev"], ["https://sluice.me.workers.dev"]],
  [["api.example.com (custom domain)"], ["https://api.example.com"]],
  [["example.com/* (zone name: example.com)", "schedule: * * * * *"], []],
  [undefined, []],
])("addresses of %j are %j", (targets, addresses) => {
  expect(addressesOf(targets)).toEqual(addresses);
});
