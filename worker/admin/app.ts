// Everything under /_sluice/: three pages open to all (health, ready, metrics), the dashboard, and the admin API behind
// its token. Paths match as they stand in the request line, undecoded: there is one way to write each of them, and
// whatever else begins with /_sluice/ is not found. Answers are never cached, framed, sniffed or sent a referrer from.
import { Hono } from "hono";
import { matchedRoutes } from "hono/route";
import { correlationId } from "../core/http/correlation.ts";
import { described } from "../core/security/redact.ts";
import { insufficientScope } from "../core/security/context.ts";
import { bearerOf } from "../core/security/shown.ts";
import { inRange, parseAddress, parseRange } from "../core/match/address.ts";
import { addressOf } from "../platform/client.ts";
import type { Gateway } from "../platform/gateway.ts";
import { mayAsk, roleAmong, rolesFor, type Role } from "./access.ts";
import { getAi } from "./ai.ts";
import { acknowledgeAlert, getAlerts } from "./alerts.ts";
import { getExperiment, getExperiments, startExperiment, stopExperiment } from "./chaos.ts";
import type { AdminEnv, Asked } from "./context.ts";
import { getCacheKeys, getCacheStats, getCacheWarmth, lookUpCache, purgeCache } from "./cache.ts";
import { dashboard, dashboardFile } from "./dashboard.ts";
import { getDocument } from "./document.ts";
import { explain } from "./explain.ts";
import { getHistoryOfTraffic } from "./history.ts";
import { askForTicket, watch } from "./live.ts";
import { metrics } from "./metrics.ts";
import { changeKey, createKey, getKey, getKeys, revokeKey } from "./keys.ts";
import { getMe } from "./me.ts";
import { once } from "./once.ts";
import { checkPolicy, getHistory, getPolicy, patchPolicy, putPolicy, rollbackPolicy } from "./policy.ts";
import { health, ready } from "./ready.ts";
import { refusal } from "./refuse.ts";
import { getSecurity } from "./security.ts";
import { getService, getServices, operate } from "./services.ts";
import { getAudit, getRegions } from "./state.ts";
import { decideSuggestion, getSuggestion, getSuggestions } from "./suggestions.ts";
import { admit } from "./token.ts";

const ADMIN_BASE = "/_sluice";

/** `gateway` is asked for at each request: it is made at the first. */
export function createAdmin(gateway: () => Pick<Gateway, "isolate" | "identity" | "fleet">): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>({ getPath: (request) => new URL(request.url).pathname }).basePath(ADMIN_BASE);
  app.use(async (c, next) => {
    c.set("correlationId", correlationId(c.req.header("x-correlation-id"), Date.now(), Math.random));
    const { isolate, identity, fleet } = gateway();
    c.set("isolate", isolate);
    c.set("identity", identity);
    c.set("fleet", fleet);
    await next();
    c.res.headers.set("x-correlation-id", c.get("correlationId"));
    for (const [name, value] of PROTECTION) if (!c.res.headers.has(name)) c.res.headers.set(name, value);
  });
  app.get("/health", health);
  app.get("/ready", ready);
  app.get("/metrics", metrics);
  app.use("/dashboard/*", guardPlace);
  app.get("/dashboard", dashboard);
  app.get("/dashboard/:file", dashboardFile);
  app.use("/live", guardPlace);
  app.get("/live", watch);
  app.use("/admin/*", guard);
  app.get("/admin/me", getMe);
  app.get("/admin/openapi.json", getDocument);
  app.post("/admin/live", askForTicket);
  app.get("/admin/policy", getPolicy);
  app.put("/admin/policy", putPolicy);
  app.patch("/admin/policy", patchPolicy);
  app.post("/admin/policy/check", checkPolicy);
  app.post("/admin/policy/rollback", rollbackPolicy);
  app.get("/admin/policy/history", getHistory);
  app.post("/admin/explain", explain);
  app.get("/admin/services", getServices);
  app.get("/admin/services/:name", getService);
  app.post("/admin/services/:name/instances/:action", operate);
  app.get("/admin/regions", getRegions);
  app.get("/admin/cache/stats", getCacheStats);
  app.get("/admin/cache/keys", getCacheKeys);
  app.get("/admin/cache/warmth", getCacheWarmth);
  app.post("/admin/cache/lookup", lookUpCache);
  app.post("/admin/cache/purge", purgeCache);
  app.get("/admin/suggestions", getSuggestions);
  app.get("/admin/suggestions/:action", getSuggestion);
  app.post("/admin/suggestions/:action", decideSuggestion);
  app.get("/admin/alerts", getAlerts);
  app.post("/admin/alerts/:action", acknowledgeAlert);
  app.get("/admin/history", getHistoryOfTraffic);
  app.get("/admin/ai", getAi);
  app.get("/admin/chaos/experiments", getExperiments);
  app.post("/admin/chaos/experiments", startExperiment);
  app.get("/admin/chaos/experiments/:action", getExperiment);
  app.post("/admin/chaos/experiments/:action", stopExperiment);
  app.get("/admin/audit", getAudit);
  app.get("/admin/keys", getKeys);
  app.post("/admin/keys", createKey);
  app.get("/admin/keys/:id", getKey);
  app.patch("/admin/keys/:id", changeKey);
  app.delete("/admin/keys/:id", revokeKey);
  app.get("/admin/security", getSecurity);
  refuseOtherMethods(app);
  app.notFound((c) => refusal(c, { code: "not_found" }));
  app.onError((error, c) => {
    console.error(`${c.get("correlationId")}: ${described(error)}`);
    return refusal(c, { code: "internal" });
  });
  return app;
}

