// Which rule of the cache takes the request, and what it makes of the key. Without a rule for it a request pays a look into a table;
// where the key holds the payload, and nowhere else, the body is read and hashed here, up to a bound, before anything is sent. What turns
// out longer than the rule takes goes on its way unread and is not cached.
import { keyLabel, pathPattern } from "../core/cache/analytics.ts";
import type { CacheOptions } from "../core/cache/options.ts";
import type { CompiledRule, CompiledRules } from "../core/cache/rules.ts";
import { influenceOf, type RuledRequest } from "../core/cache/strategy.ts";
import { primaryKey } from "../core/cache/key.ts";
import { contentLength } from "../core/http/limits.ts";
import { after } from "../platform/after.ts";
import { holdBody } from "../platform/bodies.ts";
import { hexDigest } from "../platform/cache/digest.ts";
import { ruleIn, type Overlay } from "../platform/trials.ts";
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
  walk.influence = keeper.rulebook.withoutRule;
  if (walk.overlay !== undefined && tried(walk, walk.overlay, cache)) return undefined;
  if (rules.all.length === 0) return undefined;
  const { method } = walk;
  if (method === "POST") return rules.takesPost ? post(walk, rules, cache) : undefined;
  if (method !== "GET" && method !== "HEAD") return undefined;
  const rule = ruleFor(walk, rules, 0);
  if (rule !== undefined) influence(walk, rule, cache, "", 0);
  return undefined;
}

/** A rule that is tried or kept goes before the policy's own, and its entries are nobody else's: they go with it. */
function tried(walk: Walk, overlay: Overlay, cache: CacheOptions): boolean {
  const { method, host, canonicalPath } = walk;
  const found = ruleIn(overlay, { method, host, path: canonicalPath, payloadBytes: 0 });
  if (found === undefined) return false;
  influence(walk, found.rule, cache, "", 0);
  const own = walk.influence!;
  walk.influence = { ...own, extra: `suggestion=${found.id};${own.extra}` };
  return true;
}

function post(walk: Walk, rules: CompiledRules, cache: CacheOptions): Verdict | Promise<Verdict> {
  // -1: it does not say.
  const payloadBytes = walk.request.body === null ? 0 : (contentLength(walk.fields.contentLength) ?? -1);
  const rule = ruleFor(walk, rules, payloadBytes);
  return rule === undefined || payloadBytes > mostHashed(rule) ? undefined : hashed(walk, rules, rule, cache);
}

const ruleFor = ({ method, host, canonicalPath }: Walk, rules: CompiledRules, payloadBytes: number) =>
  rules.find({ method, host, path: canonicalPath, payloadBytes });

const mostHashed = ({ options }: CompiledRule): number => options.conditions.maxPayloadBytes ?? HASHED_BYTES;

/** Reads the body for its hash, and then the request carries it; of one that is longer, what was read goes before the rest. */
async function hashed(walk: Walk, rules: CompiledRules, rule: CompiledRule, cache: CacheOptions): Promise<Verdict> {
  const { body } = walk.request;
  if (body === null) {
    influence(walk, rule, cache, "", 0);
    return undefined;
  }
  let held: Awaited<ReturnType<typeof holdBody>> | undefined;
  try {
    held = await Promise.race([holdBody(body, mostHashed(rule)), after(LONGEST_MS)]);
  } catch {
    // The client broke off.
    return { code: "bad_request" };
  }
  if (held === undefined) return { code: "upstream_timeout" };
  if (!held.whole) {
    walk.begun = held.begun;
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

function influence(
  walk: Walk,
  rule: CompiledRule,
  cache: CacheOptions,
  payloadHash: string,
  payloadBytes: number,
): void {
  const { method } = walk;
  const asked: RuledRequest = {
    method,
    now: walk.arrivedAt,
    payloadBytes,
    payloadHash,
    identity: walk.security.identity,
    query: walk.query,
    header: (name) => walk.headers.get(name),
  };
  walk.influence = influenceOf(rule, asked, cache, () => {
    const label = keyLabel(method, walk.authority, walk.canonicalPath, walk.query);
    const key = primaryKey(method, walk.keyParts, walk.influence);
    return walk.gateway.keeper.observer.experience(label, rule.id, key);
  });
}

/** Under which name and pattern a request is counted. */
export function describe(walk: Walk): { label: string; pattern: string } {
  const rule = walk.influence?.rule ?? "";
  return {
    label: keyLabel(walk.method, walk.authority, walk.canonicalPath, walk.query),
    pattern: rule === "" ? pathPattern(walk.canonicalPath) : rule,
  };
}
