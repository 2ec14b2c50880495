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
import { readShape } from "./body.ts";
import type { Asked } from "./context.ts";
import { nextOf, numberedPage } from "./paging.ts";
import { newKey } from "./questions.ts";
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

const endOf = ({ expiresAt }: NewKey): number =>
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

export async function getKey(c: Asked): Promise<Response> {
  const id = c.req.param("id") ?? "";
  if (!isKeyId(id)) return refusal(c, { code: "not_found" });
  const found = await c.get("isolate").objects.askControl((control) => control.apiKey(id));
  if (!found.ok) return unavailable(c);
  const record = readKeyRecord(found.value ?? "");
  if (record === undefined) return refusal(c, { code: "not_found" });
  const { hash: _, ...shown } = record;
  return c.json(readable(shown));
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
