// What the gateway looks at before anybody is asked who he is: addresses, methods, media types, preflights; and that nothing a
// client writes gets past it by another name.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { send, type Sent } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { expectProblem } from "../support/problem.ts";
import { startRig, type Rig } from "../support/rig.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

const ORIGIN = "https://app.example.com";
const CLIENT = "203.0.113.7";
let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream({
    headers: { "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": "true" },
    body: "ok",
  });
  rig = await startRig({
    policy: inFrontOf(upstream, {
      sections: {
        routes: [
          { match: { path: "/get", methods: ["GET"] }, service: "web" },
          { match: { path: "/own" }, service: "web", cors: false },
          { match: { path: "/any" }, service: "web", cors: { origins: ["*"] } },
          { match: { path: "/json" }, service: "web", contentTypes: ["application/json"] },
          { match: { path: "/guarded" }, service: "web", auth: "required" },
        ],
        security: {
          cors: { origins: [ORIGIN], methods: ["GET", "PUT"], headers: ["X-One"], credentials: true },
          addresses: { deny: ["198.51.100.0/24"] },
          forbiddenMethods: ["CONNECT", "TRACE", "TRACK", "DELETE"],
        },
      },
    }),
  });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});
beforeEach(() => upstream.clear());

const ask = (sent: Sent = {}) =>
  send(rig.g1, { target: "/get", ...sent, headers: { "CF-Connecting-IP": CLIENT, ...sent.headers } });
const preflight = (target: string, origin = ORIGIN, method = "GET") =>
  ask({
    method: "OPTIONS",
    target,
    headers: {
      Origin: origin,
      "Access-Control-Request-Method": method,
      "Access-Control-Request-Headers": "x-one",
    },
  });

describe("CORS", () => {
  it("answers a preflight itself, by the route of the request it asks for, before anybody is asked for credentials", async () => {
    for (const target of ["/get", "/guarded"]) {
      const answer = await preflight(target);
      expect(answer.status).toBe(204);
      expect(answer.header("access-control-allow-origin")).toBe(ORIGIN);
      expect(answer.header("access-control-allow-methods")).toBe("GET, PUT");
      expect(answer.header("access-control-allow-headers")).toBe("X-One");
      expect(answer.header("vary")).toMatch(/Origin/);
    }
    expect(upstream.requests).toEqual([]);
  });

  it("tells another origin nothing", async () => {
    const answer = await preflight("/get", "https://evil.test");
    expect(answer.status).toBe(204);
    expect(answer.header("access-control-allow-origin")).toBeUndefined();
  });

  it("has no answer to a preflight for what no route takes", async () => {
    expectProblem(await preflight("/get", ORIGIN, "PUT"), 404);
  });

  it("leaves OPTIONS to the upstream where the policy has no word, or it is no preflight", async () => {
    expect((await preflight("/own")).header("access-control-allow-origin")).toBe("*");
    await ask({ method: "OPTIONS", target: "/any" });
    expect(upstream.requests).toHaveLength(2);
  });

  it("says the policy's word in place of the upstream's, on errors too", async () => {
    const answer = await ask({ headers: { Origin: ORIGIN } });
    expect(answer.header("access-control-allow-origin")).toBe(ORIGIN);
    expect(answer.header("access-control-allow-credentials")).toBe("true");
    expect(answer.header("vary")).toMatch(/Origin/);
    const other = await ask({ headers: { Origin: "https://evil.test" } });
    expect(other.header("access-control-allow-origin")).toBeUndefined();
    expect(other.header("access-control-allow-credentials")).toBeUndefined();
    const refused = await ask({ target: "/guarded", headers: { Origin: ORIGIN } });
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expect(refused.header("access-control-allow-origin")).toBe(ORIGIN);
  });
});

describe("the guard", () => {
  it("keeps addresses out that the policy keeps out, by the edge's word alone", async () => {
    expectProblem(await ask({ headers: { "CF-Connecting-IP": "198.51.100.9" } }), 403);
    expect((await ask({ headers: { "X-Forwarded-For": "198.51.100.9" } })).status).toBe(200);
  });

  it("refuses methods that nobody may use", async () => {
    const answer = await ask({ method: "DELETE", target: "/own" });
    expectProblem(answer, 405);
    expect(answer.header("allow")).toBe("GET, HEAD, POST, PUT, PATCH, OPTIONS");
  });

  it("takes bodies of the route's media types only", async () => {
    const post = (type?: string) =>
      ask({ method: "POST", target: "/json", body: "{}", headers: type === undefined ? {} : { "Content-Type": type } });
    expect((await post("application/json; charset=utf-8")).status).toBe(200);
    const refused = await post("text/plain");
    expectProblem(refused, 415);
    expect(refused.header("accept")).toBe("application/json");
    expectProblem(await post(), 415);
    expect((await ask({ target: "/json" })).status).toBe(200);
  });

  it("shows the upstream no other method and no other address than those it decided by", async () => {
    const tricks = [
      ...["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"],
      ...["X-Original-URL", "X-Rewrite-URL", "X-Original-Host", "X-Forwarded-Path"],
    ];
    await ask({ headers: Object.fromEntries(tricks.map((name) => [name, "/own"])) });
    for (const name of tricks) expect(upstream.last.header(name), name).toBeUndefined();
  });
});
