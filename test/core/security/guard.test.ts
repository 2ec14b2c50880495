import { describe, expect, it } from "vitest";
import { allowField, compileAddresses, letsIn, takesType } from "../../../worker/core/security/guard.ts";

describe("addresses", () => {
  const rules = compileAddresses({ allow: ["203.0.113.0/24", "2001:db8::/32"], deny: ["203.0.113.66"] })!;

  it.each([
    ["203.0.113.7", true],
    ["::ffff:203.0.113.7", true],
    ["2001:db8::1", true],
    ["203.0.113.66", false],
    ["198.51.100.1", false],
    ["", false],
    ["evil", false],
  ])("%s: %s", (address, isIn) => {
    expect(letsIn(rules, address)).toBe(isIn);
  });

  it("are all let in but those kept out, where nobody is listed; without rules nobody is asked", () => {
    const deny = compileAddresses({ deny: ["198.51.100.0/24"] })!;
    expect(["198.51.100.1", "203.0.113.7", ""].map((address) => letsIn(deny, address))).toEqual([false, true, true]);
    expect(compileAddresses({ deny: [] })).toBeUndefined();
  });
});

it("says which methods are left when one is forbidden", () => {
  expect(allowField(new Set(["TRACE", "PUT", "DELETE"]))).toBe("GET, HEAD, POST, PATCH, OPTIONS");
});

it.each([
  ["application/json", true],
  ["Application/JSON; charset=utf-8", true],
  [" application/json ;v=1", true],
  ["image/png", true],
  ["image/", false],
  ["imagex/png", false],
  ["text/html", false],
  ["application/jsonp", false],
  ["", false],
  [null, false],
])("a body of type %s: %s", (type, isTaken) => {
  expect(takesType(["application/json", "image/*"], type)).toBe(isTaken);
});
