import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { policyReference } from "../../scripts/policy/reference.ts";
import { policyJsonSchema } from "../../worker/core/policy/jsonschema.ts";

const page = policyReference(policyJsonSchema());

it("is current: npm run policy -- reference", () => {
  expect(readFileSync(new URL("../../docs/policy-reference.md", import.meta.url), "utf8")).toBe(page);
});

it.each([
  "`services.<name>.instances[].url`",
  "`routes[].match.path`",
  "`services.<name>.breaker.openMs`",
  "`cache.rules[].ttlSeconds`",
])("lists %s", (field) => expect(page).toContain(`| ${field} |`));
