// An unsafe request goes forward past the cache, and what its answer makes worthless is forgotten (RFC 9111 §4.4). A POST's
// answer that says it is what a GET of the same URL would bring, and for how long, is kept as that (RFC 9110 §9.3.3).
import { parseRequestDirectives } from "../core/cache/directives.ts";
import { invalidated, invalidates } from "../core/cache/invalidation.ts";
import { primaryKey } from "../core/cache/key.ts";
import type { CacheOptions } from "../core/cache/options.ts";
import { canonicalPath } from "../core/http/path.ts";
import type { Refusal } from "../core/http/problem.ts";
import { readTarget } from "../core/http/target.ts";
import { CacheCall } from "./cache-call.ts";
import type { CacheCall as Call, Walk } from "./walk.ts";

export class UnsafeCall implements Call {
  goesOn = false;
  readonly #walk: Walk;
  readonly #options: CacheOptions;

  constructor(walk: Walk, options: CacheOptions) {
    this.#walk = walk;
    this.#options = options;
  }

  shape(_headers: Headers): void {}

  drop(): void {}

  settle(result: Response | Refusal): Promise<Response | Refusal> | Response | Refusal {
    const walk = this.#walk;
    const { method } = walk;
    if (!(result instanceof Response) || !invalidates(method, result.status)) return result;
    const { headers, status } = result;
    const contentLocation = headers.get("content-location");
    const urls = invalidated(walk.publicUrl, headers.get("location"), contentLocation);
    const { keeper, isolate } = walk.gateway;
    const now = Date.now();
    for (const url of urls) {
      // Other isolates and other regions hear of it; this one has forgotten it when the answer leaves.
      keeper.outdated.note(walk.service?.compiled.name ?? "", url, now);
      const key = keyOf(walk, url);
      if (key !== undefined) walk.gateway.cache.forgetUrl(url, key, walk.ctx);
    }
    keeper.tellOutdated(isolate.reporter, walk.ctx);
    if (method !== "POST" || status !== 200 || contentLocation === null) return result;
    if (URL.parse(contentLocation, walk.publicUrl)?.href !== new URL(walk.publicUrl).href) return result;
    const { cacheControl, pragma } = walk.fields;
    const call = new CacheCall(walk, this.#options, {
      key: keyOf(walk, walk.publicUrl)!,
      directives: parseRequestDirectives(cacheControl, pragma),
      entries: [],
      selected: undefined,
      why: "fresh",
      collapsed: false,
      fill: undefined,
      reason: "method",
      // It is what the request made of the resource: newer than all that it made outdated.
      requestedAt: now + 1,
    });
    const answer = call.store(result);
    this.goesOn = call.goesOn;
    return answer;
  }
}

/** Where a GET of `url` looks; undefined when none of the policy's routes would take it. */
function keyOf(walk: Walk, url: string): string | undefined {
  const target = readTarget(url);
  if (target === undefined) return undefined;
  const path = target.plain ? target.path : canonicalPath(target.path);
  if (typeof path !== "string" && !path.ok) return undefined;
  const canonical = typeof path === "string" ? path : path.value;
  const route = walk.policy.route(target.host, canonical, "GET", walk.headers);
  if (route === undefined) return undefined;
  const { scheme, authority, query } = target;
  const parts = { tenant: walk.security.tenant, route: route.id, scheme, authority, path: target.path, query };
  return primaryKey("GET", parts, undefined);
}
