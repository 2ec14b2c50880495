import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  isKeyId,
  isKeyOf,
  isLive,
  isOurs,
  makeApiKey,
  pepperOf,
  RANDOM_BYTES,
  readApiKey,
  readKeyRecord,
} from "../../../worker/core/security/api-keys.ts";
import type { KeyRecord } from "../../../worker/core/security/api-keys.ts";
import { bearerOf, takeFromQuery } from "../../../worker/core/security/shown.ts";

const pepper = await pepperOf("pepper");
const random = (): Uint8Array => new Uint8Array(randomBytes(RANDOM_BYTES));

describe("a key", () => {
  it("is known by its hash, under its pepper alone", async () => {
    const { id, key, hash } = await makeApiKey(random(), pepper);
    const read = readApiKey(key)!;
    expect(read.id).toBe(id);
    expect(isKeyId(id)).toBe(true);
    expect(hash).not.toContain(read.secret);
    expect(await isOurs(id, pepper)).toBe(true);
    expect(await isKeyOf(read, hash, pepper)).toBe(true);
    expect(await isKeyOf({ ...read, secret: `${read.secret.slice(1)}A` }, hash, pepper)).toBe(false);
    expect(await isKeyOf(read, `${hash}=`, pepper)).toBe(false);
    expect(await isKeyOf(read, "", pepper)).toBe(false);
    const other = await pepperOf("another");
    expect(await isOurs(id, other)).toBe(false);
    expect(await isKeyOf(read, hash, other)).toBe(false);
  });

  it("an id that somebody has thought up is none", async () => {
    let ours = 0;
    for (let at = 0; at < 500; at++) {
      const id = `sk_${randomBytes(18).toString("base64url")}`;
      expect(isKeyId(id)).toBe(true);
      if (await isOurs(id, pepper)) ours++;
    }
    expect(ours).toBe(0);
  });

  it("no two are alike, and too little chance makes none", async () => {
    const made = await Promise.all(Array.from({ length: 100 }, () => makeApiKey(random(), pepper)));
    expect(new Set(made.map(({ key }) => key)).size).toBe(100);
    await expect(makeApiKey(new Uint8Array(8), pepper)).rejects.toThrow(RangeError);
  });

  it.each([
    "",
    "sk_",
    "sk_a.b",
    `sk_${"a".repeat(24)}.${"b".repeat(42)}`,
    `sk_${"a".repeat(24)}.${"b".repeat(44)}`,
    `sk-${"a".repeat(24)}.${"b".repeat(43)}`,
    `sk_${"a".repeat(23)}=.${"b".repeat(43)}`,
    `sk_${"a".repeat(24)}.${"b".repeat(42)}\n`,
  ])("%j has not its shape", (text) => expect(readApiKey(text)).toBeUndefined());
});

it("a record comes back as it was, and anything else as none", () => {
  const record: KeyRecord = {
    id: "i",
    hash: "h",
    name: "n",
    user: "u",
    tenant: "",
    roles: [],
    permissions: ["p"],
    rateLimit: "",
    createdAt: 1,
    expiresAt: 0,
    revokedAt: 0,
  };
  expect(readKeyRecord(JSON.stringify(record))).toEqual(record);
  for (const text of ["", "{}", "null", "[]", JSON.stringify({ ...record, roles: "x" })])
    expect(readKeyRecord(text)).toBeUndefined();
  expect(isLive(record, 5)).toBe(true);
  expect(isLive({ ...record, expiresAt: 5 }, 5)).toBe(false);
  expect(isLive({ ...record, expiresAt: 6 }, 5)).toBe(true);
  expect(isLive({ ...record, revokedAt: 1 }, 5)).toBe(false);
});

describe("where a credential stands", () => {
  it.each([
    [undefined, undefined],
    ["", undefined],
    ["Bearer", undefined],
    ["Bearer ", ""],
    ["Bearer x", "x"],
    ["bearer  x ", "x"],
    ["BEARER x", "x"],
    ["Bearerx", undefined],
    ["Basic x", undefined],
    ["Bearer\tx", undefined],
  ])("Authorization: %j", (field, token) => expect(bearerOf(field)).toBe(token));

  it.each([
    ["", "", []],
    ["?a=1", "?a=1", []],
    ["?api_key=k", "", ["k"]],
    ["?a=1&api_key=k&b=2", "?a=1&b=2", ["k"]],
    ["?api%5fkey=k", "", ["k"]],
    ["?%61pi_key=k%2E1&x", "?x", ["k.1"]],
    ["?api_key=1&api_key=2", "", ["1", "2"]],
    ["?api_key", "", [""]],
    ["?my_api_key=k", "?my_api_key=k", []],
    ["?API_KEY=k", "?API_KEY=k", []],
    ["?%zz=1&api_key=%zz", "?%zz=1", ["%zz"]],
    ["?a=%20b", "?a=%20b", []],
  ])("%s", (query, kept, values) => expect(takeFromQuery(query, "api_key")).toEqual({ query: kept, values }));
});
