import { describe, expect, it } from "vitest";
import { publicCookie, rewriteCookies } from "../../../worker/core/http/cookies.ts";
import type { PublicView } from "../../../worker/core/http/location.ts";

const plain: PublicView = {
  upstreamAuthority: "int.orders.example.net:9101",
  upstreamPrefix: "",
  publicScheme: "https",
  publicAuthority: "api.example.com:8443",
  publicPrefix: "",
};
const stripped: PublicView = { ...plain, publicPrefix: "/api" };
const mapped: PublicView = { ...plain, publicPrefix: "/api", upstreamPrefix: "/base/v2" };
const added: PublicView = { ...plain, upstreamPrefix: "/v2" };

describe("publicCookie", () => {
  it.each([
    [plain, "a=1", "a=1"],
    [plain, "a=1; Path=/x; HttpOnly; Secure", "a=1; Path=/x; HttpOnly; Secure"],
    // Domain
    [plain, "a=1; Domain=int.orders.example.net", "a=1; Domain=api.example.com"],
    [{ ...plain, publicAuthority: "127.0.0.1:8787" }, "a=1; Domain=int.orders.example.net", "a=1"],
    [{ ...plain, publicAuthority: "localhost" }, "a=1; Domain=int.orders.example.net; Secure", "a=1; Secure"],
    [plain, "a=1; Domain=.Orders.Example.NET; Path=/", "a=1; Domain=api.example.com; Path=/"],
    [plain, "a=1;domain=orders.example.net;Secure", "a=1; Domain=api.example.com;Secure"],
    [plain, "a=1; Domain=example.com", "a=1; Domain=example.com"],
    [plain, "a=1; Domain=api.example.com", "a=1; Domain=api.example.com"],
    [plain, "a=1; Domain=elsewhere.test", "a=1; Domain=elsewhere.test"],
    [plain, "a=1; Domain=", "a=1; Domain="],
    [plain, "a=1; Domain", "a=1; Domain"],
    [plain, "domain=int.orders.example.net", "domain=int.orders.example.net"],
    // Path
    [stripped, "a=1; Path=/", "a=1; Path=/api"],
    [stripped, "a=1; Path=/x; Max-Age=5", "a=1; Path=/api/x; Max-Age=5"],
    [stripped, "a=1; Path=/api/x", "a=1; Path=/api/x"],
    [stripped, "a=1; path=x", "a=1; path=x"],
    [stripped, "a=1", "a=1"],
    [stripped, "__Host-a=1; Path=/; Secure", "__Host-a=1; Path=/; Secure"],
    [mapped, "a=1; Path=/base/v2/x", "a=1; Path=/api/x"],
    [mapped, "a=1; Path=/base/v2", "a=1; Path=/api"],
    [mapped, "a=1; Path=/base/", "a=1; Path=/api"],
    [mapped, "a=1; Path=/", "a=1; Path=/api"],
    [mapped, "a=1; Path=/other", "a=1; Path=/other"],
    [added, "a=1; Path=/v2", "a=1; Path=/"],
    [added, "a=1; Path=/v2/", "a=1; Path=/"],
    [added, "a=1; Path=/", "a=1; Path=/"],
    // both
    [
      mapped,
      "a=1; Path=/base/v2/x; Domain=int.orders.example.net; Secure",
      "a=1; Path=/api/x; Domain=api.example.com; Secure",
    ],
    [mapped, "a=1; Domain=int.orders.example.net; Path=/base/v2/x", "a=1; Domain=api.example.com; Path=/api/x"],
  ])("%# %s", (view, cookie, expected) => expect(publicCookie(cookie, view)).toBe(expected));
});

describe("rewriteCookies", () => {
  it("rewrites each of several, in order", () => {
    const headers = new Headers([
      ["set-cookie", "a=1; Path=/; Expires=Wed, 21 Oct 2037 07:28:00 GMT"],
      ["set-cookie", "b=2; Domain=int.orders.example.net"],
      ["x-a", "1"],
    ]);
    rewriteCookies(headers, stripped);
    expect(headers.getSetCookie()).toEqual([
      "a=1; Path=/api; Expires=Wed, 21 Oct 2037 07:28:00 GMT",
      "b=2; Domain=api.example.com",
    ]);
    expect(headers.get("x-a")).toBe("1");
  });

  it("touches nothing when nothing changes", () => {
    const headers = new Headers([["set-cookie", "a=1"]]);
    const untouchable = new Proxy(headers, {
      get(target, key) {
        if (key === "delete" || key === "append") throw new Error("touched");
        const value: unknown = Reflect.get(target, key);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    rewriteCookies(untouchable, stripped);
    rewriteCookies(new Headers(), stripped);
    expect(headers.getSetCookie()).toEqual(["a=1"]);
  });
});
