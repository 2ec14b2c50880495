import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  canonicalPath,
  forwardPath,
  isPlainPath,
  needsSecondLook,
  otherReadings,
  scanPath,
  startsWithSegments,
} from "../../../worker/core/http/path.ts";

const canonical = (path: string): string => {
  const result = canonicalPath(path);
  return result.ok ? result.value : `refused: ${result.error}`;
};

// Pieces that meet every branch: dots, slashes and delimiters in all spellings, and some plain letters.
const piece = fc.constantFrom(
  ..."/ // . .. a b ab ; \\ %2e %2E %2f %5c %3B %25 %252f %252e %41 %7e %c3%a9 %C3%A9 %20 é | %e9 ;x=1 .. ../".split(
    " ",
  ),
);
const anyPath = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join("")}`);

describe("canonicalPath", () => {
  it.each([
    ["/", "/"],
    ["/a/b", "/a/b"],
    ["/a/b/", "/a/b/"],
    ["/.well-known/x", "/.well-known/x"],
    ["/a/...", "/a/..."],
    ["/a/..b/.c", "/a/..b/.c"],
    ["/%61%2D%7e", "/a-~"],
    ["/caf%c3%a9", "/caf%C3%A9"],
    ["/café", "/caf%C3%A9"],
    ["/😀", "/%F0%9F%98%80"],
    ["/a b|c^d", "/a%20b%7Cc%5Ed"],
    ["/a%2fb", "/a%2Fb"],
    ["/a%252fb", "/a%252fb"],
    ["/old/%E9t%E9", "/old/%E9t%E9"],
    ["//a///b//", "/a/b/"],
    ["//", "/"],
    ["/a/./b", "/a/b"],
    ["/a/../b", "/b"],
    ["/a/b/..", "/a/"],
    ["/a/b/.", "/a/b/"],
    ["/../../a", "/a"],
    ["/..", "/"],
    ["/%2e%2e/a", "/a"],
    ["/a/%2E./b", "/b"],
    ["/a//../b", "/a/b"],
    ["/a\\b\\..\\c", "/a/c"],
    ["/a;x=1/b", "/a;x=1/b"],
    ["/!$&'()*+,=:@", "/!$&'()*+,=:@"],
  ])("%s is %s", (path, expected) => {
    expect(canonical(path)).toBe(expected);
  });

  it.each([
    ["/%00", "nul"],
    ["/a\0", "nul"],
    ["/%0a", "control"],
    ["/%7F", "control"],
    ["/a\tb", "control"],
    ["/%", "percent"],
    ["/%4", "percent"],
    ["/%zz", "percent"],
    ["/%u002e", "percent"],
    ["/%c0%ae", "overlong"],
    ["/%c1%9c", "overlong"],
    ["/%e0%80%af", "overlong"],
    ["/%f0%80%80%af", "overlong"],
    ["/%f8%80%80%80%af", "overlong"],
    ["/%fc%80%80%80%80%af", "overlong"],
    ["/\ud800", "surrogate"],
  ])("%s is refused: %s", (path, problem) => {
    expect(canonicalPath(path)).toEqual({ ok: false, error: problem });
  });

  it("changes nothing the second time", () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        const once = canonicalPath(path);
        if (once.ok) expect(canonicalPath(once.value)).toEqual(once);
      }),
      { numRuns: 5000 },
    );
  });

  it("resolves dot segments as fetch will", () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        const ours = canonicalPath(path);
        fc.pre(ours.ok);
        const theirs = canonicalPath(new URL(`http://h${path}`).pathname);
        expect(theirs).toEqual(ours);
      }),
      { numRuns: 5000 },
    );
  });

  it("never leaves a dot segment, an empty segment or a character that is no part of a path", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const result = canonicalPath(`/${text}`);
        if (!result.ok) return;
        expect(result.value).toMatch(/^\/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*$/);
        expect(result.value).not.toMatch(/\/\/|\/\.\.?(\/|$)/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("plain paths", () => {
  it.each(["/", "/a", "/a/b/", "/a.b/c-d_e~f", "/.well-known", "/a/...", "/a/..b", "/(x)@y:z"])("%s", (path) => {
    expect(isPlainPath(path)).toBe(true);
  });
  it.each(["", "a", "*", "//a", "/a//", "/.", "/..", "/a/.", "/a/../b", "/%61", "/a;b", "/a b", "/é", "/a\\b", "/a?b"])(
    "not %s",
    (path) => {
      expect(isPlainPath(path)).toBe(false);
    },
  );

  it("are canonical, and have one reading", () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        if (!isPlainPath(path)) return;
        expect(canonicalPath(path)).toEqual({ ok: true, value: path });
        expect(needsSecondLook(path)).toBe(false);
        expect(otherReadings(path, path)).toEqual([]);
      }),
      { numRuns: 3000 },
    );
  });

  it("scanPath finds their end in a URL", () => {
    expect(scanPath("http://h/a/b?c", 8)).toBe(12);
    expect(scanPath("http://h/a/b#c", 8)).toBe(12);
    expect(scanPath("http://h/a//b?c", 8)).toBe(~13);
    expect(scanPath("http://h/a/..?c", 8)).toBe(~13);
    expect(scanPath("http://h/a/.#c", 8)).toBe(~12);
    expect(scanPath("http://h/a/.b?c/../", 8)).toBe(13);
  });
});

