// Answers about keys, and about who came with wrong ones.
import * as v from "valibot";
import { count, heard, next, texts, time } from "./words.ts";

const noTime = v.pipe(v.nullable(v.number()), v.description("Epoch milliseconds; null for never."));

const keyFields = {
  id: v.string(),
  name: v.string(),
  user: v.string(),
  tenant: v.string(),
  roles: texts,
  permissions: texts,
  rateLimit: v.nullable(v.string()),
  createdAt: time,
  expiresAt: noTime,
  revokedAt: noTime,
};

export const key = v.object(keyFields);
export const keys = v.object({ items: v.array(key), next });

export const keyMade = v.object({
  ...keyFields,
  key: v.pipe(v.string(), v.description("The key itself: shown here and nowhere else.")),
});

export const keyRevoked = v.object({ id: v.string(), revoked: v.literal(true), heard });

export const security = v.object({
  events: v.array(
    v.object({
      at: time,
      kind: v.string(),
      detail: v.string(),
      route: v.string(),
      address: v.string(),
      who: v.string(),
      count,
      region: v.string(),
    }),
  ),
  counts: v.record(v.string(), count),
  limited: v.array(
    v.object({
      limit: v.string(),
      who: v.string(),
      kind: v.picklist(["limited", "blocked", "budget"]),
      times: count,
      at: time,
      until: time,
    }),
  ),
  keys: v.object({ count: v.nullable(count) }),
  keySets: v.array(
    v.object({
      from: v.string(),
      keys: count,
      loadedAt: time,
      problem: v.string(),
      refused: v.array(v.object({ index: count, kid: v.optional(v.string()), problem: v.string() })),
    }),
  ),
  regions: v.record(v.string(), v.object({ reachable: v.boolean() })),
});
