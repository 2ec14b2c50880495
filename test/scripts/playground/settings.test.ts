import { describe, expect, it } from "vitest";
import { readSettings } from "../../../scripts/playground/settings.ts";

const read = (argv: string, environment: Record<string, string> = {}) =>
  readSettings(argv === "" ? [] : argv.split(" "), environment, "/home/ada");

const problemOf = (argv: string, environment: Record<string, string> = {}): string => {
  const settings = read(argv, environment);
  if (settings.ok || !("problem" in settings.error)) throw new Error(`${argv} was taken`);
  return settings.error.problem;
};

describe("what is asked for", () => {
  it("without flags: the demo on 8787", () => {
    expect(read("")).toEqual({
      ok: true,
      value: {
        source: { kind: "demo" },
        providers: [],
        port: 8787,
        regions: undefined,
        persist: undefined,
        quiet: false,
        adminToken: undefined,
      },
    });
  });

  it.each([
    [
      "--upstream http://a:1 --upstream https://b/x/",
      { source: { kind: "upstreams", urls: ["http://a:1", "https://b/x"] } },
    ],
    ["--policy p.json", { source: { kind: "policy", file: "/home/ada/p.json" } }],
    ["--no-demo", { source: { kind: "none" } }],
    ["--no-demo --upstream http://a", { source: { kind: "upstreams", urls: ["http://a"] } }],
    ["--port 0", { port: 0 }],
    ["--port=9000 --quiet", { port: 9000, quiet: true }],
    ["--regions weur,sam", { regions: ["weur", "sam"] }],
    [
      "--provider openai --provider mine=http://h:1/v1",
      {
        providers: [
          { name: "openai", url: undefined, secret: "OPENAI_API_KEY" },
          { name: "mine", url: "http://h:1/v1" },
        ],
      },
    ],
    ["--persist ../state", { persist: "/home/state" }],
  ])("%s", (argv, expected) => {
    expect(read(argv)).toMatchObject({ ok: true, value: expected });
  });

  it("the admin token is the environment's, when it is not empty", () => {
    expect(read("", { ADMIN_TOKEN: "s3" })).toMatchObject({ value: { adminToken: "s3" } });
    expect(read("", { ADMIN_TOKEN: "" })).toMatchObject({ value: { adminToken: undefined } });
  });

  it("a provider's key is the environment's", () => {
    const { ok, value } = read("--provider open-ai", { OPEN_AI_API_KEY: "sk" }) as {
      ok: true;
      value: { providers: unknown };
    };
    expect(ok).toBe(true);
    expect(value.providers).toEqual([{ name: "open-ai", url: undefined, secret: "OPEN_AI_API_KEY", key: "sk" }]);
  });

  it("--help is an answer", () => {
    expect(read("--help")).toMatchObject({ ok: false, error: { text: expect.stringContaining("--upstream") } });
  });
});

describe("what cannot be, in one line", () => {
  it.each([
    ["--bogus", "unknown option '--bogus'"],
    ["extra", "too many arguments"],
    ["--port", "argument missing"],
    ["--provider =x", "A name such as openai"],
    ["--provider a=ftp://b", "An http:// or https:// URL"],
    ["--provider a --provider a", "stands there twice"],
    ["--provider a --policy p.json", "--provider is for the demo"],
    ["--provider a --no-demo", "--provider is for the demo"],
    ["--port http", "A number from 0 to 65535"],
    ["--port 70000", "A number from 0 to 65535"],
    ["--port -1", "A number from 0 to 65535"],
    ["--upstream localhost:3000", "An http:// or https:// URL"],
    ["--upstream ftp://a", "An http:// or https:// URL"],
    ["--upstream http://u:p@a", "without credentials"],
    ["--upstream http://a/?q=1", "without credentials, query and fragment"],
    ["--regions weur,,apac", "Names separated by commas"],
    ["--regions weur,weur", "weur stands there twice"],
    ["--policy p.json --upstream http://a", "exclude each other"],
  ])("%s", (argv, words) => {
    const problem = problemOf(argv);
    expect(problem).toContain(words);
    expect(problem).not.toContain("\n");
  });

  it("a flag that npm has kept for itself", () => {
    expect(problemOf("", { npm_config_port: "9000" })).toContain("npm start -- --port");
  });
});