describe("other readings", () => {
  it.each([
    ["/a%20b", []],
    ["/caf%c3%a9", []],
    ["/a//b", []],
    ["/a%2fb", ["/a/b"]],
    ["/a%5Cb", ["/a/b"]],
    ["/pub/..%2fadmin", ["/admin"]],
    ["/pub/%2e%2e%2fadmin", ["/admin"]],
    ["/admin;x/b", ["/admin/b"]],
    ["/pub/..;/admin", ["/admin"]],
    ["/a%252fb", ["/a/b"]],
    ["/pub/%252e%252e/admin", ["/admin"]],
    ["/a%2525", ["/a%25"]],
    ["/100%25", []],
    ["/a%2500", []],
    // Dropping the parameter first takes the encoded slash with it; decoding first does not.
    ["/ad;x%2fmin", ["/ad;x/min", "/ad", "/ad/min"]],
    // Whoever keeps the parameter lands elsewhere than whoever drops it.
    ["/pub/..%2fadmin/z/..;/..;/pub/y", ["/pub/pub/y", "/admin/z/..;/..;/pub/y", "/pub/y"]],
  ])("%s", (path, readings) => {
    expect([...otherReadings(path, canonical(path))].sort()).toEqual([...readings].sort());
  });

  it("tell apart a dot segment that takes back an empty segment from one that does not", () => {
    const path = "/pub/..;/admin//..;/pub";
    expect(otherReadings(path, canonical(path))).toEqual(expect.arrayContaining(["/pub", "/admin/pub"]));
  });

  it("of an invalid path are none: it is refused before", () => expect(otherReadings("/%zz", "/%zz")).toEqual([]));

  it("exist only where a second look is asked for", () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        const result = canonicalPath(path);
        if (!result.ok || needsSecondLook(path)) return;
        expect(otherReadings(path, result.value)).toEqual([]);
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    ["/a;b", true],
    ["/a%2Fb", true],
    ["/a%5cb", true],
    ["/a%3bb", true],
    ["/a%25", true],
    ["/a%20b", false],
    ["/a//b", false],
    ["/a%2", false],
  ])("%s needs a second look: %s", (path, expected) => expect(needsSecondLook(path)).toBe(expected));
});

describe("forwardPath", () => {
  it.each([
    // received, strip, add, sent
    ["/a/b", "", "", "/a/b"],
    ["/api/v1/users", "/api/v1", "", "/users"],
    ["/api/v1", "/api/v1", "", "/"],
    ["/api/v1/", "/api/v1", "", "/"],
    ["/api/v1", "/api/v1", "/v2", "/v2"],
    ["/api/v1/", "/api/v1", "/v2", "/v2/"],
    ["/users", "", "/v2", "/v2/users"],
    ["/", "", "/v2", "/v2/"],
    ["/api/v10/users", "/api/v1", "", "/api/v10/users"],
    ["/other", "/api/v1", "", "/other"],
    // as received, but for the prefix
    ["/api/caf%c3%a9//x;y%2f", "/api", "", "/caf%c3%a9//x;y%2f"],
    ["/api//evil.example/x", "/api", "", "//evil.example/x"],
    // the prefix in another spelling: the canonical path is cut
    ["/%61pi/x%2fy", "/api", "", "/x%2Fy"],
    ["//api/x", "/api", "", "/x"],
    // what fetch would resolve against our prefix goes resolved
    ["/../other/x", "", "/tenant", "/tenant/other/x"],
    ["/%2e%2e/other/x", "", "/tenant", "/tenant/other/x"],
    ["/a/.%2E/..\\x", "", "/tenant", "/tenant/x"],
    ["/api/../api/x", "/api", "", "/x"],
    ["/...//x", "", "/tenant", "/tenant/...//x"],
  ])("%s less %s behind %s is %s", (received, strip, add, sent) => {
    expect(forwardPath(received, canonical(received), strip, add)).toBe(sent);
  });

  it("never leaves the prefix that it was given, whatever fetch makes of it", () => {
    fc.assert(
      fc.property(anyPath, fc.constantFrom("", "/a", "/a/b"), (path, strip) => {
        const result = canonicalPath(path);
        fc.pre(result.ok);
        const sent = new URL(`http://upstream:81${forwardPath(path, result.value, strip, "/tenant")}`);
        expect(sent.host).toBe("upstream:81");
        expect(sent.pathname).toMatch(/^\/tenant(\/|$)/);
      }),
      { numRuns: 5000 },
    );
  });
});

it.each([
  ["/a/b", "/a", true],
  ["/a", "/a", true],
  ["/ab", "/a", false],
  ["/b/a", "/a", false],
  ["/a", "", true],
])("startsWithSegments %s %s: %s", (path, prefix, expected) => {
  expect(startsWithSegments(path, prefix)).toBe(expected);
});
