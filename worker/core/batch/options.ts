// What a policy may say about merging calls (A11). Absent: on, for a batch only ever forms out of calls made at once.
import * as v from "valibot";
import { count, millis } from "../protocol/fields.ts";

const batch = (items: number, waitMs: number) =>
  v.optional(
    v.union([
      v.literal(false),
      v.strictObject({
        maxItems: v.optional(v.pipe(count, v.maxValue(1000)), items),
        maxWaitMs: v.optional(v.pipe(millis, v.maxValue(10_000)), waitMs),
      }),
    ]),
    {},
  );

export const batchOptions = v.strictObject({
  embeddings: batch(10, 100),
  modelDiscovery: batch(20, 200),
});
