// Words that the answers of the admin API are written with. Answers stand here as schemas for the OpenAPI document, the typed
// client and the tests; handlers know them as types only, and the Worker carries none of it.
import * as v from "valibot";

export const time = v.pipe(v.number(), v.description("Epoch milliseconds; 0 for never."));
export const share = v.pipe(v.number(), v.description("0 to 1."));
export const millis = v.pipe(v.number(), v.description("Milliseconds."));
export const count = v.pipe(v.number(), v.integer());
export const texts = v.array(v.string());
export const figures = v.record(v.string(), v.number());

export const heard = v.pipe(
  v.record(v.string(), v.boolean()),
  v.description(
    "By region, whether it was told at once; one that was not obeys with its next question, within seconds.",
  ),
);

export const next = v.pipe(
  v.nullable(v.string()),
  v.description("The `cursor` of the next page; null on the last one."),
);

/** RFC 9457. */
export const problem = v.object({
  type: v.pipe(v.string(), v.description("`urn:sluice:problem:` and a stable code.")),
  title: v.string(),
  status: count,
  detail: v.optional(v.string()),
  correlationId: v.pipe(v.string(), v.description("As in X-Correlation-ID.")),
  retryAfter: v.optional(v.pipe(v.number(), v.description("Seconds, as in Retry-After."))),
  errors: v.optional(
    v.pipe(
      v.array(v.object({ path: v.string(), message: v.string() })),
      v.description('What is wrong, and where: `services.web.instances[0].url`; "" for the whole document.'),
    ),
  ),
});
