import { describe, expect, it } from "vitest";
import { canonicalPattern, hostPatternProblem, pathPatternProblem } from "../../../worker/core/match/pattern.ts";

describe("path patterns", () => {
  it.each(["/", "/*", "/a/*", "/a/*/b", "/*.js", "/caf%c3%a9", "/café", "/.well-known/*", "/a;b"])("%s is one", (p) => {
    expect(pathPatternProblem(p)).toBeUndefined();
  });
  it.each([
    ["", "start with /"],
    ["a/*", "start with /"],
    ["/a?b=1", "query"],
    ["/a#b", "query"],
    ["/a/**", "**"],
    ["/a\\b", "backslash"],
    ["/a//b", "empty or dot"],
    ["/a/../b", "empty or dot"],
    ["/a/./b", "empty or dot"],
    ["/a/..", "empty or dot"],
    ["/a/%2e%2e/b", "empty or dot"],
    ["/%zz", "percent"],
    ["/%00", "nul"],
    [`/${"a".repeat(2048)}`, "2048"],
  ])("%s is refused", (pattern, words) => {
    expect(pathPatternProblem(pattern)).toContain(words);
  });
  it.each([
    ["/caf%c3%a9/*", "/caf%C3%A9/*"],
    ["/café/*", "/caf%C3%A9/*"],
    ["/%61/*", "/a/*"],
    ["/a b", "/a%20b"],
    ["/*", "/*"],
    ["/%zz", "/%zz"],
  ])("%s is compared as %s", (pattern, canonical) => {
    expect(canonicalPattern(pattern)).toBe(canonical);
  });
});

describe("host patterns", () => {
  it.each([
    "*",
    "a",
    "example.com",
    "*.example.com",
    "EXAMPLE.com",
    "10.0.0.1",
    "[::1]",
    "a_b.test",
    "xn--bcher-kva.ch",
  ])("%s is one", (host) => {
    expect(hostPatternProblem(host)).toBeUndefined();
  });
  it.each([
    ["", "empty"],
    ["*.", "empty"],
    ["a.*.com", "first label"],
    ["*a.com", "first label"],
    ["example.com:80", "port"],
    ["example.com.", "dot"],
    ["bücher.ch", "xn--"],
    ["a..b", "host name"],
    ["-a.com", "host name"],
    ["[::1", "brackets"],
    ["[::1]:80", "brackets"],
    ["a/b", "host name"],
    ["a".repeat(256), "255"],
  ])("%s is refused", (host, words) => {
    expect(hostPatternProblem(host)).toContain(words);
  });
});
