import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { root } from "../../../../scripts/bundle.ts";
import { runPolicy } from "../../../../scripts/policy/commands.ts";
import { Foreign } from "../../../../scripts/policy/import/document.ts";
import { fromLiteLlm } from "../../../../scripts/policy/import/litellm.ts";
import { fromPortkey } from "../../../../scripts/policy/import/portkey.ts";
import { parsePolicy } from "../../../../worker/core/policy/parse.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "sluice-import-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fixture = (name: string): string => path.join(root, "test", "fixtures", "import", name);
const litellm = (yaml: string) => fromLiteLlm(parse(yaml));
const problems = (policy: unknown): unknown => {
  const parsed = parsePolicy(JSON.stringify(policy));
  return parsed.ok ? [] : parsed.error;
};

async function run(...args: string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  const terminal = {
    out: (line: string) => void out.push(line),
    err: (line: string) => void err.push(line),
    env: { INIT_CWD: folder },
  };
  const code = await runPolicy(["import", ...args], terminal);
  return { code, out: out.join("\n"), err: err.join("\n") };
}

describe("a proxy of LiteLLM", () => {
  const { policy, notes } = fromLiteLlm(parse(readFileSync(fixture("litellm.yaml"), "utf8")));
  const said = new Map(notes.map(({ path: at, message }) => [at, message]));

  it("becomes a policy that holds", () => {
    expect(problems(policy)).toEqual([]);
    expect(policy.models?.["gpt-4o"]).toEqual({
      strategy: "weighted_random",
      attempts: { max: 3 },
      stream: { totalMs: 300_000 },
      targets: [
        { target: "azure/gpt-4o-eu", weight: 900 },
        { target: "azure-2/gpt-4o-us", weight: 300 },
        { target: "openai/gpt-4o", weight: 1 },
        // Weight 0: asked when nobody else is left.
        { target: "anthropic/claude-sonnet-4-5", weight: 0, priority: 1_000 },
        { target: "bedrock/eu.anthropic.claude-sonnet-4-5-v1:0", weight: 0, priority: 1_000 },
      ],
    });
    expect(policy.models?.["gpt-4"]).toEqual(policy.models?.["gpt-4o"]);
    expect(policy.providers?.["azure"]).toMatchObject({
      adapter: "azure",
      baseUrl: "https://acme-eu.openai.azure.com",
      key: { secret: "AZURE_EU_KEY" },
      azure: { apiVersion: "2024-10-21" },
      timeouts: { headersMs: 45_000 },
      breaker: { consecutiveFailures: 4, openMs: 30_000 },
    });
    expect(policy.providers?.["openai"]).toMatchObject({
      key: { secret: "OPENAI_KEY" },
      models: [{ id: "gpt-4o", price: { input: 2.5, output: 10 } }, "text-embedding-3-small"],
    });
    expect(policy.providers?.["bedrock"]).toMatchObject({ bedrock: { region: "eu-central-1" } });
    expect(policy.providers?.["ollama"]).toMatchObject({ baseUrl: "http://ollama:11434/v1" });
    expect(policy.models?.["local-llama"]?.targets).toEqual(["ollama/llama3.2"]);
    expect(policy.ai).toEqual({ cache: { ttlSeconds: 600 }, budget: { dollarsPerMonth: 500 } });
  });

  it("tells of everything that has no place here, and of what changed", () => {
    for (const at of [
      "model_list[2].litellm_params.temperature",
      "model_list[3].model_info.mode",
      "model_list[7].litellm_params.vertex_project",
      "router_settings.redis_host",
      "router_settings.redis_password",
      "litellm_settings.success_callback[0]",
      "general_settings.database_url",
    ]) {
      expect(said.get(at), at).toContain("has no counterpart here");
    }
    expect(said.get("model_list[7].litellm_params.model")).toContain("vertex_ai, which has no adapter here");
    expect(said.get("model_list[2].litellm_params.api_key")).toContain("set the new one as secret OPENAI_KEY");
    expect(said.get("model_list[8].model_name")).toContain("clients ask for groq/MODEL");
    expect(said.get("model_list[5].model_name")).toBe("is called local-llama here");
    expect(said.get("router_settings.num_retries")).toContain("at most 3 requests");
    expect(said.get("router_settings.fallbacks")).toContain("groups that are not there");
    expect(said.get("litellm_settings.max_budget")).toContain("of each caller here");
    expect(said.get("general_settings.master_key")).toContain("ADMIN_TOKEN");
  });

  it("never shows a key, in the policy or beside it", () => {
    expect(JSON.stringify({ policy, notes })).not.toContain("canary");
  });

  it.each([
    ["gpt-4o-mini", "openai", "openai/gpt-4o-mini"],
    ["claude-haiku-4-5", "anthropic", "anthropic/claude-haiku-4-5"],
    ["gemini/gemini-2.5-flash", "gemini", "gemini/gemini-2.5-flash"],
    ["openrouter/deepseek/deepseek-chat", "openrouter", "openrouter/deepseek/deepseek-chat"],
    ["together_ai/meta-llama/Llama-3-8b", "together", "together/meta-llama/Llama-3-8b"],
    ["xai/grok-4", "xai", "xai/grok-4"],
  ])("knows whose model %s is", (model, adapter, target) => {
    const { policy: made } = litellm(
      `model_list: [{model_name: m, litellm_params: {model: ${model}, api_key: os.environ/K}}]`,
    );
    expect(problems(made)).toEqual([]);
    expect(Object.values(made.providers ?? {})).toMatchObject([{ adapter, key: { secret: "K" } }]);
    expect(made.models?.["m"]?.targets).toEqual([target]);
  });

  it("takes an unknown provider with an address for compatible, and says so", () => {
    const { policy: made, notes: list } = litellm(
      "model_list: [{model_name: m, litellm_params: {model: fireworks_ai/x, api_base: 'https://api.fireworks.ai/inference/v1', api_key: os.environ/F}}]",
    );
    expect(problems(made)).toEqual([]);
    expect(made.providers?.["fireworks-ai"]).toMatchObject({
      adapter: "openai",
      baseUrl: "https://api.fireworks.ai/inference/v1",
    });
    expect(list.map(({ message }) => message).join()).toContain("compatible with OpenAI");
  });
});

