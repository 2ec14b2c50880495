import { expect, it } from "vitest";
import { parsePolicy } from "../../../worker/core/policy/parse.ts";
import { namedSecrets } from "../../../worker/core/policy/secrets.ts";
import type { WrittenPolicy } from "../../../worker/core/policy/schema.ts";

it("finds every secret a policy names, and where", () => {
  const document: WrittenPolicy = {
    cache: { redis: { url: "https://r.example.com", token: { secret: "REDIS" } } },
    providers: {
      p: {
        adapter: "openai",
        keys: [{ secret: "ONE" }, { secret: "TWO" }],
        headers: { "X-Org": { secret: "ORG" }, "X-Plain": "p" },
      },
    },
    notifiers: { ops: { kind: "webhook", url: { secret: "HOOK" }, secret: { secret: "SIGN" } } },
  };
  const parsed = parsePolicy(JSON.stringify(document));
  expect(parsed.ok && namedSecrets(parsed.value)).toEqual([
    { path: "cache.redis.token", name: "REDIS" },
    { path: "providers.p.keys[0]", name: "ONE" },
    { path: "providers.p.keys[1]", name: "TWO" },
    { path: "providers.p.headers.X-Org", name: "ORG" },
    { path: "notifiers.ops.url", name: "HOOK" },
    { path: "notifiers.ops.secret", name: "SIGN" },
  ]);
});
