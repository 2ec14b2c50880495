// Looks at a share of the answers that no cache keeps, to find out which of them repeat themselves: their hash, or their validator where they
// have one. Bodies are copied on their way for nothing but a sampled answer of short, known length; what is told holds hashes only:
// of the key, of who asked, of the body.
import { isSilent } from "../core/cache/silence.ts";
import type { AnswerFields } from "../core/cache/storing.ts";
import { nominate, nominatedBy, variantName } from "../core/cache/vary.ts";
import { pathPattern } from "../core/cache/analytics.ts";
import { contentLength } from "../core/http/limits.ts";
import { sha256Hex } from "../core/stats/sha256.ts";
import { hexDigest } from "../platform/cache/digest.ts";
import { keepBody } from "../platform/cache/keep.ts";
import type { Walk } from "./walk.ts";

const HASH_LENGTH = 16;

/** The answer as it goes on; looked at on its way where chance wants it. */
export function lookAt(walk: Walk, answer: Response): Response {
  const bounds = mayLook(walk, answer.status);
  if (bounds === undefined || !isSilent(answer.headers)) return answer;
  const { status, statusText, headers, body } = answer;
  const etag = headers.get("etag");
  const bytes = contentLength(headers.get("content-length")) ?? -1;
  if (etag !== null) {
    tell(walk, headers, sha256Hex(etag, HASH_LENGTH), Math.max(0, bytes));
    return answer;
  }
  if (body === null || bytes < 0 || bytes > bounds.hashBytes) return answer;
  const kept = keepBody(body, { declared: bytes, mostBytes: bounds.hashBytes, before: undefined, forClient: true });
  walk.ctx.waitUntil(kept.done);
  const hashed = kept.whole.then(async (whole) => {
    if (whole !== undefined) tell(walk, headers, (await hexDigest(whole)).slice(0, HASH_LENGTH), bytes);
  });
  walk.ctx.waitUntil(hashed);
  return new Response(kept.readable, { status, statusText, headers, encodeBody: "manual" });
}

/** The origin said that what is stored still holds, and had to be asked. */
export function sawAgain(walk: Walk, etag: string, headers: AnswerFields): void {
  if (etag === "" || mayLook(walk, 200) === undefined || !isSilent(headers)) return;
  tell(walk, headers, sha256Hex(etag, HASH_LENGTH), 0);
}

function mayLook(walk: Walk, status: number): { readonly hashBytes: number } | undefined {
  const { suggestions } = walk.policy.policy.telemetry;
  // What a rule takes already is the rule's matter.
  if (suggestions === false || status !== 200 || walk.method !== "GET" || walk.influence?.rule !== "") return undefined;
  if (walk.isBackground || walk.struck || walk.fields.range !== undefined) return undefined;
  const share = walk.overlay?.isCompared === true ? 1 : suggestions.hashShare;
  if (Math.random() >= share) return undefined;
  return walk.gateway.isolate.evidence.mayLook(walk.arrivedAt) ? suggestions : undefined;
}

function tell(walk: Walk, headers: AnswerFields, value: string, bytes: number): void {
  const vary = nominatedBy(headers.get("vary"));
  if (vary === "*") return;
  const variant = variantName(nominate(vary, walk));
  walk.gateway.isolate.evidence.repeated({
    route: walk.route!.id,
    pattern: pathPattern(walk.canonicalPath),
    key: sha256Hex(`${walk.cacheKey}\n${variant}`, HASH_LENGTH),
    who: whoOf(walk),
    ...{ value, bytes, at: walk.arrivedAt, upstreamMs: Math.round(walk.upstreamMs) },
  });
}

function whoOf(walk: Walk): string {
  const { fields, headers, security, hasCredential } = walk;
  const cookie = fields.cookie;
  const credential = hasCredential
    ? security.identity || (fields.authorization ?? headers.get("x-api-key") ?? "")
    : undefined;
  if (credential === undefined && cookie === undefined) return "n";
  const kind = credential === undefined ? "k" : cookie === undefined ? "c" : "b";
  return `${kind}:${sha256Hex(`${credential ?? ""}\n${cookie ?? ""}`, HASH_LENGTH)}`;
}
