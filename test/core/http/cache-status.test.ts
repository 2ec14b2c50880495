import { expect, it } from "vitest";
import { cacheStatus, cacheStatusMember } from "../../../worker/core/http/cache-status.ts";
import type { CacheStatus } from "../../../worker/core/http/cache-status.ts";

it.each<[CacheStatus, string]>([
  [{ kind: "hit" }, "sluice; hit"],
  [{ kind: "hit", ttlSeconds: 30.9, detail: "memory" }, "sluice; hit; ttl=30; detail=memory"],
  [{ kind: "fwd", reason: "bypass" }, "sluice; fwd=bypass"],
  [{ kind: "fwd", reason: "miss", status: 200 }, "sluice; fwd=miss; fwd-status=200"],
  [
    { kind: "fwd", reason: "uri-miss", status: 200, stored: true, ttlSeconds: 60 },
    "sluice; fwd=uri-miss; fwd-status=200; stored; ttl=60",
  ],
  [{ kind: "fwd", reason: "miss", collapsed: true, stored: false }, "sluice; fwd=miss; collapsed"],
  [
    { kind: "fwd", reason: "stale", ttlSeconds: -12.5, detail: "stale-if-error" },
    "sluice; fwd=stale; ttl=-12; detail=stale-if-error",
  ],
  [{ kind: "hit", detail: "*a/b:c" }, "sluice; hit; detail=*a/b:c"],
  [{ kind: "hit", detail: "1a" }, 'sluice; hit; detail="1a"'],
  [{ kind: "hit", detail: "two words" }, 'sluice; hit; detail="two words"'],
  [{ kind: "hit", detail: 'a"b\\c' }, 'sluice; hit; detail="a\\"b\\\\c"'],
  [{ kind: "hit", detail: "é\n" }, 'sluice; hit; detail="??"'],
  [{ kind: "hit", detail: "" }, 'sluice; hit; detail=""'],
])("%j is %s", (status, expected) => expect(cacheStatusMember(status)).toBe(expected));

it("stands behind the caches nearer to the origin", () => {
  expect(cacheStatus("origin; hit", { kind: "fwd", reason: "miss" })).toBe("origin; hit, sluice; fwd=miss");
  expect(cacheStatus(null, { kind: "hit" })).toBe("sluice; hit");
});
