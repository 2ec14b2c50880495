import { describe, expect, it } from "vitest";
import { ANONYMOUS } from "../../worker/core/security/context.ts";
import { KnownCredentials } from "../../worker/platform/known-credentials.ts";
import type { Known } from "../../worker/platform/known-credentials.ts";

const known = (until = 1_000, keyId = ""): Known => ({
  context: { ...ANONYMOUS, keyId },
  until,
  told: [],
  toldUntil: 0,
});

describe("what was verified", () => {
  it("is known until it ends, and not by another spelling", () => {
    const all = new KnownCredentials();
    const one = known();
    all.set("a.b.c", one);
    expect(all.get("a.b.c", 999)).toBe(one);
    expect(all.get("a.b.c", 1_000)).toBeUndefined();
    expect(all.get("a.b.c=", 0)).toBeUndefined();
    expect(all.get("A.b.c", 0)).toBeUndefined();
  });

  it("is bounded in number: what is used stays, what is not goes", () => {
    const all = new KnownCredentials();
    const used = known();
    all.set("used", used);
    for (let at = 0; at < 50_000; at++) {
      all.set(`t${at}`, known());
      if (at % 1_000 === 0) expect(all.get("used", 0)).toBe(used);
      if (all.size > 10_000) throw new Error(`${all.size} are remembered`);
    }
    expect(all.get("t0", 0)).toBeUndefined();
    expect(all.get("t49999", 0)).toBeDefined();
  });

  it("is bounded in characters", () => {
    const all = new KnownCredentials();
    for (let at = 0; at < 2_000; at++) all.set(`${at}${"x".repeat(16_000)}`, known());
    expect(all.size).toBeLessThan(300);
  });

  it("is forgotten when it is affected, young or old", () => {
    const all = new KnownCredentials();
    all.set("old", known(1_000, "k"));
    for (let at = 0; at < 5_000; at++) all.set(`t${at}`, known());
    all.set("young", known(1_000, "k"));
    all.set("other", known(1_000, "l"));
    all.drop(({ context }) => context.keyId === "k");
    expect([all.get("old", 0), all.get("young", 0)]).toEqual([undefined, undefined]);
    expect(all.get("other", 0)).toBeDefined();
    all.clear();
    expect(all.size).toBe(0);
  });
});
