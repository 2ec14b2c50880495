// API keys as an operator makes, sees and revokes them. The key itself is in the answer that made it and nowhere else, not on
// disk, not in a log, not in the audit log; what is kept is a hash under the pepper. An answer of 2xx means stored: the key
// is good everywhere at once, and a revoked one refused everywhere within five seconds.
import {
  isKeyId,
  makeApiKey,
  RANDOM_BYTES,
  readKeyRecord,
  type KeyRecord,
  type NewKey,
} from "../core/security/api-keys.ts";
import { toUtf8 } from "../core/security/encoding.ts";
import { ok, refuse, type Result } from "../core/result/result.ts";
import { hexDigest } from "../platform/cache/digest.ts";
import { readShape } from "./body.ts";
import type { Asked } from "./context.ts";
import { matches } from "./etag.ts";
import { nextOf, numberedPage } from "./paging.ts";
import { keyChange, newKey } from "./questions.ts";
import { refusal, unavailable } from "./refuse.ts";
import { tellRegions } from "./state.ts";

const invalid = (c: Asked, path: string, message: string): Response =>
  refusal(c, { code: "body_invalid", errors: [{ path, message }] });

export async function createKey(c: Asked): Promise<Response> {
  const isolate = c.get("isolate");
  const { current } = isolate.policies;
  if (current === undefined) return refusal(c, { code: "policy_missing", retryAfterMs: 1_000 });
  const { apiKeys, rateLimits } = current.policy.security;
  if (apiKeys === undefined) return invalid(c, "", "needs security.apiKeys in the policy: nobody would take the key");
  const body = await readShape(c, newKey);
  if (!body.ok) return body.error;
  const asked = body.value;
  if (asked.rateLimit !== undefined && !Object.hasOwn(rateLimits, asked.rateLimit)) {
    return invalid(c, "rateLimit", "must be one of the limits in security.rateLimits");
  }
  const now = isolate.now();
  const expiresAt = endOf(asked);
  if (expiresAt !== 0 && !(expiresAt > now)) return invalid(c, "expiresAt", "must be a time to come");
  const pepper = await c.get("identity").pepper(apiKeys.pepper?.secret ?? "");
  // A key hashed without the pepper would be refused as soon as there is one.
  if (pepper === undefined) return refusal(c, { code: "identity_unavailable", retryAfterMs: 30_000 });
  const { id, key, hash } = await makeApiKey(crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)), pepper);
  const record = recordOf(asked, id, hash, now, expiresAt);
  const change = { actor: c.get("actor"), note: [asked.name, asked.tenant].filter(Boolean).join(", ") };
  const stored = await isolate.objects.askControl((control) => control.createKey(id, JSON.stringify(record), change));
  if (!stored.ok) return unavailable(c);
  if (stored.value === "full") return invalid(c, "", "there are too many keys: revoke some first");
  await tellRegions(c);
  const { hash: _, ...shown } = record;
  return c.json({ ...readable(shown), key }, 201, { location: `/_sluice/admin/keys/${id}` });
}

const endOf = ({ expiresAt }: Pick<NewKey, "expiresAt">): number =>
  expiresAt === undefined ? 0 : typeof expiresAt === "number" ? expiresAt : Date.parse(expiresAt);

function recordOf(asked: NewKey, id: string, hash: string, now: number, expiresAt: number): KeyRecord {
  const { name, user = name, tenant = "", roles, permissions, rateLimit = "" } = asked;
  return { id, hash, name, user, tenant, roles, permissions, rateLimit, createdAt: now, expiresAt, revokedAt: 0 };
}

/** What is 0 in a record is null to a reader. */
function readable<Times extends { rateLimit: string; expiresAt: number; revokedAt: number }>(record: Times) {
  const { rateLimit, expiresAt, revokedAt } = record;
  return { ...record, rateLimit: rateLimit || null, expiresAt: expiresAt || null, revokedAt: revokedAt || null };
}

export async function getKeys(c: Asked): Promise<Response> {
  const asked = numberedPage(c);
  if (!asked.ok) return asked.error;
  const { before, limit } = asked.value;
  const listed = await c.get("isolate").objects.askControl((control) => control.apiKeys(before, limit));
  if (!listed.ok) return unavailable(c);
  const rows = listed.value;
  const items = rows.map((row) => ({ ...readable(row), number: undefined }));
  return c.json({ items, next: nextOf(rows, limit, ({ number }) => number) });
}

