import { expect, test } from "vitest";
import type { RequestInfluence } from "../../../worker/core/cache/influence.ts";
import { primaryKey, type KeyParts } from "../../../worker/core/cache/key.ts";

const PARTS: KeyParts = {
  tenant: "",
  route: "/*",
  scheme: "https",
  authority: "example.com",
  path: "/a",
  query: "?q=1",
};

const INFLUENCE: RequestInfluence = {
  rule: "",
  bypass: false,
  takesMethod: false,
  query: undefined,
  extra: "",
  keysCookie: false,
  keysCredential: false,
  acrossIsolates: false,
  tiers: undefined,
  propose: () => undefined,
};

const key = (changes: Partial<KeyParts> = {}, influence: Partial<RequestInfluence> = {}, method = "GET"): string =>
  primaryKey(method, { ...PARTS, ...changes }, { ...INFLUENCE, ...influence });

test("HEAD looks where GET stores, any other method elsewhere", () => {
  expect(key({}, {}, "HEAD")).toBe(key());
  expect(key({}, {}, "POST")).not.toBe(key());
});

test("every part that may change an answer changes the key", () => {
  const keys = [
    key(),
    key({ tenant: "acme" }),
    key({ route: "GET /a" }),
    key({ scheme: "http" }),
    key({ authority: "example.com:8443" }),
    key({ path: "/A" }),
    key({ path: "/%61" }),
    key({ query: "" }),
    key({ query: "?q=1&" }),
    key({}, { extra: "fr" }),
    key({ tenant: "fr" }),
  ];
  expect(new Set(keys).size).toBe(keys.length);
});

test("a rule's reading of the query stands in for the query", () => {
  expect(key({}, { query: "" })).toBe(key({ query: "?other" }, { query: "" }));
});

test("a rule without an extra has the key of no rule", () => {
  expect(key()).toBe(primaryKey("GET", PARTS, undefined));
});
