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

  it.each<[string, WrittenPolicy]>([
    ["telemetry.suggestions.apply", { telemetry: { suggestions: { apply: "automatic" } } }],
    ["telemetry.otlp.metrics", { telemetry: { otlp: { url: "https://otlp.example.com", metrics: true } } }],
  ])("tells %s", (section, document) => {
    expect(pending(document)).toContain(section);
  });

  it("does not tell what is switched off", () => {
    expect(pending({ chaos: { enabled: false }, cache: false, security: {} })).toEqual([]);
  });

  it("has a reason for each section of the example that is not built", () => {
    const example = readFileSync(new URL("../../fixtures/policy.example.json", import.meta.url), "utf8");
    for (const { section, reason } of pendingSections(parsed(example))) {
      expect(section).toMatch(/^[a-zA-Z.*[\]]+$/);
      expect(reason.length).toBeGreaterThan(10);
    }
  });
});