const PROTECTION: readonly (readonly [string, string])[] = [
  ["cache-control", "no-store"],
  ["content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"],
  ["x-content-type-options", "nosniff"],
  ["x-frame-options", "DENY"],
  ["referrer-policy", "no-referrer"],
  ["cross-origin-resource-policy", "same-origin"],
];

/** Where and from where the policy lets the admin API, and the page that uses it, be used. */
function misplaced(c: Asked): Response | undefined {
  const rules = c.get("isolate").policies.current?.policy.security.admin;
  if (rules?.host != null && new URL(c.req.url).hostname !== rules.host) return refusal(c, { code: "not_found" });
  if (rules?.addresses !== undefined && !comesFrom(addressOf(c.env, c.req.raw), rules.addresses)) {
    return refusal(c, { code: "forbidden" });
  }
  return undefined;
}

const guardPlace = async (c: Asked, next: () => Promise<void>): Promise<Response | void> => misplaced(c) ?? next();

/** The place, then who asks, and whether that one may. */
async function guard(c: Asked, next: () => Promise<void>): Promise<Response | void> {
  const elsewhere = misplaced(c);
  if (elsewhere !== undefined) return elsewhere;
  const caller = await whoAsks(c);
  if (caller instanceof Response) return caller;
  c.set("actor", caller.actor);
  c.set("role", caller.role);
  const path = routePath(c);
  // What nobody serves, or not in this way, is not found, whoever asks; what is served and stands in no table is nobody's.
  if (path !== undefined && !mayAsk(caller.role, c.req.method, path)) {
    note(c, "admin_denied", path, caller.actor);
    return refusal(c, { code: "forbidden", challenge: insufficientScope(rolesFor(c.req.method, path)) });
  }
  return path === undefined ? next() : once(c, path, next);
}

/** The pattern that serves this method here, below /_sluice; undefined for none. */
function routePath(c: Asked): string | undefined {
  const method = c.req.method === "HEAD" ? "GET" : c.req.method;
  return matchedRoutes(c)
    .find((route) => route.method === method)
    ?.path.slice(ADMIN_BASE.length);
}

const CHALLENGE = 'Bearer realm="sluice"';

/**
 * The bearer of ADMIN_TOKEN, or of a token or key with one of our roles. A header that only a program sends is the one way
 * in: no cookie, no query, so another site's page can never send it along (CSRF).
 */
async function whoAsks(c: Asked): Promise<{ role: Role; actor: string } | Response> {
  const authorization = c.req.header("authorization");
  const anonymous = refusal(c, { code: "unauthenticated", challenge: CHALLENGE });
  switch (await admit(authorization ?? null, c.env.ADMIN_TOKEN)) {
    case "admitted":
      return { role: "admin", actor: "admin token" };
    case "closed":
      return refusal(c, { code: "admin_closed" });
    case "anonymous":
      return anonymous;
    case "wrong":
      break;
  }
  const policy = c.get("isolate").policies.current;
  const bearer = bearerOf(authorization);
  const context =
    policy === undefined || bearer === undefined
      ? "wrong"
      : await c.get("identity").bearer(policy, bearer, c.executionCtx);
  if (context === "unavailable") return refusal(c, { code: "identity_unavailable", retryAfterMs: 2_000 });
  if (context === "wrong") {
    note(c, "admin_refused", "", "");
    return refusal(c, { code: "unauthenticated", challenge: `${CHALLENGE}, error="invalid_token"` });
  }
  const actor = context.keyId === "" ? `${context.user || "unnamed"} (${context.scheme})` : `key ${context.keyId}`;
  const role = roleAmong([...context.roles, ...context.permissions]);
  if (role !== undefined) return { role, actor };
  note(c, "admin_denied", "", actor);
  return refusal(c, { code: "forbidden", challenge: insufficientScope([]) });
}

function note(c: Asked, kind: "admin_refused" | "admin_denied", route: string, who: string): void {
  const isolate = c.get("isolate");
  isolate.security.note({ kind, route, who, address: addressOf(c.env, c.req.raw) }, isolate.now());
  // Traffic may be far away: what is to be told of is told by the request that brought it.
  const { reporter, now } = c.get("isolate");
  if (reporter.due(now())) c.executionCtx.waitUntil(reporter.send());
}

function comesFrom(text: string | undefined, ranges: readonly string[]): boolean {
  const address = text === undefined ? undefined : parseAddress(text);
  if (address === undefined) return false;
  return ranges.some((written) => {
    const range = parseRange(written);
    return range !== undefined && inRange(address, range);
  });
}

/** Registered last: a path that has a handler, but not for this method. */
function refuseOtherMethods(app: Hono<AdminEnv>): void {
  const allowed = new Map<string, string[]>();
  for (const { path, method } of app.routes) {
    if (method !== "ALL")
      allowed.set(path, [...(allowed.get(path) ?? []), ...(method === "GET" ? ["GET", "HEAD"] : [method])]);
  }
  for (const [path, methods] of allowed) {
    app.all(path.slice(ADMIN_BASE.length), (c) =>
      refusal(c, { code: "method_not_allowed", allow: methods.join(", ") }),
    );
  }
}
