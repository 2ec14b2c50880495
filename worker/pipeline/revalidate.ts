// A stale answer has been served, and is made fresh behind its back (RFC 5861 §3): one fetch a key, with nobody's credentials
// unless the entry is told apart by them. Whatever goes wrong, the stale answer stands for as long as its origin allows.
import type { CacheOptions } from "../core/cache/options.ts";
import { parseRequestDirectives } from "../core/cache/directives.ts";
import { readRequestFields } from "../core/http/request-fields.ts";
import { described } from "../core/security/redact.ts";
import type { StoredEntry } from "../platform/cache/tier.ts";
import { clean } from "./answer.ts";
import { CacheCall } from "./cache-call.ts";
import { forward, receive } from "./forward.ts";
import { route } from "./route.ts";
import { Walk } from "./walk.ts";

/** What asks for this one answer in another form, or is a user's own. */
const CONDITIONS = [
  "if-none-match",
  "if-modified-since",
  "if-match",
  "if-unmodified-since",
  "if-range",
  "range",
  "cache-control",
  "pragma",
] as const;
/** After this long a fetch under way has lost its request. */
const LONGEST_MS = 30_000;
const CREDENTIALS = ["cookie", "authorization", "x-api-key"] as const;

export function revalidate(walk: Walk, options: CacheOptions, key: string, entry: StoredEntry): void {
  const store = walk.gateway.cache;
  const underWay = store.fills.get(key);
  if (underWay !== undefined && walk.arrivedAt - underWay.startedAt < LONGEST_MS) return;
  const background = behind(walk, entry);
  const call = new CacheCall(background, options, {
    key,
    directives: parseRequestDirectives(undefined, undefined),
    entries: [entry],
    selected: entry,
    why: "validate-stale",
    collapsed: false,
    fill: store.lead(key, Date.now()),
  });
  background.cacheCall = call;
  walk.ctx.waitUntil(refresh(background, call));
}

async function refresh(walk: Walk, call: CacheCall): Promise<void> {
  try {
    await route(walk);
    const result = await receive(walk, await forward(walk));
    const settled = await call.settle(result instanceof Response ? clean(walk, result) : result);
    if (settled instanceof Response) await settled.body?.cancel();
  } catch (error) {
    // A bug of ours; the stale answer stands.
    console.error(`${walk.correlationId}: ${described(error)}`);
    call.drop();
  }
}

/** The same request, asked by nobody in particular. */
function behind(walk: Walk, { meta }: StoredEntry): Walk {
  const headers = new Headers(walk.headers);
  for (const name of CONDITIONS) headers.delete(name);
  const { influence } = walk;
  for (const name of CREDENTIALS) {
    const keyed = name === "cookie" ? influence?.keysCookie : influence?.keysCredential;
    if (keyed !== true && !meta.vary.some(([nominated]) => nominated === name)) headers.delete(name);
  }
  const request = new Request(walk.url, { method: "GET", headers });
  const background = new Walk(request, walk.url, walk.ctx, walk.gateway, walk.policy, Date.now());
  background.fields = readRequestFields(headers);
  background.correlationId = walk.correlationId;
  background.traceparent = walk.traceparent;
  background.scheme = walk.scheme;
  background.authority = walk.authority;
  background.host = walk.host;
  background.path = walk.path;
  background.canonicalPath = walk.canonicalPath;
  background.query = walk.query;
  background.address = walk.address;
  background.route = walk.route;
  background.influence = influence;
  if (influence?.keysCredential === true) {
    background.security = walk.security;
    background.requestEdits = walk.requestEdits;
  }
  background.isBackground = true;
  return background;
}
