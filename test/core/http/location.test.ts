import { describe, expect, it } from "vitest";
import { publicLocation, publicPath, rewriteLocations } from "../../../worker/core/http/location.ts";
import type { PublicView } from "../../../worker/core/http/location.ts";

const plain: PublicView = {
  upstreamAuthority: "10.0.0.5:9101",
  upstreamPrefix: "",
  publicScheme: "https",
  publicAuthority: "api.example.com",
  publicPrefix: "",
};
const stripped: PublicView = { ...plain, publicPrefix: "/api/v1" };
const mapped: PublicView = { ...plain, publicPrefix: "/api/v1", upstreamPrefix: "/base/v2" };
const added: PublicView = { ...plain, upstreamPrefix: "/v2" };

describe("publicLocation", () => {
  it.each([
    ["http://10.0.0.5:9101/x?y#z", "https://api.example.com/x?y#z"],
    ["HTTP://10.0.0.5:9101/x", "https://api.example.com/x"],
    ["http://user:pw@10.0.0.5:9101/x", "https://api.example.com/x"],
    ["http://10.0.0.5:9101", "https://api.example.com"],
    ["http://10.0.0.5:9101?x", "https://api.example.com?x"],
    ["//10.0.0.5:9101/x", "//api.example.com/x"],
    ["/x", "/x"],
    ["x", "x"],
    ["../x", "../x"],
    ["?x", "?x"],
    ["#x", "#x"],
    ["", ""],
    ["http://10.0.0.5/x", "http://10.0.0.5/x"],
    ["http://10.0.0.5:9102/x", "http://10.0.0.5:9102/x"],
    ["http://10.0.0.5:9101.evil/x", "http://10.0.0.5:9101.evil/x"],
    ["https://login.example.com/?back=http://10.0.0.5:9101/", "https://login.example.com/?back=http://10.0.0.5:9101/"],
    ["//other/x", "//other/x"],
    ["mailto:a@10.0.0.5:9101", "mailto:a@10.0.0.5:9101"],
    ["https://api.example.com/x", "https://api.example.com/x"],
  ])("%s is %s", (value, expected) => expect(publicLocation(value, plain)).toBe(expected));

  it("leaves out the default port of the scheme, as the instance's authority does", () => {
    const view = { ...plain, upstreamAuthority: "orders.internal" };
    expect(publicLocation("http://Orders.internal:80/x", view)).toBe("https://api.example.com/x");
    expect(publicLocation("https://orders.internal:443/x", view)).toBe("https://api.example.com/x");
    expect(publicLocation("http://orders.internal:8080/x", view)).toBe("http://orders.internal:8080/x");
  });

  it.each([
    [stripped, "/users?x=/", "/api/v1/users?x=/"],
    [stripped, "/", "/api/v1/"],
    [stripped, "/api/v1/users", "/api/v1/users"],
    [stripped, "/api/v10", "/api/v1/api/v10"],
    [stripped, "users", "users"],
    [stripped, "http://10.0.0.5:9101/users", "https://api.example.com/api/v1/users"],
    [mapped, "http://10.0.0.5:9101/base/v2/users", "https://api.example.com/api/v1/users"],
    [mapped, "/base/v2", "/api/v1"],
    [mapped, "/base/v2?x", "/api/v1?x"],
    [mapped, "/base/v20", "/base/v20"],
    [mapped, "/login", "/login"],
    [added, "/v2", "/"],
    [added, "/v2?x", "/?x"],
    [added, "/v2/x", "/x"],
  ])("undoes the route's prefixes %#", (view, value, expected) => expect(publicLocation(value, view)).toBe(expected));
});

it("publicPath looks for prefixes in the path alone", () => {
  expect(publicPath("/x?/base/v2", mapped)).toBe("/x?/base/v2");
  expect(publicPath("/base/v2/x?/base/v2", mapped)).toBe("/api/v1/x?/base/v2");
});

describe("rewriteLocations", () => {
  const rewritten = (status: number, init: Record<string, string>): Record<string, string> => {
    const headers = new Headers(init);
    rewriteLocations(headers, status, plain);
    return Object.fromEntries(headers);
  };

  it("rewrites Location where it means something, Content-Location and Refresh everywhere", () => {
    const location = "http://10.0.0.5:9101/x";
    expect(rewritten(302, { location })).toEqual({ location: "https://api.example.com/x" });
    expect(rewritten(201, { location })).toEqual({ location: "https://api.example.com/x" });
    expect(rewritten(200, { "content-location": location })).toEqual({
      "content-location": "https://api.example.com/x",
    });
    expect(rewritten(200, { refresh: `5; url=${location}` })).toEqual({ refresh: "5; url=https://api.example.com/x" });
    expect(rewritten(200, { refresh: `5; URL='${location}'; x` })).toEqual({
      refresh: "5; URL='https://api.example.com/x'; x",
    });
  });

  it("leaves alone what does not point back", () => {
    const fields = { location: "/x", "content-location": "y", refresh: "5" };
    expect(rewritten(302, fields)).toEqual(fields);
    expect(rewritten(200, {})).toEqual({});
  });
});
