import { expect, it } from "vitest";
import {
  cdnLoop,
  clientAddress,
  connectedAddress,
  forwarded,
  hasLooped,
  via,
} from "../../../worker/core/http/forwarding.ts";

it.each([
  [undefined, ""],
  ["203.0.113.9", "203.0.113.9"],
  ["2001:db8::1", "2001:db8::1"],
  ["::ffff:10.0.0.1", "::ffff:10.0.0.1"],
  ["1.1.1.1, 2.2.2.2", ""],
  ['1.1.1.1"', ""],
  ["1.1.1.1/8", ""],
  ["localhost", ""],
  ["1".repeat(46), ""],
])("clientAddress %s is %s", (received, expected) => expect(clientAddress(received)).toBe(expected));

it.each([
  ["192.0.2.1:51000", "192.0.2.1"],
  ["[2001:db8::1]:51000", "2001:db8::1"],
  ["unix:/run/sluice.sock", ""],
  ['1.2.3.4", for=x:1', ""],
  [undefined, ""],
  [7, ""],
])("connectedAddress %s is %s", (connection, expected) => expect(connectedAddress(connection)).toBe(expected));

it.each([
  ["203.0.113.9", "a.example", "https", "for=203.0.113.9;host=a.example;proto=https"],
  ["203.0.113.9", "a.example:8787", "http", 'for=203.0.113.9;host="a.example:8787";proto=http'],
  ["2001:db8::1", "[::1]:80", "http", 'for="[2001:db8::1]";host="[::1]:80";proto=http'],
  ["", "a", "http", "for=unknown;host=a;proto=http"],
])("forwarded %s", (address, authority, scheme, expected) => {
  expect(forwarded(address, authority, scheme)).toBe(expected);
});

it("via and CDN-Loop are appended to, never replaced", () => {
  expect(via(undefined)).toBe("1.1 sluice");
  expect(via(null)).toBe("1.1 sluice");
  expect(via("1.0 fred, 2 p.example")).toBe("1.0 fred, 2 p.example, 1.1 sluice");
  expect(cdnLoop(undefined)).toBe("sluice");
  expect(cdnLoop("cloudflare; loops=1")).toBe("cloudflare; loops=1, sluice");
});

it("a request that comes back is found, whoever stood in between", () => {
  expect(hasLooped(undefined)).toBe(false);
  expect(hasLooped("cloudflare; loops=1")).toBe(false);
  expect(hasLooped(cdnLoop(undefined))).toBe(true);
  expect(hasLooped(`${cdnLoop("cloudflare")}, other; x="y"`)).toBe(true);
});
