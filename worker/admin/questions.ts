// What the admin API may be asked: the bodies and parameters of its endpoints. Handlers parse with these, and the OpenAPI
// document is made of the same, so that neither can promise what the other refuses.
import * as v from "valibot";
import { experimentOptions } from "../core/chaos/options.ts";
import { newKeySchema } from "../core/security/api-keys.ts";

export { newKeySchema as newKey };

const { name, user, tenant, roles, permissions, rateLimit, expiresAt } = newKeySchema.entries;

/** What is absent stays as it is. */
export const keyChange = v.strictObject({
  name: v.optional(name),
  user,
  tenant: v.optional(v.nullable(tenant.wrapped)),
  roles: v.optional(roles.wrapped),
  permissions: v.optional(permissions.wrapped),
  rateLimit: v.optional(v.nullable(rateLimit.wrapped)),
  expiresAt: v.optional(v.nullable(expiresAt.wrapped)),
});

const moment = v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number), v.number());

/** Which entries of the audit log. */
export const auditQuestion = v.object({
  actor: v.optional(v.pipe(v.string(), v.maxLength(512), v.description("Of this one alone."))),
  action: v.optional(
    v.pipe(
      v.string(),
      v.maxLength(64),
      v.description("Of this kind: `policy` means policy.put and all else under it."),
    ),
  ),
  from: v.optional(v.pipe(moment, v.description("Epoch milliseconds: from then on."))),
  to: v.optional(v.pipe(moment, v.description("Epoch milliseconds: before then."))),
});

const fieldName = v.pipe(v.string(), v.regex(/^[!#$%&'*+.^_`|~\w-]{1,256}$/));
const described = {
  method: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z-]{1,32}$/)), "GET"),
  /** Absolute, or a path on the host that is asked. */
  url: v.pipe(
    v.string(),
    v.minLength(1),
    v.maxLength(16_384),
    v.description("Absolute, or a path on the host that is asked."),
  ),
  headers: v.optional(v.record(fieldName, v.pipe(v.string(), v.maxLength(8_192))), {}),
};

/** A request that is only described. */
export const explainQuestion = v.strictObject(described);

export const lookupQuestion = v.strictObject({
  ...described,
  body: v.optional(
    v.pipe(v.string(), v.maxLength(262_144), v.description("Of a request whose payload is in its cache key.")),
  ),
});

export const rollbackQuestion = v.strictObject({
  generation: v.pipe(v.number(), v.integer(), v.minValue(1)),
  note: v.optional(v.pipe(v.string(), v.maxLength(1_000)), ""),
});

const target = v.pipe(v.string(), v.maxLength(4_096));
export const purgeQuestion = v.strictObject({
  url: v.optional(target),
  prefix: v.optional(target),
  tag: v.optional(target),
  pattern: v.optional(target),
  all: v.optional(v.boolean()),
  soft: v.optional(v.pipe(v.boolean(), v.description("Makes entries stale instead of ending them."))),
});

export const experimentQuestion = v.union([
  v.strictObject({
    experiment: v.pipe(v.string(), v.maxLength(128), v.description("One of chaos.experiments in the policy.")),
  }),
  experimentOptions,
]);

const MOST_ROWS = 1_440;

/** Unknown parameters are let be: they say nothing that could be missed. */
export const trafficQuestion = v.object({
  grain: v.optional(v.picklist(["second", "minute", "hour"]), "minute"),
  rows: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,4}$/),
      v.transform(Number),
      v.number(),
      v.minValue(1),
      v.maxValue(MOST_ROWS),
      v.description("How many rows, counted back from now: 1 to 1,440."),
    ),
    "60",
  ),
  step: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,4}$/),
      v.transform(Number),
      v.number(),
      v.minValue(1),
      v.maxValue(MOST_ROWS),
      v.description("How many rows make an item; the last item ends with the last row that is over."),
    ),
    "1",
  ),
  series: v.optional(
    v.pipe(
      v.string(),
      v.maxLength(4_096),
      v.description(
        "`fleet`, `service NAME`, `route ID`, and so on, or `service *` for all of a kind; several divided by commas. Absent: all.",
      ),
    ),
  ),
});
