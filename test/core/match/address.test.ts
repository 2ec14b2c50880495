import { BlockList } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hostKind, inRange, parseAddress, parseRange } from "../../../worker/core/match/address.ts";

describe("parseAddress", () => {
  it.each([
    ["1.2.3.4", [0, 0, 0, 0, 0, 0xffff, 0x0102, 0x0304]],
    ["::", [0, 0, 0, 0, 0, 0, 0, 0]],
    ["::1", [0, 0, 0, 0, 0, 0, 0, 1]],
    ["1::", [1, 0, 0, 0, 0, 0, 0, 0]],
    ["2001:DB8::a:0:1", [0x2001, 0xdb8, 0, 0, 0, 0xa, 0, 1]],
    ["::ffff:1.2.3.4", [0, 0, 0, 0, 0, 0xffff, 0x0102, 0x0304]],
    ["1:2:3:4:5:6:7:8", [1, 2, 3, 4, 5, 6, 7, 8]],
  ])("%s", (text, groups) => {
    expect(parseAddress(text)).toEqual(groups);
  });

  it.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3.4 ",
    ":",
    ":::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1::2::3",
    "1:2:3:4:5:6:7::8",
    "12345::",
    "g::",
    "1.2.3.4::",
    "::1.2.3",
    "fe80::1%eth0",
    "a.b.c.d",
  ])("%j is none", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

describe("parseRange", () => {
  it.each(["10.0.0.0/8", "10.0.0.0/0", "10.0.0.1", "2001:db8::/32", "::/0", "::1/128"])("%s", (text) => {
    expect(parseRange(text)).toBeDefined();
  });

  it.each(["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1", "::/129", "x/8", "10.0.0.0/8/8"])(
    "%s is none",
    (text) => {
      expect(parseRange(text)).toBeUndefined();
    },
  );

  it("agrees with the runtime's own block list", () => {
    const v4 = fc.ipV4();
    const bits = fc.integer({ min: 0, max: 32 });
    fc.assert(
      fc.property(v4, v4, bits, (address, network, length) => {
        const list = new BlockList();
        list.addSubnet(network, length, "ipv4");
        const range = parseRange(`${network}/${length}`);
        expect(inRange(parseAddress(address)!, range!)).toBe(list.check(address, "ipv4"));
      }),
    );
    fc.assert(
      fc.property(fc.ipV6(), fc.ipV6(), fc.integer({ min: 1, max: 128 }), (address, network, length) => {
        const list = new BlockList();
        list.addSubnet(network, length, "ipv6");
        const range = parseRange(`${network}/${length}`);
        expect(inRange(parseAddress(address)!, range!)).toBe(list.check(address, "ipv6"));
      }),
    );
  });
});

describe("hostKind", () => {
  it("never throws, and knows every spelling of a loopback address for one", () => {
    fc.assert(fc.property(fc.string(), (host) => void hostKind(host)));
    const spelling = fc.constantFrom(
      (n: number) => `http://${n}`,
      (n: number) => `http://0x${n.toString(16)}`,
      (n: number) => `http://0${n.toString(8)}`,
      (n: number) => `http://127.${n & 0xffffff}`,
      (n: number) => `http://[::ffff:${(n >>> 16).toString(16)}:${(n & 0xffff).toString(16)}]`,
    );
    fc.assert(
      fc.property(fc.integer({ min: 0x7f000000, max: 0x7fffffff }), spelling, (address, spell) => {
        expect(hostKind(new URL(spell(address)).hostname)).toBe("inside");
      }),
    );
  });
});
