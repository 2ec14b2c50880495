import { describe, expect, it } from "vitest";
import { callerOf, claimProblem, endOf, readClaims } from "../../../worker/core/security/claims.ts";
import type { ClaimCode, ClaimRules, Claims } from "../../../worker/core/security/claims.ts";

const NOW = 1_700_000_000;
const rules: ClaimRules = {
  issuer: "i",
  audiences: ["a", "b"],
  leewaySeconds: 60,
  maxAgeSeconds: Infinity,
  typ: "",
  required: ["exp", "sub"],
};
const good: Claims = { iss: "i", aud: "a", sub: "alice", exp: NOW + 100 };

describe("claimProblem", () => {
  it.each<[string, Claims, Partial<ClaimRules>, ClaimCode | undefined]>([
    ["good", {}, {}, undefined],
    ["exp now", { exp: NOW }, { leewaySeconds: 0 }, "expired"],
    ["exp a moment from now", { exp: NOW + 0.5 }, { leewaySeconds: 0 }, undefined],
    ["exp at the end of leeway", { exp: NOW - 60 }, {}, "expired"],
    ["exp within leeway", { exp: NOW - 59 }, {}, undefined],
    ["exp negative", { exp: -1 }, {}, "claims_invalid"],
    ["exp true", { exp: true }, {}, "claims_invalid"],
    ["nbf at leeway", { nbf: NOW + 60 }, {}, undefined],
    ["nbf behind it", { nbf: NOW + 61 }, {}, "not_yet"],
    ["no exp where it is not required", { exp: undefined }, { required: [] }, undefined],
    ["a required claim that is null", { scope: null }, { required: ["scope"] }, "claim_missing"],
    ["a required claim further down", { a: { b: 1 } }, { required: ["a.b"] }, undefined],
    ["too old", { iat: NOW - 200 }, { maxAgeSeconds: 100 }, "too_old"],
    ["too long a life", { iat: NOW, exp: NOW + 101 }, { maxAgeSeconds: 100 }, "too_old"],
    ["no iat where age counts", {}, { maxAgeSeconds: 100 }, "claim_missing"],
    ["young enough", { iat: NOW, exp: NOW + 100 }, { maxAgeSeconds: 100 }, undefined],
  ])("%s", (_, changes, more, expected) => {
    expect(claimProblem({ ...good, ...changes }, { alg: "x" }, { ...rules, ...more }, NOW * 1_000)).toBe(expected);
  });

  it.each<[unknown, string, boolean]>([
    ["at+jwt", "at+jwt", true],
    ["AT+JWT", "at+jwt", true],
    ["application/at+jwt", "at+jwt", true],
    ["jwt", "at+jwt", false],
    [undefined, "at+jwt", false],
    [undefined, "", true],
  ])("typ %j where %j is asked for: %s", (typ, asked, fits) => {
    const problem = claimProblem(good, { alg: "x", typ }, { ...rules, typ: asked }, NOW * 1_000);
    expect(problem).toBe(fits ? undefined : "type_wrong");
  });
});

describe("readClaims", () => {
  const read = (text: string): Claims | undefined => readClaims(new TextEncoder().encode(text));
  it.each([
    "",
    "null",
    "[]",
    "1",
    '"x"',
    '{"a":1,"a":2}',
    '{"a":1}x',
    '\ufeff{"a":1}',
    '{"__proto__":{}}',
    `{"a":${"[".repeat(40)}${"]".repeat(40)}}`,
  ])("%j is none", (text) => expect(read(text)).toBeUndefined());
  it("an object is", () => expect(read(' {"a": [1]} ')).toEqual({ a: [1] }));
});

describe("callerOf", () => {
  const names = { user: ["email", "sub"], tenant: "org.id", roles: "https://example.com/roles", permissions: "scope" };
  it("takes names from where the policy says", () => {
    const claims = { sub: "1", email: "", org: { id: "acme" }, "https://example.com/roles": ["r"], scope: "a  b" };
    expect(callerOf(claims, names)).toEqual({ user: "1", tenant: "acme", roles: ["r"], permissions: ["a", "b"] });
    expect(callerOf({}, names)).toEqual({ user: "", tenant: "", roles: [], permissions: [] });
  });
  it.each<[string, Claims]>([
    ["a user that is a number", { sub: 1 }],
    ["a tenant that is a list", { org: { id: ["acme"] } }],
    ["roles that are a number", { "https://example.com/roles": 1 }],
    ["a role that is none", { "https://example.com/roles": ["a", 1] }],
    ["a user without end", { sub: "x".repeat(300) }],
    ["roles without end", { scope: "a ".repeat(200) }],
  ])("%s is nobody", (_, claims) => expect(callerOf(claims, names)).toBeUndefined());
});

it("a token is over when it says so, or when it is too old", () => {
  expect(endOf({ exp: 100 }, rules)).toBe(160_000);
  expect(endOf({}, rules)).toBe(Infinity);
  expect(endOf({ exp: 1_000, iat: 100 }, { ...rules, maxAgeSeconds: 50 })).toBe(210_000);
});
