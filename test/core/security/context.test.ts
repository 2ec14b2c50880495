import { describe, expect, it } from "vitest";
import { agree, ANONYMOUS, grants, grantsAll, permissionsOf } from "../../../worker/core/security/context.ts";
import { SecurityLog } from "../../../worker/core/security/events.ts";
import { asFieldValue, identityPairs } from "../../../worker/core/security/identity-headers.ts";

describe("permissions", () => {
  it.each<[string[], string, boolean]>([
    [["models:read"], "models:read", true],
    [["models:read"], "models:write", false],
    [["*"], "anything", true],
    [["models:*"], "models:read", true],
    [["models:*"], "models:", true],
    [["models:*"], "models", false],
    [["models:*"], "modelsx:read", false],
    [["models*"], "models:read", false],
    [["models:read"], "models:*", false],
    [[], "x", false],
    [["X"], "x", false],
  ])("%j for %s: %s", (held, needed, expected) => expect(grants(held, needed)).toBe(expected));

  it("all that are needed must be held", () => {
    expect(grantsAll(["a", "b"], ["a", "b"])).toBe(true);
    expect(grantsAll(["a"], ["a", "b"])).toBe(false);
    expect(grantsAll([], [])).toBe(true);
  });

  it("roles bring what the policy says, and names of an object's own bring nothing", () => {
    const table = { reader: ["a:read", "b:read"], writer: ["a:write", "a:read"] };
    expect(permissionsOf(["reader", "writer"], ["own"], table)).toEqual(["own", "a:read", "b:read", "a:write"]);
    expect(permissionsOf(["constructor", "__proto__", "toString", "nobody"], [], table)).toEqual([]);
  });
});

it("two credentials agree when user and tenant are the same", () => {
  const one = { ...ANONYMOUS, user: "alice", tenant: "acme" };
  expect(agree(one, { ...one, keyId: "k" })).toBe(true);
  expect(agree(one, { ...one, tenant: "" })).toBe(false);
  expect(agree(one, { ...one, user: "Alice" })).toBe(false);
});

describe("fields for upstreams", () => {
  const names = { user: "u", tenant: "t", roles: "r", signature: "s" };
  it.each([
    ["alice@example.com", "alice@example.com"],
    ["a b", "a%20b"],
    ["a,b", "a%2Cb"],
    ["100%", "100%25"],
    ["ä\r\nX-Evil: 1", "%C3%A4%0D%0AX-Evil:%201"],
    ["\ud800", "%EF%BF%BD"],
    ["😀", "%F0%9F%98%80"],
    ["auth0|123", "auth0|123"],
  ])("%j is written %s", (value, written) => {
    expect(asFieldValue(value)).toBe(written);
    expect(decodeURIComponent(written)).toBe(value.toWellFormed());
  });

  it("nobody is told nothing, and what is not known is left out", () => {
    expect(identityPairs(ANONYMOUS, names)).toEqual([]);
    expect(identityPairs({ ...ANONYMOUS, scheme: "jwt", user: "a" }, names)).toEqual([["u", "a"]]);
  });
});

describe("the log of security events", () => {
  it("counts all, and keeps equal ones as one", () => {
    const log = new SecurityLog();
    expect(log.drain()).toBeUndefined();
    for (let at = 0; at < 1_000; at++)
      log.note({ kind: "credential_refused", detail: "expired", address: "192.0.2.1" }, at);
    log.note({ kind: "permission_denied", who: "w".repeat(500) }, 7);
    const news = log.drain()!;
    expect(news.counts).toEqual({ credential_refused: 1_000, permission_denied: 1 });
    expect(news.events).toHaveLength(2);
    expect(news.events[0]).toEqual({
      at: 0,
      kind: "credential_refused",
      detail: "expired",
      route: "",
      address: "192.0.2.1",
      who: "",
      count: 1_000,
    });
    expect(news.events[1]!.who.length).toBeLessThan(200);
    expect(log.drain()).toBeUndefined();
    expect(log.totals.get("credential_refused")).toBe(1_000);
  });

  it("a flood of different ones leaves its number and its first faces", () => {
    const log = new SecurityLog();
    for (let at = 0; at < 10_000; at++)
      log.note({ kind: "credential_refused", address: `10.0.${at >> 8}.${at & 255}` }, at);
    const news = log.drain()!;
    expect(news.counts).toEqual({ credential_refused: 10_000 });
    expect(news.events).toHaveLength(64);
  });
});
