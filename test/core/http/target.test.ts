import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hostOf, readTarget } from "../../../worker/core/http/target.ts";

describe("readTarget", () => {
  it.each([
    ["http://a/", "http", "a", "a", "/", "", true],
    ["https://a/b?c=d", "https", "a", "a", "/b", "?c=d", true],
    ["http://API.Example.com:8787/x", "http", "API.Example.com:8787", "api.example.com", "/x", "", true],
    ["http://a.:80/x", "http", "a.:80", "a", "/x", "", true],
    ["http://[::1]:8787/x?", "http", "[::1]:8787", "[::1]", "/x", "?", true],
    ["http://[2001:DB8::1]/", "http", "[2001:DB8::1]", "[2001:db8::1]", "/", "", true],
    ["http://a", "http", "a", "a", "/", "", true],
    ["http://a/b#f", "http", "a", "a", "/b", "", true],
    ["http://a/b?c#f", "http", "a", "a", "/b", "?c", true],
    ["http://a/b//c?d", "http", "a", "a", "/b//c", "?d", false],
    ["http://a//evil/x", "http", "a", "a", "//evil/x", "", false],
    ["http://a/b?//..;%00", "http", "a", "a", "/b", "?//..;%00", true],
    ["http://a/%2e%2e/b", "http", "a", "a", "/%2e%2e/b", "", false],
  ])("%s", (url, scheme, authority, host, path, query, plain) => {
    expect(readTarget(url)).toEqual({ scheme, authority, host, path, query, plain });
  });

  it.each([
    "http://user@evil/",
    "http://a b/c@d/e",
    "http://a,b/",
    "http://a, b/",
    "http://a:1*",
    "http:///x",
    "http://:80/",
    "http://a:b/",
    "http://a:65536/",
    "http://a:1:2/",
    "http://[::1/",
    "http://::1]/",
    "http://[::1]x/",
    "http://[::1]:x/",
    "http://[]/",
    "http://a?b/",
    "http://b\u00fccher/",
    "http://./",
  ])("refuses %s", (url) => expect(readTarget(url)).toBeUndefined());

  it("reads one authority after another rightly", () => {
    for (const host of ["a", "b", "a", "A", "a"]) {
      expect(readTarget(`http://${host}:1/`)).toMatchObject({ host: host.toLowerCase(), authority: `${host}:1` });
    }
    expect(readTarget("http://x@y/")).toBeUndefined();
    expect(readTarget("http://a:1/")?.host).toBe("a");
  });

  it("agrees with the URL standard on any web URL", () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (text) => {
        const url = new URL(text);
        const target = readTarget(url.href);
        expect(target).toMatchObject({
          scheme: url.protocol.slice(0, -1),
          authority: url.host,
          host: url.hostname.replace(/\.$/, ""),
          path: url.pathname,
        });
        // A lone `?` is a query of its own on the wire; the standard says "" for it.
        expect(target?.query === "?" ? "" : target?.query).toBe(url.search);
      }),
      { numRuns: 1000 },
    );
  });
});

it.each([
  ["Example.COM", "example.com"],
  ["example.com:443", "example.com"],
  ["example.com:", "example.com"],
  ["[::1]", "[::1]"],
  ["10.0.0.1:9101", "10.0.0.1"],
  ["", undefined],
  ["a/b", undefined],
  ["a%41", undefined],
])("hostOf %s: %s", (authority, host) => expect(hostOf(authority)).toBe(host));
