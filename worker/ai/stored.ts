// Answers that are given again to the same question: opt-in by the policy, through the levels that all of the cache uses, so that
// purges reach them too. The key is the tenant (or the caller), the surface, the model with its targets, and the whole request in
// canonical form (RFC 8785): another temperature, tool or order of messages is another question. Streams are stored as they
// were written and replayed as streams. Only whole answers are stored; a store that is away is a miss.
import canonicalize from "canonicalize";
import { ENTRY_FORMAT, type EntryMeta } from "../core/cache/entry.ts";
import { cacheStatusMember } from "../core/http/cache-status.ts";
import { cacheWish } from "../core/providers/cache-control.ts";
import type { ChatRequest } from "../core/providers/chat.ts";
import { dress } from "./answer.ts";
import type { Model } from "./compiled.ts";
import type { AiWalk, Keeping } from "./walk.ts";

const MOST_BYTES = 1_048_576;
const PROVIDER = "x-sluice-stored-by";

/** How this call stands to what is stored; undefined where nothing is to be looked for nor kept. */
export async function keepingOf(
  walk: AiWalk,
  chat: ChatRequest,
  model: Model,
): Promise<(Keeping & { readonly reads: boolean }) | undefined> {
  const own = model.options?.cache ?? false;
  const options = own === false ? walk.ai.options.cache : own;
  if (options === false || walk.policy.policy.cache === false) return undefined;
  if (chat.temperature !== undefined && chat.temperature > options.maxTemperature) return undefined;
  const wish = cacheWish(walk.request.headers);
  if (!wish.reads && !wish.writes) return undefined;
  const asked = wish.ttlSeconds ?? walk.config?.cache?.ttlSeconds ?? options.ttlSeconds;
  const question = canonical({
    tenant: walk.tenant,
    who: options.scope === "user" ? walk.security.identity : "",
    surface: walk.surface.operation,
    model: chat.model,
    targets: model.targets.map(({ target }) => target.key),
    body: walk.body,
  });
  if (question === undefined) return undefined;
  const key = `ai ${await sha256(question)}`;
  return { key, ttlSeconds: Math.min(asked, options.ttlSeconds), reads: wish.reads, writes: wish.writes };
}

/** RFC 8785 has no form for half a surrogate pair: what has none is not stored. */
function canonical(question: unknown): string | undefined {
  try {
    return canonicalize(question);
  } catch {
    return undefined;
  }
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The stored answer, still fresh and not purged; undefined when there is none. */
export async function stored(walk: AiWalk, key: string): Promise<Response | undefined> {
  const { cache } = walk.gateway;
  const own = memoryOf(walk).peek(key);
  const found = own.length > 0 ? own : ((await cache.below?.variants(key)) ?? []);
  const [entry] = found;
  const now = Date.now();
  if (entry === undefined || now - entry.meta.bornAt >= entry.meta.lifetimeMs || cache.verdict(entry) !== "stands") {
    return undefined;
  }
  const body = entry.body instanceof Uint8Array ? entry.body : await entry.body.open();
  if (body === undefined) return undefined;
  const headers = new Headers(entry.meta.headers.map(([name, value]) => [name, value]));
  const by = headers.get(PROVIDER);
  headers.delete(PROVIDER);
  const ttlSeconds = Math.floor((entry.meta.bornAt + entry.meta.lifetimeMs - now) / 1000);
  headers.set("cache-status", cacheStatusMember({ kind: "hit", ttlSeconds, detail: entry.level }));
  headers.set("age", String(Math.floor((now - entry.meta.bornAt) / 1000)));
  walk.target = walk.model?.targets.find(({ target }) => target.key === by)?.target;
  walk.cost = 0;
  return dress(walk, new Response(body, { headers }));
}

/** Behind the answer's back. */
export function keep(
  walk: AiWalk,
  { key, ttlSeconds, writes }: Keeping,
  type: string,
  body: Uint8Array<ArrayBuffer>,
): void {
  if (!writes || body.byteLength > MOST_BYTES) return;
  const meta = metaOf(walk, key, ttlSeconds, type, body.byteLength);
  memoryOf(walk);
  walk.gateway.cache.keep(meta, body, walk.ctx);
}

const memoryOf = ({ gateway, policy }: AiWalk): ReturnType<typeof gateway.cache.sized> => {
  // The first request of a generation makes the levels below.
  gateway.keeper.rules(policy);
  const { cache } = policy.policy;
  return gateway.cache.sized(cache === false ? 0 : cache.memoryBytes);
};

function metaOf(walk: AiWalk, key: string, ttlSeconds: number, type: string, bodyBytes: number): EntryMeta {
  const now = Date.now();
  const { pathname, href } = new URL(walk.request.url);
  return {
    format: ENTRY_FORMAT,
    key,
    variant: "",
    vary: [],
    method: "POST",
    url: href,
    path: pathname,
    rule: "ai",
    tags: ["ai", ...(walk.model === undefined ? [] : [`ai:${walk.model.name}`])],
    tiers: undefined,
    status: 200,
    statusText: "OK",
    headers: [
      ["content-type", type],
      [PROVIDER, walk.target?.key ?? ""],
    ],
    etag: "",
    lastModified: "",
    requestedAt: walk.arrivedAt,
    receivedAt: now,
    dateAt: now,
    bornAt: now,
    lifetimeMs: ttlSeconds * 1000,
    lifetimeFrom: "rule",
    mustValidate: false,
    neverStale: true,
    revalidateMs: 0,
    errorMs: -1,
    bodyBytes,
    range: undefined,
    upstreamMs: walk.upstreamMs,
  };
}

/** A stream's bytes on their way, kept until it is known whether all of them came. */
export class Recording {
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  readonly through = new TransformStream<Uint8Array, Uint8Array>({
    transform: (piece, controller) => {
      this.#bytes += piece.byteLength;
      if (this.#bytes <= MOST_BYTES) this.#pieces.push(piece.slice());
      else this.#pieces = [];
      controller.enqueue(piece);
    },
    flush: () => this.#end.resolve(),
  });
  readonly #end = Promise.withResolvers<void>();

  /** All that was written has passed. */
  get ended(): Promise<void> {
    return this.#end.promise;
  }

  /** Undefined when it was too long. */
  get bytes(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#bytes > MOST_BYTES) return undefined;
    const whole = new Uint8Array(this.#bytes);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.byteLength;
    }
    return whole;
  }
}
