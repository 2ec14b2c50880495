import fc from "fast-check";
import { expect, test } from "vitest";
import { dateRange, keyParts, varyPart, type KeySource } from "../../../worker/core/cache/key-parts.ts";

const source = (headers: Record<string, string>, query = "", payloadHash = ""): KeySource => ({
  header: (name) => headers[name] ?? null,
  query,
  payloadHash,
});
const partsOf = (varyBy: string[], from: KeySource): string => keyParts(varyBy.map(varyPart), from);

test("what a rule may vary by", () => {
  const from = source({ "x-tenant": "acme", cookie: "a=1; theme=dark" }, "?page=2&from=2026-01-01", "abcd");
  expect(partsOf(["payload_hash"], from)).toBe("payload=4:abcd;");
  expect(partsOf(["header:X-Tenant"], from)).toBe("header:x-tenant=4:acme;");
  expect(partsOf(["query:page"], from)).toBe("query:page=1:2;");
  expect(partsOf(["page"], from)).toBe("header:page;query:page=1:2;");
  expect(partsOf(["X-Tenant"], from)).toBe("header:x-tenant=4:acme;query:X-Tenant;");
  expect(partsOf(["date_range"], from)).toBe("dates=12:2026-01-01..;");
  expect(partsOf(["cookie:theme"], from)).toMatch(/^cookie:theme=#[0-9a-f]{32};$/);
  expect(partsOf(["cookie:missing"], from)).toBe("cookie:missing;");
});

test.each([
  ["", "default"],
  ["?date_range=7d&from=x", "7d"],
  ["?start=a&end=b", "a..b"],
  ["?until=b", "..b"],
])("the days %s asks for", (query, range) => {
  expect(dateRange(query)).toBe(range);
});

test("no secret stands in a key, and a key is bounded", () => {
  const secret = "s3cr3t-value";
  const headers = {
    authorization: `Bearer ${secret}`,
    "x-api-key": secret,
    cookie: `session=${secret}`,
    "x-long": secret.repeat(99),
  };
  const key = partsOf(
    ["Authorization", "X-Api-Key", "cookie:session", "header:Cookie", "header:x-long"],
    source(headers),
  );
  expect(key).not.toContain(secret);
  expect(key.length).toBeLessThan(400);
});

test("absent is not empty, and no value passes for two parts", () => {
  const varyBy = ["header:a", "header:b"].map(varyPart);
  const value = fc.option(fc.string({ maxLength: 80 }), { nil: undefined });
  fc.assert(
    fc.property(value, value, value, value, (a, b, c, d) => {
      const of = (first?: string, second?: string) =>
        keyParts(
          varyBy,
          source({ ...(first === undefined ? {} : { a: first }), ...(second === undefined ? {} : { b: second }) }),
        );
      expect(of(a, b) === of(c, d)).toBe(a === c && b === d);
    }),
  );
});
