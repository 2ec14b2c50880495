// Everything under /_sluice/: three pages open to all (health, ready, metrics), the dashboard, and the admin API behind
// its token. Paths match as they stand in the request line, undecoded: there is one way to write each of them, and
// whatever else begins with /_sluice/ is not found. Answers are never cached, framed, sniffed or sent a referrer from.
import { Hono } from "hono";
import { correlationId } from "../core/http/correlation.ts";
import { inRange, parseAddress, parseRange } from "../core/match/address.ts";
import type { Isolate } from "../platform/isolate.ts";
import { acknowledgeAlert, getAlerts } from "./alerts.ts";
import type { AdminEnv, Asked } from "./context.ts";
import { dashboard } from "./dashboard.ts";
import { explain } from "./explain.ts";
import { getHistoryOfTraffic } from "./history.ts";
import { metrics } from "./metrics.ts";
import { getHistory, getPolicy, putPolicy, rollbackPolicy } from "./policy.ts";
import { health, ready } from "./ready.ts";
import { refusal } from "./refuse.ts";
import { getService, getServices, operate } from "./services.ts";
import { getAudit, getRegions } from "./state.ts";
import { decideSuggestion, getSuggestions } from "./suggestions.ts";
import { admit } from "./token.ts";

const ADMIN_BASE = "/_sluice";

/** `isolate` is asked for at each request: it is made at the first. */
export function createAdmin(isolate: () => Isolate): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>({ getPath: (request) => new URL(request.url).pathname }).basePath(ADMIN_BASE);
  app.use(async (c, next) => {
    c.set("correlationId", correlationId(c.req.header("x-correlation-id"), Date.now(), Math.random));
    c.set("isolate", isolate());
    await next();
    c.res.headers.set("x-correlation-id", c.get("correlationId"));
    for (const [name, value] of PROTECTION) if (!c.res.headers.has(name)) c.res.headers.set(name, value);
  });
  app.get("/health", health);
  app.get("/ready", ready);
  app.get("/metrics", metrics);
  app.get("/dashboard", dashboard);
  app.use("/admin/*", guard);
  app.get("/admin/policy", getPolicy);
  app.put("/admin/policy", putPolicy);
  app.post("/admin/policy/rollback", rollbackPolicy);
  app.get("/admin/policy/history", getHistory);
  app.post("/admin/explain", explain);
  app.get("/admin/services", getServices);
  app.get("/admin/services/:name", getService);
  app.post("/admin/services/:name/instances/:action", operate);
  app.get("/admin/regions", getRegions);
  app.get("/admin/suggestions", getSuggestions);
  app.post("/admin/suggestions/:action", decideSuggestion);
  app.get("/admin/alerts", getAlerts);
  app.post("/admin/alerts/:action", acknowledgeAlert);
  app.get("/admin/history", getHistoryOfTraffic);
  app.get("/admin/audit", getAudit);
  refuseOtherMethods(app);
  app.notFound((c) => refusal(c, { code: "not_found" }));
  app.onError((error, c) => {
    console.error(`${c.get("correlationId")}:`, error);
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

/** Where and from where the policy lets the admin API be used, then the token. */
async function guard(c: Asked, next: () => Promise<void>): Promise<Response | void> {
  const rules = c.get("isolate").policies.current?.policy.security.admin;
  if (rules?.host != null && new URL(c.req.url).hostname !== rules.host) return refusal(c, { code: "not_found" });
  if (rules?.addresses !== undefined && !comesFrom(c.req.header("cf-connecting-ip"), rules.addresses)) {
    return refusal(c, { code: "forbidden" });
  }
  switch (await admit(c.req.header("authorization") ?? null, c.env.ADMIN_TOKEN)) {
    case "admitted":
      return next();
    case "closed":
      return refusal(c, { code: "admin_closed" });
    case "anonymous":
      return refusal(c, { code: "unauthenticated", challenge: 'Bearer realm="sluice"' });
    case "wrong":
      return refusal(c, { code: "unauthenticated", challenge: 'Bearer realm="sluice", error="invalid_token"' });
  }
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
