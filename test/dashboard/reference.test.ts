// The page that shows the API: schemas in words, members and examples, and what the document of this very gateway becomes by them.
import { Ajv2020 } from "ajv/dist/2020.js";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { curlLine } from "../../worker/dashboard/reference/curl.ts";
import {
  endpointsOf,
  matching,
  type ApiDocument,
  type Schema,
  type Schemas,
} from "../../worker/dashboard/reference/document.ts";
import { example, limits, membersOf, typeWords } from "../../worker/dashboard/reference/schema.ts";
import { documentFile } from "../support/openapi.ts";

const document = JSON.parse(readFileSync(documentFile, "utf8")) as ApiDocument;
const endpoints = endpointsOf(document);
const own = document.components.schemas;
const schemas: Schemas = {
  Node: { type: "object", properties: { next: { $ref: "#/components/schemas/Node" } }, required: ["next"] },
};
const node: Schema = { $ref: "#/components/schemas/Node" };

describe("a schema", () => {
  it.each<[Schema, string]>([
    [node, "Node"],
    [{}, "anything"],
    [{ const: 7 }, "7"],
    [{ enum: ["json", "html"] }, '"json" | "html"'],
    [{ type: "array", items: node }, "list of Node"],
    [{ anyOf: [{ type: "string" }, { type: "null" }] }, "string or null"],
    [{ type: ["string", "null"] }, "string or null"],
    [{ type: "object", additionalProperties: { type: "number" } }, "map to number"],
    [{ type: "array", prefixItems: [{ type: "integer" }, node] }, "list of [integer, Node]"],
  ])("%j is %s in words", (schema, words) => expect(typeWords(schema)).toBe(words));

  it("has its limits in words", () => {
    expect(limits({ minimum: 1, maximum: 200, default: 50 })).toEqual(["1 to 200", "50 when absent"]);
    expect(limits({ minLength: 1, pattern: "^a" })).toEqual(["at least 1 character", "matches ^a"]);
    expect(limits({ maxItems: 3 })).toEqual(["at most 3 items"]);
  });

  it("has members, through lists, null and references, one step at a time", () => {
    const names = (schema: Schema): string[] => membersOf(schema, schemas).map(({ name }) => name);
    expect(names({ anyOf: [{ type: "array", items: node }, { type: "null" }] })).toEqual(["next"]);
    expect(membersOf(node, schemas)).toEqual([{ name: "next", schema: node, isRequired: true }]);
    expect(names({ anyOf: [node, { type: "string" }] })).toEqual(["either (1)", "either (2)"]);
    expect(names({ type: "object", additionalProperties: node })).toEqual(["any name"]);
    expect(names({ type: "string" })).toEqual([]);
    expect(names({ $ref: "#/components/schemas/Gone" })).toEqual([]);
  });

  it("has an example, also one that holds itself", () => {
    expect(JSON.stringify(example(node, schemas))).toMatch(/^(\{"next":)+null\}+$/);
  });
});

describe("the gateway's own document", () => {
  it("says of each endpoint which role it needs", () => {
    const roles = Object.fromEntries(endpoints.map(({ operationId, role }) => [operationId, role]));
    expect(roles).toMatchObject({ getMe: "viewer", purgeCache: "operator", putPolicy: "admin" });
    expect(roles["getHealth"]).toBeUndefined();
  });

  it("is searched by words that may stand anywhere", () => {
    const found = (words: string): string[] => matching(endpoints, words).map(({ operationId }) => operationId);
    expect(found("")).toHaveLength(endpoints.length);
    expect(found("PURGE  tag")).toEqual(["purgeCache"]);
    expect(found("delete admin keys")).toEqual(["revokeKey"]);
    expect(found("nothing of the kind")).toEqual([]);
  });

  it("gives lines without a token, whose bodies it takes itself", () => {
    const ajv = new Ajv2020({ strict: false, formats: { "date-time": true } });
    let bodies = 0;
    for (const endpoint of endpoints) {
      const line = curlLine(endpoint, "https://gateway.test", own);
      expect(line.includes("$SLUICE_TOKEN"), endpoint.operationId).toBe(endpoint.role !== undefined);
      expect(line).not.toMatch(/https:[^']*[{}]/);
      const [, body] = /-d '(.+)'$/.exec(line) ?? [];
      if (body === undefined) continue;
      bodies++;
      const { schema } = Object.values(endpoint.requestBody!.content)[0]!;
      expect(ajv.validate({ ...schema, components: { schemas: own } }, JSON.parse(body)), line).toBe(true);
    }
    expect(bodies).toBeGreaterThan(3);
  });
});
