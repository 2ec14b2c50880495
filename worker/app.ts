// The doors: what begins with /_sluice/ is the gateway's own, everything else is traffic. The door is a comparison of
// strings, for all traffic goes through it; routes within the gateway's own pages are Hono's.
import type { Hono } from "hono";
import { createAdmin } from "./admin/app.ts";
import type { AdminEnv } from "./admin/context.ts";
import { answerAi, isAi } from "./ai/door.ts";
import type { Env } from "./platform/env.ts";
import { gatewayOf } from "./platform/gateway.ts";
import { serve } from "./pipeline/serve.ts";

const OWN = "/_sluice";

let admin: Hono<AdminEnv> | undefined;

export function handle(request: Request, env: Env, ctx: ExecutionContext): Response | Promise<Response> {
  const gateway = gatewayOf(env, request);
  gateway.serve ??= (own, context) => serve(own, context, gateway);
  const { url } = request;
  if (isOwn(url)) {
    admin ??= createAdmin(() => gateway);
    return admin.fetch(request, env, ctx);
  }
  if (isAi(url)) return answerAi(request, ctx, gateway, () => serve(request, ctx, gateway, url));
  return serve(request, ctx, gateway, url);
}

/** `/_sluice` and all below it, as written: there is one way to write it, and any other is traffic. */
function isOwn(url: string): boolean {
  // Behind `https://` there is at least one character of host.
  const path = url.indexOf("/", 8);
  if (!url.startsWith(OWN, path)) return false;
  const next = url[path + OWN.length];
  return next === undefined || next === "/" || next === "?";
}
