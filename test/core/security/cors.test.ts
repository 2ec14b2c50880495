import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { allowedOrigin, compileCors, preflightFields, writeCors } from "../../../worker/core/security/cors.ts";
import { corsOptions } from "../../../worker/core/security/options.ts";

const cors = (written: v.InferInput<typeof corsOptions>) => compileCors(v.parse(corsOptions, written));
const LISTED = cors({ origins: ["https://app.example.com", "https://*.example.org", "http://*.test:8080"] });

describe("origins", () => {
  it.each([
    ["https://app.example.com", true],
    ["https://a.example.org", true],
    ["https://a.b.example.org", true],
    ["http://x.test:8080", true],
    ["https://example.org", false],
    ["https://.example.org", false],
    ["http://a.example.org", false],
    ["https://app.example.com.evil.test", false],
    ["https://evilexample.org", false],
    ["https://evil.test/.example.org", false],
    ["https://evil.test#.example.org", false],
    ["http://x.test:80", false],
    ["null", false],
    ["", false],
  ])("%s: %s", (origin, listed) => {
    expect(allowedOrigin(LISTED, origin)).toBe(listed ? origin : undefined);
  });

  it("are all the same where all are listed", () => {
    expect(allowedOrigin(cors({ origins: ["*"] }), "https://anyone.test")).toBe("*");
  });
});

describe("a preflight", () => {
  it("says the policy's methods, fields and time", () => {
    const one = cors({
      ...{ origins: ["https://a.test"], methods: ["GET", "PUT"], headers: ["X-One"] },
      ...{ credentials: true, maxAgeSeconds: 60 },
    });
    expect(Object.fromEntries(preflightFields(one, "https://a.test", "x-two"))).toEqual({
      "access-control-allow-origin": "https://a.test",
      "access-control-allow-methods": "GET, PUT",
      "access-control-allow-headers": "X-One",
      "access-control-allow-credentials": "true",
      "access-control-max-age": "60",
    });
    expect(preflightFields(one, "https://b.test", null)).toEqual([]);
  });

  it("names what was asked for where all fields are allowed, and only names", () => {
    const any = cors({ origins: ["*"], headers: ["*"] });
    const headers = (asked: string) =>
      Object.fromEntries(preflightFields(any, "https://a.test", asked))["access-control-allow-headers"];
    expect(headers("authorization, x-one")).toBe("authorization, x-one");
    expect(headers('"; evil')).toBeUndefined();
  });
});

describe("an answer", () => {
  const upstreams = () =>
    new Headers({ "access-control-allow-origin": "*", "access-control-allow-credentials": "true", vary: "Accept" });

  it("says the policy's word in place of the upstream's", () => {
    const headers = upstreams();
    writeCors(cors({ origins: ["https://a.test"], exposeHeaders: ["X-One"] }), "https://a.test", headers);
    expect(Object.fromEntries(headers)).toEqual({
      "access-control-allow-origin": "https://a.test",
      "access-control-expose-headers": "X-One",
      vary: "Accept, Origin",
    });
  });

  it.each([["https://b.test"], [null]])("says nothing to %s, but that it depends on it", (origin) => {
    const headers = upstreams();
    writeCors(LISTED, origin, headers);
    expect(Object.fromEntries(headers)).toEqual({ vary: "Accept, Origin" });
  });

  it("does not depend on the origin where it is the same for all", () => {
    const headers = upstreams();
    writeCors(cors({ origins: ["*"] }), "https://a.test", headers);
    expect(Object.fromEntries(headers)).toEqual({ "access-control-allow-origin": "*", vary: "Accept" });
  });
});