describe("a config of Portkey", () => {
  const { policy, notes } = fromPortkey(JSON.parse(readFileSync(fixture("portkey.json"), "utf8")) as unknown, "smart");
  const said = new Map(notes.map(({ path: at, message }) => [at, message]));

  it("becomes a model of a policy that holds", () => {
    expect(problems(policy)).toEqual([]);
    expect(policy.models).toEqual({
      smart: {
        strategy: "priority",
        targets: [
          { target: "openai/gpt-4o", weight: 0.75, priority: 11 },
          { target: "azure-openai/gpt-4o", weight: 0.25, priority: 11 },
          { target: "anthropic-prod-8a1f/claude-sonnet-4-5", weight: 1, priority: 2 },
        ],
        attempts: { max: 3 },
        stream: { totalMs: 20_000 },
        cache: { ttlSeconds: 3_600 },
      },
    });
    expect(policy.providers?.["azure-openai"]).toMatchObject({
      baseUrl: "https://acme.openai.azure.com",
      azure: { apiVersion: "2024-10-21", deployment: "gpt-4o" },
    });
    expect(policy.providers?.["anthropic-prod-8a1f"]).toMatchObject({
      adapter: "anthropic",
      key: { secret: "ANTHROPIC_PROD_8A1F_KEY" },
    });
  });

  it("tells of what it left out, and shows no key", () => {
    expect(said.get("strategy.on_status_codes[0]")).toContain("no counterpart");
    expect(said.get("retry.on_status_codes[0]")).toContain("no counterpart");
    expect(said.get("targets[0].targets[1].overrideParams.temperature")).toContain("no counterpart");
    expect(said.get("targets[2]")).toContain("no adapter here");
    expect(said.get("targets[0].strategy.mode")).toContain("keeps its place");
    expect([...said.keys()].some((at) => at.startsWith("input_guardrails"))).toBe(true);
    expect(JSON.stringify({ policy, notes })).not.toContain("canary");
  });

  it("of one target has no strategy to speak of", () => {
    const { policy: made } = fromPortkey({ provider: "openai", api_key: "k", override_params: { model: "gpt-4o" } });
    expect(problems(made)).toEqual([]);
    expect(made.models?.["default"]).toEqual({
      strategy: "single",
      targets: [{ target: "openai/gpt-4o", weight: 1, priority: 0 }],
    });
  });
});

it("whatever a document holds, each value of it is taken or told of", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const leaves = new Foreign(value).finish().length;
      expect(fromLiteLlm(value).notes.length).toBeGreaterThanOrEqual(0);
      expect(fromPortkey(value).notes.length).toBeGreaterThanOrEqual(0);
      // Nothing of a document without any known field is taken.
      expect(new Foreign({ unknown: value }).finish()).toHaveLength(leaves);
    }),
    { numRuns: 300 },
  );
});

describe("the command", () => {
  it("writes the policy to standard output or a file, and the rest to standard error", async () => {
    const shown = await run("litellm", fixture("litellm.yaml"));
    expect(shown.code).toBe(0);
    expect(problems(JSON.parse(shown.out))).toEqual([]);
    expect(shown.err).toMatch(/Secrets it names: .*OPENAI_KEY/);
    const kept = await run("portkey", fixture("portkey.json"), "--out", "policy.json", "--name", "smart");
    expect([kept.code, kept.out]).toEqual([0, ""]);
    expect(
      Object.keys((JSON.parse(readFileSync(path.join(folder, "policy.json"), "utf8")) as { models: object }).models),
    ).toEqual(["smart"]);
    expect((await run("litellm", fixture("litellm.yaml"), "--strict")).code).toBe(2);
    const json = JSON.parse((await run("litellm", fixture("litellm.yaml"), "--json")).out) as { notes: unknown[] };
    expect(json.notes.length).toBeGreaterThan(10);
  });

  it("refuses what it cannot read, without showing it", async () => {
    writeFileSync(path.join(folder, "bad.yaml"), "key: sk-canary\n  - : [\n");
    const bad = await run("litellm", "bad.yaml");
    expect([bad.code, bad.err]).toEqual([2, expect.stringContaining("is no YAML")]);
    expect(bad.err).not.toContain("canary");
    expect((await run("litellm", "nowhere.yaml")).code).toBe(2);
    expect((await run("envoy", "bad.yaml")).code).toBe(2);
  });
});
