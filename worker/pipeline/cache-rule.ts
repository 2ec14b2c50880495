// Which rule of the cache takes the request, and what it makes of the key. Without a rule for it a request pays a look into a table;
// where the key holds the payload, and nowhere else, the body is read and hashed here, up to a bound, before anything is sent. What turns
// out longer than the rule takes goes on its way unread and is not cached.
import { keyLabel, pathPattern } from "../core/cache/analytics.ts";
import type { CacheOptions } from "../core/cache/options.ts";
import type { CompiledRule, CompiledRules } from "../core/cache/rules.ts";
import { influenceOf, type RuledRequest } from "../core/cache/strategy.ts";
import { primaryKey } from "../core/cache/key.ts";
import { contentLength } from "../core/http/limits.ts";
import { holdBody } from "../platform/bodies.ts";
import { hexDigest } from "../platform/cache/digest.ts";
import type { Verdict, Walk } from "./walk.ts";

/** A body that is read first may take this long. */
const LONGEST_MS = 30_000;
/** Where a rule names no limit of its own. */
const HASHED_BYTES = 65_536;

export function cacheRule(walk: Walk): Verdict | Promise<Verdict> {
  const { cache } = walk.policy.policy;
  if (cache === false) return undefined;
  const { keeper } = walk.gateway;
  const rules = keeper.rules(walk.policy);
  const { method, body } = walk.request;
  const isPost = method === "POST";
  walk.influence = keeper.rulebook.withoutRule;
  if (rules.all.length === 0 || (isPost ? !rules.takesPost : method !== "GET" && method !== "HEAD")) return undefined;
  // -1: it does not say.
  const payloadBytes = body === null ? 0 : (contentLength(walk.fields.contentLength) ?? -1);
  const rule = ruleFor(walk, rules, payloadBytes);
  if (rule === undefined) return undefined;
  if (isPost) return payloadBytes > mostHashed(rule) ? undefined : hashed(walk, rules, rule, cache);
  influence(walk, rule, cache, "", 0);
  return undefined;
}

const ruleFor = ({ request, host, canonicalPath }: Walk, rules: CompiledRules, payloadBytes: number) =>
  rules.find({ method: request.method, host, path: canonicalPath, payloadBytes });

const mostHashed = ({ options }: CompiledRule): number => options.conditions.maxPayloadBytes ?? HASHED_BYTES;

/** Reads the body for its hash. Then the request carries what was read, and what is left of a longer one behind it. */
async function hashed(walk: Walk, rules: CompiledRules, rule: CompiledRule, cache: CacheOptions): Promise<Verdict> {
  const { body } = walk.request;
  if (body === null) {
    influence(walk, rule, cache, "", 0);
    return undefined;
  }
  const late = new Promise<undefined>((resolve) => void setTimeout(resolve, LONGEST_MS));
  let held: Awaited<ReturnType<typeof holdBody>> | undefined;
  try {
    held = await Promise.race([holdBody(body, mostHashed(rule)), late]);
  } catch {
    // The client broke off.
    return { code: "bad_request" };
  }
  if (held === undefined) return { code: "upstream_timeout" };
  if (!held.whole) {
    walk.request = new Request(walk.request, { method: "POST", body: behind(held.begun, body, walk.ctx) });
    return undefined;
  }
  const { bytes } = held;
  walk.request = new Request(walk.request, { method: "POST", body: bytes });
  // Its length is known now: it may be another rule's.
  const taking = ruleFor(walk, rules, bytes.byteLength);
  if (taking === undefined) return undefined;
  influence(walk, taking, cache, await hexDigest(bytes), bytes.byteLength);
  return undefined;
}

/** What was read already, then the rest as it comes. */
function behind(
  begun: readonly Uint8Array[],
  rest: ReadableStream<Uint8Array>,
  ctx: ExecutionContext,
): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  const pump = async (): Promise<void> => {
    const writer = writable.getWriter();
    for (const piece of begun) await writer.write(piece);
    writer.releaseLock();
    await rest.pipeTo(writable);
  };
  // Either side may break it off; whoever reads learns of it.
  ctx.waitUntil(Promise.allSettled([pump()]));
  return readable;
}

function influence(
  walk: Walk,
  rule: CompiledRule,
  cache: CacheOptions,
  payloadHash: string,
  payloadBytes: number,
): void {
  const { request } = walk;
  const asked: RuledRequest = {
    method: request.method,
    now: walk.arrivedAt,
    payloadBytes,
    payloadHash,
    identity: walk.security.identity,
    query: walk.query,
    header: (name) => walk.headers.get(name),
  };
  walk.influence = influenceOf(rule, asked, cache, () => {
    const label = keyLabel(request.method, walk.authority, walk.canonicalPath, walk.query);
    const key = primaryKey(request.method, walk.keyParts, walk.influence);
    return walk.gateway.keeper.observer.experience(label, rule.id, key);
  });
}

/** Under which name and pattern a request is counted. */
export function describe(walk: Walk): { label: string; pattern: string } {
  const rule = walk.influence?.rule ?? "";
  return {
    label: keyLabel(walk.request.method, walk.authority, walk.canonicalPath, walk.query),
    pattern: rule === "" ? pathPattern(walk.canonicalPath) : rule,
  };
}
