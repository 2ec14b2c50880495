// The command line against a real HTTP server that speaks the admin API's contract, and refuses as it does.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { runPolicy } from "../../../scripts/policy/commands.ts";

const TOKEN = "admin-token";
const folder = mkdtempSync(path.join(tmpdir(), "policy-"));
afterAll(() => rmSync(folder, { recursive: true }));

const services = { web: { instances: [{ id: "web-1", url: "http://web.example.com" }] } };
const good = { services, routes: [{ match: { path: "/*" }, service: "web" }] };
const inFile = (name: string, content: unknown): string => {
  const file = path.join(folder, name);
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  return file;
};

const stands = { state: "closed", reason: "", until: 0 };
const candidate = {
  ...{ id: "web-1", url: "http://web.example.com", region: "", weight: 1, priority: 0, refused: null },
  ...{ score: 1, merit: 1, factors: {}, weights: {}, ewmaMs: 0, inFlight: 0, ramp: 1, limit: null, health: null },
  breaker: { stands: "closed", region: stands, isolate: { ...stands, consecutiveFailures: 0 } },
};

/** What the admin API keeps, in so far as the command line can see it. */
interface Kept {
  generations: string[];
  asked: { method: string; url: string; headers: IncomingMessage["headers"]; body: string }[];
}
let kept: Kept;
let server: Server;
let url: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => answer(request, Buffer.concat(chunks).toString(), response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  url = `http://127.0.0.1:${address.port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  kept = { generations: [], asked: [] };
});

function answer(request: IncomingMessage, body: string, response: ServerResponse): void {
  const { method = "", url: asked = "", headers } = request;
  kept.asked.push({ method, url: asked, headers, body });
  const say = (status: number, document: unknown, more: Record<string, string> = {}): void => {
    response.writeHead(status, { "content-type": "application/json", ...more });
    response.end(typeof document === "string" ? document : JSON.stringify(document));
  };
  if (headers.authorization !== `Bearer ${TOKEN}`)
    return say(401, { title: "The admin API asks for its bearer token" });
  const newest = kept.generations.length;
  const { pathname, searchParams } = new URL(asked, "http://x");
  switch (`${method} ${pathname}`) {
    case "GET /_sluice/admin/policy": {
      const number = Number(searchParams.get("generation") ?? newest);
      const text = kept.generations[number - 1];
      return text === undefined
        ? say(404, { title: "There is no policy yet" })
        : say(200, text, { etag: `"${number}"` });
    }
    case "PUT /_sluice/admin/policy": {
      const free = headers["if-none-match"] === "*" && newest === 0;
      const matches =
        headers["if-match"] === undefined
          ? free || headers["if-none-match"] === undefined
          : headers["if-match"] === `"${newest}"`;
      if (!matches)
        return say(412, {
          title: "The policy has changed since it was read",
          detail: `generation ${newest} is in force`,
        });
      if (body.includes("10.0.0.1"))
        return say(422, {
          title: "The document is not valid",
          errors: [{ path: "services.web.instances[0].url", message: "is private" }],
        });
      kept.generations.push(body);
      return say(200, { generation: newest + 1, outcome: "stored" });
    }
    case "POST /_sluice/admin/policy/rollback": {
      const { generation } = JSON.parse(body) as { generation: number };
      const text = kept.generations[generation - 1];
      if (text === undefined) return say(404, { title: "That generation is not kept" });
      kept.generations.push(text);
      return say(200, { generation: newest + 1, outcome: "stored" });
    }
    case "GET /_sluice/admin/policy/history":
      return say(200, {
        items: kept.generations
          .map((text, at) => ({
            generation: at + 1,
            at: 0,
            actor: "admin token",
            note: "",
            bytes: text.length,
            rollbackOf: 0,
          }))
          .toReversed(),
        next: null,
      });
    case "POST /_sluice/admin/explain":
      return say(200, {
        generation: newest,
        refused: null,
        method: "GET",
        host: "x.test",
        path: "/a",
        route: {
          id: "/*",
          kind: "fallback",
          index: 0,
          service: "web",
          forwardedPath: "/a",
          auth: "none",
          permissions: [],
          why: "because",
        },
        nearMisses: [],
        algorithm: "round_robin",
        candidates: [candidate],
      });
    default:
      return say(500, "<html>");
  }
}

interface Ran {
  code: number;
  out: string;
  err: string;
}

async function run(...args: string[]): Promise<Ran> {
  const said = { out: "", err: "" };
  const code = await runPolicy(args, {
    out: (line) => (said.out += `${line}\n`),
    err: (line) => (said.err += `${line}\n`),
    env: { HOME: folder, SLUICE_TOKEN: TOKEN },
  });
  return { code, out: stripVTControlCharacters(said.out), err: stripVTControlCharacters(said.err) };
}
const remote = (...args: string[]): Promise<Ran> => run(...args, "--url", url);

describe("check", () => {
  it("says what a good policy holds", async () => {
    const { code, out } = await run("check", inFile("good.json", good));
    expect(code).toBe(0);
    expect(out).toContain("is valid for local: 1 services, 1 routes, 0 models");
  });

  it("says each problem with its path, and exits with 2", async () => {
    const file = inFile("bad.json", { ...good, routes: [{ match: { path: "/*" }, service: "x" }], extra: 1 });
    expect(await run("check", file)).toMatchObject({
      code: 2,
      out: "",
      err: `✗ ${file}: extra is not a known field\n`,
    });
  });

  it("says the same to machines", async () => {
    const bad = await run("check", inFile("bad.json", { extra: 1 }), "--json");
    expect(bad.code).toBe(2);
    expect(JSON.parse(bad.out)).toEqual({
      valid: false,
      problems: [{ path: "extra", message: "is not a known field" }],
    });
    const fine = await run("check", inFile("good.json", good), "--json");
    expect(JSON.parse(fine.out)).toMatchObject({ valid: true, target: "local", secrets: [] });
  });

  it.each([
    ["a private address", "http://10.0.0.1", 2],
    ["an IP literal", "http://8.8.8.8", 2],
    ["a name", "https://api.example.com", 0],
  ])("for Cloudflare looks at %s", async (_, address, code) => {
    const file = inFile("target.json", { services: { web: { instances: [{ id: "a", url: address }] } } });
    expect(await run("check", file, "--target", "cloudflare")).toMatchObject({ code });
    expect(await run("check", file)).toMatchObject({ code: 0 });
  });

  it("refuses a file that is not there, or not JSON", async () => {
    expect(await run("check", path.join(folder, "none.json"))).toMatchObject({
      code: 2,
      err: expect.stringContaining("cannot be read (ENOENT)"),
    });
    expect(await run("check", inFile("text.json", "{"))).toMatchObject({
      code: 2,
      err: expect.stringContaining("is not JSON: it ends too early"),
    });
  });

  it("reads a file that begins with a byte order mark", async () => {
    expect(await run("check", inFile("bom.json", `\uFEFF${JSON.stringify(good)}`))).toMatchObject({ code: 0 });
  });
});

describe("wrong arguments exit with 2, and help with 0", () => {
  it.each([
    [["pusk"]],
    [["check", "--target", "moon"]],
    [["rollback", "x"]],
    [["rollback"]],
    [["explain", "/", "-H", "no colon"]],
    [["history", "--limit", "0"]],
    [["push", "f", "--url", "localhost"]],
    [[]],
  ])("%j", async (args) => {
    const ran = await run(...args);
    expect(ran.code).toBe(2);
    expect(ran.err).not.toBe("");
  });

  it.each([["--help"], ["push", "--help"]])("%s %s", async (...args) => {
    const { code, out } = await run(...args.filter((arg) => typeof arg === "string"));
    expect(code).toBe(0);
    expect(out).toContain("Usage: policy");
  });
});

describe("push", () => {
  it("stores the first policy only where there is none, and the next one only over the one it saw", async () => {
    const file = inFile("good.json", good);
    expect(await remote("push", file, "--note", "first & best")).toMatchObject({
      code: 0,
      out: expect.stringContaining("is generation 1"),
    });
    expect(kept.asked.at(-1)).toMatchObject({
      method: "PUT",
      url: "/_sluice/admin/policy?note=first+%26+best",
      headers: { "if-none-match": "*" },
    });
    expect(await remote("push", file)).toMatchObject({ code: 0 });
    expect(kept.asked.at(-1)?.headers["if-match"]).toBe('"1"');
    expect(JSON.parse(kept.generations[1]!)).toEqual(good);
  });

  it("does not overwrite what changed meanwhile, and exits with 1", async () => {
    kept.generations = ["{}", "{}"];
    const { code, err } = await remote("push", inFile("good.json", good), "--if-match", "1");
    expect({ code, err }).toEqual({ code: 1, err: "the gateway answered 412: generation 2 is in force\n" });
    expect(kept.generations).toHaveLength(2);
    expect(await remote("push", inFile("good.json", good), "--force")).toMatchObject({ code: 0 });
    expect(kept.generations).toHaveLength(3);
  });

  it("sends nothing that is not valid", async () => {
    expect(await remote("push", inFile("bad.json", { extra: 1 }))).toMatchObject({ code: 2 });
    expect(kept.asked).toEqual([]);
  });

  it("shows what only the gateway refuses, and exits with 2", async () => {
    const file = inFile("private.json", { services: { web: { instances: [{ id: "a", url: "http://10.0.0.1" }] } } });
    const { code, err } = await remote("push", file);
    expect(code).toBe(2);
    expect(err).toContain("services.web.instances[0].url is private");
  });
});

describe("diff, pull, rollback, history, explain", () => {
  it("diff shows what a push would change", async () => {
    kept.generations = [JSON.stringify({ ...good, expose: true })];
    const file = inFile("good.json", { ...good, expose: false });
    expect(await remote("diff", file)).toMatchObject({ code: 0, out: "~ expose true → false\n" });
    expect(JSON.parse((await remote("diff", file, "--json")).out)).toEqual({
      generation: 1,
      changes: [{ kind: "changed", path: "expose", before: true, after: false }],
    });
    kept.generations = [JSON.stringify(good)];
    expect((await remote("diff", inFile("good.json", good))).out).toContain("is generation 1");
    expect((await remote("diff", inFile("same.json", { ...good, alerts: [] }))).out).toContain(
      "written differently, but the same as generation 1",
    );
  });

  it("pull writes the document, or shows it", async () => {
    kept.generations = [JSON.stringify(good), "{}"];
    expect(await remote("pull")).toMatchObject({ code: 0, out: "{}\n" });
    const file = path.join(folder, "pulled.json");
    expect(await remote("pull", file, "--generation", "1")).toMatchObject({
      code: 0,
      out: `${file} is generation 1\n`,
    });
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(good);
    expect(await remote("pull", path.join(folder, "no", "folder.json"))).toMatchObject({ code: 2 });
  });

  it("rollback publishes an earlier one again", async () => {
    kept.generations = [JSON.stringify(good), "{}"];
    expect(await remote("rollback", "1")).toMatchObject({
      code: 0,
      out: expect.stringContaining("generation 3 is generation 1 again"),
    });
    expect(await remote("rollback", "9")).toMatchObject({
      code: 1,
      err: "the gateway answered 404: That generation is not kept\n",
    });
  });

  it("history lists them", async () => {
    kept.generations = ["{}", "{}"];
    const { code, out } = await remote("history", "--limit", "5");
    expect(code).toBe(0);
    expect(
      out
        .split("\n")
        .slice(1, 3)
        .map((line) => line.trim().split(/\s{2,}/)[0]),
    ).toEqual(["2", "1"]);
    expect(kept.asked.at(-1)?.url).toBe("/_sluice/admin/policy/history?limit=5");
  });

  it("explain asks the gateway", async () => {
    kept.generations = ["{}"];
    const { code, out } = await remote(
      "explain",
      "/a?b=1",
      "-X",
      "post",
      "-H",
      "X-Target-Service: users",
      "-H",
      "Host:other",
    );
    expect(code).toBe(0);
    expect(JSON.parse(kept.asked.at(-1)!.body)).toEqual({
      method: "POST",
      url: `${url}/a?b=1`,
      headers: { "X-Target-Service": "users", Host: "other" },
    });
    expect(out).toMatch(/service +web/);
    expect(out).toMatch(/candidates +web-1 http:\/\/web.example.com/);
  });

  it("explain asks a file without any gateway", async () => {
    const file = inFile("good.json", {
      ...good,
      routes: [...good.routes, { match: { path: "/api/*" }, service: "web", stripPrefix: "/api" }],
    });
    const { code, out } = await run("explain", "http://x.test/api/a", "--file", file, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ route: { index: 1, service: "web", forwardedPath: "/a" } });
    expect((await run("explain", "/api/a", "--file", file)).out).toMatch(/forwarded path +\/a/);
  });
});

describe("a gateway that", () => {
  const closed = async (): Promise<string> => {
    const listener = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => listener.once("listening", resolve));
    const address = listener.address();
    await new Promise((resolve) => listener.close(resolve));
    return typeof address === "object" && address !== null ? `http://127.0.0.1:${address.port}` : "";
  };

  it("is not there exits with 1", async () => {
    const base = await closed();
    expect(await run("history", "--url", base)).toMatchObject({ code: 1, err: `cannot reach ${base}: ECONNREFUSED\n` });
    const { code, out } = await run("history", "--url", base, "--json");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ error: "unreachable" });
  });

  it("refuses the token says how to give one, and never repeats it", async () => {
    const { code, err } = await remote("pull", "--token", "wrong-token");
    expect(code).toBe(1);
    expect(err).toContain("SLUICE_TOKEN");
    expect(err).not.toContain("wrong-token");
  });

  it("is no Sluice exits with 1", async () => {
    expect(await run("history", "--url", `${url}/elsewhere`)).toMatchObject({
      code: 1,
      err: "the gateway answered 500\n",
    });
  });

  it("has no policy yet says so", async () => {
    expect(await remote("pull")).toMatchObject({ code: 1, err: "the gateway answered 404: There is no policy yet\n" });
  });
});

describe("schema", () => {
  afterEach(() => rmSync(path.join(folder, "schema.json"), { force: true }));

  it("is written, and known to be current or not", async () => {
    const file = path.join(folder, "schema.json");
    expect(await run("schema", "--check", "--out", file)).toMatchObject({ code: 2 });
    expect(await run("schema", "--out", file)).toMatchObject({ code: 0 });
    expect(await run("schema", "--check", "--out", file)).toMatchObject({ code: 0 });
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ title: "Sluice policy", type: "object" });
    expect((await run("schema", "--stdout")).out).toBe(readFileSync(file, "utf8"));
  });
});
