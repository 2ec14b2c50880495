import { expect, test } from "vitest";
import { affinityCookie, affinityOf } from "../../../worker/core/routing/affinity.ts";
import { buildRing, consistentHash } from "../../../worker/core/routing/hashing.ts";
import { candidate, choiceInput } from "../../../worker/core/routing/strategy.ts";
import { hash32 } from "../../../worker/core/stats/hash.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";

const pool = (ids: string[], weight = 1) => ids.map((id) => candidate({ id, weight }));
const clients = Array.from({ length: 5000 }, (_, n) => hash32(`client-${n}`));

function homes(candidates: ReturnType<typeof pool>, seed = 1): string[] {
  const input = choiceInput(seededChance(seed));
  return clients.map((hash) => {
    input.affinityHash = hash;
    return candidates[consistentHash.choose(candidates, input)]!.id;
  });
}

test("a client has one home, in every isolate, in whatever order instances are listed", () => {
  expect(homes(pool(["a", "b", "c", "d"]), 1)).toEqual(homes(pool(["d", "b", "a", "c"]), 2));
});

test("one that goes moves only its own clients, and one that comes takes only its share", () => {
  const four = homes(pool(["a", "b", "c", "d"]));
  const three = homes(pool(["a", "b", "d"]));
  four.forEach((home, i) => {
    if (home !== "c") expect(three[i]).toBe(home);
  });
  const away = pool(["a", "b", "c", "d"]);
  away[2]!.available = false;
  expect(homes(away)).toEqual(three);
});

test("an overloaded one passes its clients on: nobody carries more than 1.25 times its fair share", () => {
  const candidates = pool(["a", "b", "c", "d"]);
  const input = choiceInput(seededChance(1));
  input.affinityHash = hash32("the one customer that all the traffic comes from");
  for (let n = 0; n < 400; n++) candidates[consistentHash.choose(candidates, input)]!.inFlight++;
  for (const c of candidates) expect(c.inFlight).toBeLessThanOrEqual(Math.ceil(1.25 * 100));
  expect(candidates.reduce((sum, c) => sum + c.inFlight, 0)).toBe(400);
});

test("while one ramps, the same part of its clients comes back first, and more follow", () => {
  const candidates = pool(["a", "b", "c", "d"]);
  const full = homes(candidates);
  candidates[2]!.ramp = 0.3;
  const some = homes(candidates);
  candidates[2]!.ramp = 0.6;
  const more = homes(candidates);
  const back = (now: string[]) =>
    now.filter((home) => home === "c").length / full.filter((home) => home === "c").length;
  expect(back(some)).toBeCloseTo(0.3, 1);
  expect(back(more)).toBeCloseTo(0.6, 1);
  some.forEach((home, i) => {
    if (home === "c") expect(more[i]).toBe("c");
    if (full[i] !== "c") expect(some[i]).toBe(full[i]);
  });
});

test("a ring is bounded, whatever the weights", () => {
  expect(buildRing(pool(["a", "b"], 1_000_000)).points.length).toBeLessThanOrEqual(4096 + 2);
  expect(buildRing(pool(["a", "b"])).points.length).toBe(200);
});

test.each([
  { by: "header", headers: { "x-user": "ann" }, wanted: hash32("ann") },
  { by: "header", headers: {}, wanted: -1 },
  { by: "client", headers: {}, wanted: hash32("203.0.113.7") },
  { by: "cookie", headers: { cookie: "a=1; stick=tok; b=2" }, wanted: hash32("tok") },
  { by: "cookie", headers: { cookie: "nostick=x;stick=tok" }, wanted: hash32("tok") },
  { by: "cookie", headers: { cookie: "sticky=x" }, wanted: -1 },
  { by: "cookie", headers: {}, wanted: -1 },
] as const)("binds by $by: $headers", ({ by, headers, wanted }) => {
  const options =
    by === "header"
      ? ({ by, name: "X-User" } as const)
      : by === "cookie"
        ? ({ by, name: "stick", ttlSeconds: 60 } as const)
        : ({ by } as const);
  expect(affinityOf(options, new Headers(headers), "203.0.113.7")).toBe(wanted);
});

test("the cookie that binds says nothing about instances and cannot be read by scripts", () => {
  expect(affinityCookie({ by: "cookie", name: "stick", ttlSeconds: 60 }, "tok", true)).toBe(
    "stick=tok; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure",
  );
});
