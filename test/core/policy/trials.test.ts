import { expect, it } from "vitest";
import { compilePolicy } from "../../../worker/core/policy/compile.ts";
import { parsePolicy } from "../../../worker/core/policy/parse.ts";
import type { WrittenPolicy } from "../../../worker/core/policy/schema.ts";
import { whyNotFitting } from "../../../worker/core/policy/trials.ts";
import type { TrialChange } from "../../../worker/core/protocol/suggestions.ts";

function why(change: TrialChange, changes: Partial<WrittenPolicy> = {}, web: Record<string, unknown> = {}) {
  const document = {
    services: { web: { instances: [{ id: "a", url: "http://a.test" }], ...web } },
    routes: [{ name: "all", match: { path: "/*" }, service: "web" }],
    ...changes,
  };
  const parsed = parsePolicy(JSON.stringify(document));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return whyNotFitting(change, compilePolicy(parsed.value, 1));
}

const at = { route: "all", service: "web" } as const;
const rule = JSON.stringify({ match: "GET /items/*", ttlSeconds: 30 });
const changes: TrialChange[] = [
  { kind: "cache_rule", route: "all", rule },
  { kind: "headers_timeout", route: "all", before: 30_000, after: 100 },
  { kind: "instance_weight", ...at, method: "GET", instance: "a", factor: 0 },
  { kind: "region_spill", ...at, before: 0.8, after: 0.2 },
  { kind: "breaker_slow", ...at, before: 2_000, after: 100, sliceMs: 6_000 },
  { kind: "retries", ...at, before: 3, after: 1 },
];

it.each(changes)("$kind fits the policy it was found in", (change) => expect(why(change)).toBeUndefined());
it.each(changes)("$kind does not fit without its route", (change) =>
  expect(why({ ...change, route: "gone" })).toContain("no route"),
);

it.each<[TrialChange, Partial<WrittenPolicy>, Record<string, unknown>, string]>([
  [changes[0]!, { cache: false }, {}, "switched its cache off"],
  [changes[0]!, { cache: { rules: [{ match: "GET /items/*", ttlSeconds: 5 }] } }, {}, "has a rule for GET /items/*"],
  [changes[1]!, {}, { timeouts: { headersMs: 900 } }, "headersMs is 900"],
  [changes[3]!, {}, { routing: { regions: { spillAtLoad: 0.5 } } }, "spillAtLoad is 0.5"],
  [changes[4]!, {}, { breaker: false }, "slowMs is false"],
  [changes[5]!, {}, { attempts: { max: 2 } }, "attempts.max is 2"],
])("what its author has changed is the author's: %j", (change, policy, web, words) =>
  expect(why(change, policy, web)).toContain(words),
);