/** The record of a key as it stands, or the refusal that says why there is none. */
async function findKey(c: Asked): Promise<Result<{ readonly text: string; readonly record: KeyRecord }, Response>> {
  const id = c.req.param("id") ?? "";
  if (!isKeyId(id)) return refuse(refusal(c, { code: "not_found" }));
  const found = await c.get("isolate").objects.askControl((control) => control.apiKey(id));
  if (!found.ok) return refuse(unavailable(c));
  const text = found.value ?? "";
  const record = readKeyRecord(text);
  return record === undefined ? refuse(refusal(c, { code: "not_found" })) : ok({ text, record });
}

/** Of all that is kept of it, so that no change goes unseen. */
const tagOf = async (text: string): Promise<string> => `"${(await hexDigest(toUtf8(text))).slice(0, 16)}"`;

export async function getKey(c: Asked): Promise<Response> {
  const found = await findKey(c);
  if (!found.ok) return found.error;
  const { hash: _, ...shown } = found.value.record;
  const etag = await tagOf(found.value.text);
  if (matches(c.req.header("if-none-match"), etag)) return new Response(null, { status: 304, headers: { etag } });
  return c.json(readable(shown), 200, { etag });
}

/**
 * `PATCH keys/{id}`: what is absent stays, null takes a limit or an end away. Only over the version that If-Match names; a revoked key
 * is history, and not found.
 */
export async function changeKey(c: Asked): Promise<Response> {
  const ifMatch = c.req.header("if-match");
  if (ifMatch === undefined) return refusal(c, { code: "precondition_required" });
  const body = await readShape(c, keyChange);
  if (!body.ok) return body.error;
  const found = await findKey(c);
  if (!found.ok) return found.error;
  const { text, record } = found.value;
  const etag = await tagOf(text);
  if (record.revokedAt > 0) return refusal(c, { code: "not_found" });
  // RFC 9110 §13.1.1: a weak tag never matches.
  if (ifMatch.trim() !== "*" && ifMatch.trim() !== etag) return refusal(c, { code: "precondition_failed" }, { etag });
  const isolate = c.get("isolate");
  const limits = isolate.policies.current?.policy.security.rateLimits ?? {};
  const { expiresAt, rateLimit, tenant, ...rest } = body.value;
  if (typeof rateLimit === "string" && !Object.hasOwn(limits, rateLimit))
    return invalid(c, "rateLimit", "must be one of the limits in security.rateLimits");
  const end = expiresAt == null ? 0 : endOf({ expiresAt });
  if (expiresAt != null && !(end > isolate.now())) return invalid(c, "expiresAt", "must be a time to come");
  const changed: KeyRecord = {
    ...record,
    ...(Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as Partial<KeyRecord>),
    ...(tenant === undefined ? {} : { tenant: tenant ?? "" }),
    ...(rateLimit === undefined ? {} : { rateLimit: rateLimit ?? "" }),
    ...(expiresAt === undefined ? {} : { expiresAt: end }),
  };
  const after = JSON.stringify(changed);
  const change = { actor: c.get("actor"), note: Object.keys(body.value).join(", ") };
  const stored = await isolate.objects.askControl((control) => control.changeKey(record.id, text, after, change));
  if (!stored.ok) return unavailable(c);
  if (stored.value === "unknown") return refusal(c, { code: "not_found" });
  if (stored.value === "conflict") return refusal(c, { code: "precondition_failed" });
  await tellRegions(c);
  const { hash: _, ...shown } = changed;
  return c.json(readable(shown), 200, { etag: await tagOf(after) });
}

export async function revokeKey(c: Asked): Promise<Response> {
  const id = c.req.param("id") ?? "";
  if (!isKeyId(id)) return refusal(c, { code: "not_found" });
  const change = { actor: c.get("actor"), note: "" };
  const revoked = await c.get("isolate").objects.askControl((control) => control.revokeKey(id, change));
  if (!revoked.ok) return unavailable(c);
  if (revoked.value === "unknown") return refusal(c, { code: "not_found" });
  return c.json({ id, revoked: true, heard: await tellRegions(c) });
}
