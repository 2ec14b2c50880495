import { describe, expect, it } from "vitest";
import { parsePolicy } from "../../../worker/core/policy/parse.ts";
import { runBenchCommand, settingsOf } from "../../../scripts/bench/command.ts";
import { configuration } from "../../../scripts/bench/runtime.ts";
import { requestBytes, EXCHANGES } from "../../../scripts/bench/traffic.ts";
import { benchPolicy } from "../../../scripts/bench/workers.ts";

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const terminal = { out: (text: string) => (out += text), err: (text: string) => (err += text), folder: "/nowhere" };
  return { code: await runBenchCommand(args, terminal), out, err };
}

describe("the command line", () => {
  it.each([
    ["--rounds", "0"],
    ["--rounds", "1.5"],
    ["--seconds", "soon"],
    ["--only", "bare,nginx"],
    ["--kinds", "get-1t"],
    ["--rate", "-1"],
    ["--unknown", "1"],
  ])("%s %s is refused with exit code 2 before anything starts", async (flag, value) => {
    const { code, err } = await run(flag, value);
    expect(code).toBe(2);
    expect(err).toContain(flag);
  });

  it("explains itself", async () => {
    const { code, out } = await run("--help");
    expect(code).toBe(0);
    expect(out).toContain("docs/performance.md");
  });
});

describe("settings", () => {
  const flags = { kinds: ["get-1k"], rate: 100, tolerance: 0.1 } as const;

  it("has at least four rounds by default, and few when quick", () => {
    expect(settingsOf({ ...flags, kinds: [...flags.kinds] })).toMatchObject({ rounds: 6, seconds: 4, startups: 7 });
    expect(settingsOf({ ...flags, kinds: [...flags.kinds], quick: true })).toMatchObject({
      rounds: 2,
      seconds: 1,
      startups: 0,
    });
    expect(settingsOf({ ...flags, kinds: [...flags.kinds], quick: true, rounds: 9 }).rounds).toBe(9);
  });
});

describe("what is measured", () => {
  it("the policy is one the gateway takes", () => {
    expect(parsePolicy(JSON.stringify(benchPolicy("http://127.0.0.1:9000"))).ok).toBe(true);
  });

  it("a request says how long its body is", () => {
    const text = requestBytes(EXCHANGES["post-10k"]).toString("latin1");
    const [head, body] = text.split("\r\n\r\n");
    expect(head).toContain("Content-Length: 10240");
    expect(body).toHaveLength(10_240);
  });

  it("the configuration binds what a Worker asks for, and nothing else", () => {
    const worker = {
      name: "w",
      script: "",
      compatibilityDate: "2026-01-01",
      compatibilityFlags: ["a_flag"],
      vars: { A: 'b"c' },
    };
    const bare = configuration(worker);
    expect(bare).toContain('(name = "A", text = "b\\"c")');
    expect(bare).toContain('compatibilityFlags = ["a_flag"]');
    expect(bare).not.toContain("durableObject");
    expect(bare).not.toContain("kv");
    const full = configuration({
      ...worker,
      objects: [{ binding: "CONTROL", className: "ControlObject" }],
      kv: { binding: "KV", script: "", vars: {} },
    });
    expect(full).toContain('durableObjectNamespace = "ControlObject"');
    expect(full).toContain("enableSql = true");
    expect(full).toContain('kvNamespace = "kv"');
  });
});
