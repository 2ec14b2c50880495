import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parsePolicy } from "../../../worker/core/policy/parse.ts";
import { pendingSections } from "../../../worker/core/policy/pending.ts";
import type { Policy, WrittenPolicy } from "../../../worker/core/policy/schema.ts";

const parsed = (text: string): Policy => {
  const result = parsePolicy(text);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
};
const pending = (document: WrittenPolicy): string[] =>
  pendingSections(parsed(JSON.stringify(document))).map(({ section }) => section);

describe("pendingSections", () => {
  it("is silent about a policy that asks for nothing unbuilt", () => {
    const web = {
      instances: [{ id: "a", url: "http://a.test" }],
      routing: { algorithm: "round_robin" as const },
      breaker: false as const,
      attempts: false as const,
    };
    expect(pending({ cache: false, services: { web }, routes: [{ match: { path: "/*" }, service: "web" }] })).toEqual(
      [],
    );
  });

  it("does not tell what is switched off", () => {
    expect(pending({ chaos: { enabled: false }, cache: false, security: {} })).toEqual([]);
  });

  it("leaves nothing of the example undone, nor what is switched on by hand", () => {
    const example = readFileSync(new URL("../../fixtures/policy.example.json", import.meta.url), "utf8");
    expect(pendingSections(parsed(example))).toEqual([]);
    const otlp = { url: "https://otlp.example.com", metrics: true };
    expect(pending({ telemetry: { otlp, suggestions: { apply: "automatic" } } })).toEqual([]);
    expect(pending({ cache: { collapse: { acrossIsolates: true } } })).toEqual([]);
  });
});
