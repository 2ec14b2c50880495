// What a policy may say about making a conversation shorter (A7). Off unless given.
import * as v from "valibot";
import { count, countOrZero, seconds, share, text, weight } from "../protocol/fields.ts";

export const condenseOptions = v.strictObject({
  strategy: v.optional(v.picklist(["semantic", "structural", "temporal", "hybrid"]), "hybrid"),
  /** `overflow`: only when the conversation would not fit the target's window. */
  when: v.optional(v.picklist(["never", "overflow", "always"]), "overflow"),
  /** What is left at most; absent: what the target's window leaves. */
  maxTokens: v.optional(count),
  /** Newest turns that are never touched. */
  keepTurns: v.optional(countOrZero, 2),
  /** Topics of this many messages or fewer stay whole. */
  wholeTopic: v.optional(countOrZero, 3),
  /** `provider/model` or a model's name that writes summaries; absent: sentences are ranked instead. */
  summaryModel: v.optional(text(256)),
  summaryTokens: v.optional(count, 512),
  /** A message's worth by `temporal`. */
  weights: v.optional(
    v.strictObject({
      recency: v.optional(weight, 0.4),
      importance: v.optional(weight, 0.4),
      position: v.optional(weight, 0.2),
    }),
    {},
  ),
  /** Recency falls to half at this age. */
  halfLifeSeconds: v.optional(seconds, 3600),
  /** Room left for the answer, as a share of the window. */
  answerShare: v.optional(share, 0.25),
});
