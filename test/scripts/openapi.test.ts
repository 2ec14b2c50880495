// The OpenAPI document against a standard validator, against the table of endpoints and against the table of access.
import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, it } from "vitest";
import { BASE, openApiDocument } from "../../scripts/openapi/document.ts";
import { NEEDS } from "../../worker/admin/access.ts";
import { ADMIN_ENDPOINTS, OPEN_ENDPOINTS } from "../../worker/admin/endpoints.ts";
import { documentFile, readDocument } from "../support/openapi.ts";

const written = readDocument();
const operations = Object.values(written.paths).flatMap((item) => Object.values(item));

describe("the OpenAPI document", () => {
  it("is current: npm run openapi", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    expect(readFileSync(documentFile, "utf8")).toBe(`${JSON.stringify(await openApiDocument(version), null, 2)}\n`);
  });

  it("is one, of version 3.1", async () => {
    const validator = new Validator();
    const result = await validator.validate(readFileSync(documentFile, "utf8"));
    expect(result.errors).toBeUndefined();
    expect(result.valid).toBe(true);
    expect(validator.version).toBe("3.1");
    expect(() => validator.resolveRefs()).not.toThrow();
  });

  it("has every endpoint of the table, and no other", () => {
    const ids = [...Object.values(ADMIN_ENDPOINTS), ...Object.values(OPEN_ENDPOINTS)].map(({ id }) => id);
    expect(operations.map(({ operationId }) => operationId).toSorted()).toEqual(ids.toSorted());
    for (const path of Object.keys(written.paths)) expect(path.startsWith(`${BASE}/`), path).toBe(true);
  });

  it("says of each what role it needs, as the table of access has it", () => {
    for (const [name, { id }] of Object.entries(ADMIN_ENDPOINTS)) {
      const operation = operations.find(({ operationId }) => operationId === id);
      expect(JSON.stringify(operation), name).toContain(`sluice:${NEEDS[name as keyof typeof NEEDS]}`);
    }
    for (const { id } of Object.values(OPEN_ENDPOINTS)) {
      expect(operations.find(({ operationId }) => operationId === id)).toMatchObject({ security: [] });
    }
  });

  it("names each operation once, and every reference leads somewhere", () => {
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const references = [...JSON.stringify(written).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
    expect(references.length).toBeGreaterThan(20);
    for (const [, name = ""] of references) expect(Object.keys(written.components.schemas)).toContain(name);
  });
});
