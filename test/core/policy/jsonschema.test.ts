import { readFileSync } from "node:fs";
import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { policyJsonSchema } from "../../../worker/core/policy/jsonschema.ts";
import type { SchemaNode } from "../../../worker/core/policy/jsonschema.ts";
import { policySchema } from "../../../worker/core/policy/schema.ts";
import { documentsOf, schemaViolations } from "../../support/json-schema.ts";

const read = (file: string): string => readFileSync(new URL(`../../../${file}`, import.meta.url), "utf8");
const schema = policyJsonSchema();

describe("the published JSON Schema", () => {
  it("is current: npm run policy schema", () => {
    expect(JSON.parse(read("policy.schema.json"))).toEqual(JSON.parse(JSON.stringify(schema)));
  });

  it("allows the example", () => {
    expect(schemaViolations(schema, JSON.parse(read("policy.example.json")))).toEqual([]);
  });

  it.each([
    ["an unknown section", { extra: 1 }],
    ["an unknown field deep inside", { services: { a: { breaker: { foo: 1 } } } }],
    ["a number out of range", { services: { a: { routing: { panicShare: 2 } } } }],
    ["a secret that is written", { providers: { p: { adapter: "openai", key: "sk-1" } } }],
    ["a route without a service", { routes: [{ match: { path: "/" } }] }],
    ["a name that is none", { services: { "a b": {} } }],
  ])("refuses %s, as the parser does", (_, document) => {
    expect(schemaViolations(schema, document)).not.toEqual([]);
    expect(v.safeParse(policySchema, document).success).toBe(false);
  });

  it("describes fields by what they mean", () => {
    expect(JSON.stringify(schema)).toContain("Who is shed first when a limit is reached.");
  });
});

describe("documents that the schema allows", () => {
  // One section at a time: a check across fields, which JSON Schema cannot express, then refuses few of them.
  const sections = Object.entries(policySchema.entries).map(([name]) => name);
  const documents = (section: string): fc.Arbitrary<unknown> =>
    fc.record({ [section]: documentsOf(schema, sectionOf(section)) });

  it.each(sections)("come out of parsing with every default filled, and parse to the same again: %s", (section) => {
    let parsed = 0;
    fc.assert(
      fc.property(documents(section), (document) => {
        const once = v.safeParse(policySchema, document);
        if (!once.success) return;
        parsed++;
        const written: unknown = JSON.parse(JSON.stringify(once.output));
        expect(v.parse(policySchema, written)).toEqual(once.output);
        expect(schemaViolations(schema, written)).toEqual([]);
      }),
      { numRuns: 60 },
    );
    expect(parsed).toBeGreaterThan(0);
  });

  it.each(sections)("are refused by a check across fields only, never by a type or a limit: %s", (section) => {
    const functions = new Set(["check", "raw_check", "raw_transform"]);
    fc.assert(
      fc.property(documents(section), (document) => {
        const result = v.safeParse(policySchema, document);
        expect((result.issues ?? []).map((issue) => issue.type).filter((type) => !functions.has(type))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

function sectionOf(name: string): SchemaNode {
  const properties = schema["properties"];
  if (typeof properties !== "object" || properties === null) throw new TypeError("the schema has no properties");
  const section: unknown = Reflect.get(properties, name);
  if (typeof section !== "object" || section === null) throw new TypeError(`no section ${name}`);
  return { ...section };
}
