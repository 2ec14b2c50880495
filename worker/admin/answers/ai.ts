// What is answered about AI: who stands behind the door, which names lead where, what is spent.
import * as v from "valibot";
import { count, share, time } from "./words.ts";

const dollars = v.pipe(v.number(), v.description("Dollars per million tokens."));
const price = v.object({ input: dollars, output: dollars, cacheRead: dollars, cacheWrite: dollars });
const period = v.picklist(["tokensPerMinute", "tokensPerDay", "tokensPerMonth", "dollarsPerDay", "dollarsPerMonth"]);

export const ai = v.object({
  generation: count,
  providers: v.array(
    v.object({
      name: v.string(),
      adapter: v.string(),
      enabled: v.boolean(),
      priority: v.number(),
      weight: v.number(),
      region: v.nullable(v.string()),
      address: v.nullable(v.string()),
      keys: v.pipe(
        v.array(v.object({ name: v.string(), isSet: v.boolean() })),
        v.description("Secrets by name, and whether the deployment has them; never their values."),
      ),
      models: v.nullable(v.array(v.string())),
    }),
  ),
  models: v.array(
    v.object({
      name: v.string(),
      strategy: v.string(),
      recovery: v.picklist(["none", "continue"]),
      firstTokenMs: v.number(),
      stored: v.pipe(v.boolean(), v.description("Answers are kept and given again.")),
      targets: v.array(
        v.object({
          target: v.string(),
          weight: v.number(),
          priority: v.number(),
          price: v.pipe(v.nullable(price), v.description("As calls are charged; null where nobody knows.")),
        }),
      ),
    }),
  ),
  budgets: v.array(
    v.object({
      name: v.string(),
      by: v.string(),
      shadow: v.boolean(),
      limits: v.record(v.string(), v.number()),
      spending: v.pipe(
        v.array(
          v.object({
            who: v.string(),
            share: v.pipe(v.number(), v.description("Of the period that has the least left; above 1 when overrun.")),
            periods: v.array(
              v.object({
                name: period,
                spent: v.number(),
                reserved: v.number(),
                endsAt: time,
                limit: v.number(),
                share,
              }),
            ),
          }),
        ),
        v.description("The 50 who have used most of it, in the periods that run."),
      ),
    }),
  ),
  unreachable: v.pipe(count, v.description("Of the objects that keep budgets, how many did not answer.")),
});
