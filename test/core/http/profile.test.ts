import { describe, expect, it } from "vitest";
import { profileRequest } from "../../../worker/core/http/profile.ts";

const profile = (method: string, path: string, headers: Record<string, string> = {}) =>
  profileRequest(method, path, new Headers(headers), "content-length" in headers || "transfer-encoding" in headers);

describe("request profile (SEEDS P1)", () => {
  it.each([
    ["GET", {}, "low"],
    ["GET", { "content-length": "10240" }, "low"],
    ["GET", { "content-length": "10241" }, "medium"],
    ["POST", {}, "medium"],
    ["PUT", { "content-length": "1" }, "medium"],
    ["PATCH", {}, "medium"],
    ["DELETE", {}, "low"],
    ["POST", { "content-length": "1048576" }, "medium"],
    ["POST", { "content-length": "1048577" }, "high"],
    ["POST", { "transfer-encoding": "chunked" }, "medium"],
  ] as const)("%s with %o is of %s complexity", (method, headers, complexity) => {
    expect(profile(method, "/", headers).complexity).toBe(complexity);
  });

  it.each([
    ["GET", {}, true],
    ["HEAD", {}, false],
    ["POST", {}, false],
    ["GET", { "content-length": "102399" }, true],
    ["GET", { "content-length": "102400" }, false],
    ["GET", { "transfer-encoding": "chunked" }, false],
    ["GET", { "cache-control": "max-age=0, No-Cache" }, false],
    ["GET", { "cache-control": "max-age=0" }, true],
    ["GET", { pragma: "no-cache" }, false],
    ["GET", { pragma: "no-cache", "cache-control": "max-age=60" }, true],
  ] as const)("%s with %o: eligible for the cache is %s", (method, headers, eligible) => {
    expect(profile(method, "/", headers).cacheEligible).toBe(eligible);
  });

  it.each([
    ["/", {}, "standard"],
    ["/orders", { authorization: "Bearer x" }, "high"],
    ["/api/Admin/users", {}, "critical"],
    ["/oauth/authorize", { authorization: "Bearer x" }, "critical"],
    ["/v1/tokens", {}, "critical"],
    ["/my-secret", {}, "critical"],
  ] as const)("%s with %o is %s", (path, headers, level) => {
    expect(profile("GET", path, headers).securityLevel).toBe(level);
  });

  it.each([
    ["abc", -1],
    ["-1", -1],
    ["1.5", -1],
    ["12", 12],
    ["99999999999999999999", -1],
  ])("a Content-Length of %s is %d bytes", (length, bytes) => {
    expect(profile("POST", "/", { "content-length": length }).payloadBytes).toBe(bytes);
  });
});
