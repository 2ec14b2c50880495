import { describe, expect, it } from "vitest";
import { bring, MOST_LINE_BYTES, noCrowds, patienceFor, placeIn, sweep } from "../../../worker/core/cache/crowd.ts";

const line = (bytes = 10): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

describe("a crowd", () => {
  it("has one leader, and everyone else follows until it brings something", () => {
    const crowds = noCrowds();
    expect(placeIn(crowds, "k", 5_000, 0)).toEqual({ role: "leads", lease: 1 });
    expect(placeIn(crowds, "k", 5_000, 1_000)).toEqual({ role: "follows" });
    expect(patienceFor(crowds, "k", 1_000)).toBe(4_000);
    expect(placeIn(crowds, "other", 5_000, 1_000)).toEqual({ role: "leads", lease: 2 });
    const brought = line();
    expect(bring(crowds, "k", 1, brought, 2_000)).toBe(true);
    expect(patienceFor(crowds, "k", 2_000)).toBe(0);
    expect(placeIn(crowds, "k", 5_000, 6_999)).toEqual({ role: "has", line: brought });
    expect(placeIn(crowds, "k", 5_000, 7_000)).toEqual({ role: "leads", lease: 3 });
  });

  it("goes alone for a moment when nothing that may be shared came", () => {
    const crowds = noCrowds();
    placeIn(crowds, "k", 5_000, 0);
    expect(bring(crowds, "k", 1, undefined, 100)).toBe(true);
    expect(placeIn(crowds, "k", 5_000, 2_099)).toEqual({ role: "alone" });
    expect(placeIn(crowds, "k", 5_000, 2_100)).toEqual({ role: "leads", lease: 2 });
    placeIn(crowds, "large", 5_000, 0);
    bring(crowds, "large", 3, line(MOST_LINE_BYTES + 1), 100);
    expect(placeIn(crowds, "large", 5_000, 200)).toEqual({ role: "alone" });
    expect(crowds.bytes).toBe(0);
  });

  it("chooses another leader when the first one's lease is over, and takes nothing from the first any more", () => {
    const crowds = noCrowds();
    placeIn(crowds, "k", 5_000, 0);
    expect(placeIn(crowds, "k", 5_000, 5_000)).toEqual({ role: "leads", lease: 2 });
    expect(bring(crowds, "k", 1, line(), 5_001)).toBe(false);
    expect(bring(crowds, "never", 1, line(), 5_001)).toBe(false);
    expect(placeIn(crowds, "k", 5_000, 5_002)).toEqual({ role: "follows" });
  });

  it("is bounded in bytes and keys, and forgets the oldest", () => {
    const crowds = noCrowds();
    for (let n = 0; n < 20; n++) {
      const place = placeIn(crowds, `k${n}`, 5_000, n);
      if (place.role === "leads") bring(crowds, `k${n}`, place.lease, line(4 * 1024 * 1024), n);
    }
    expect(crowds.bytes).toBe(32 * 1024 * 1024);
    expect(placeIn(crowds, "k19", 5_000, 20).role).toBe("has");
    expect(placeIn(crowds, "k0", 5_000, 20).role).toBe("leads");
    for (let n = 0; n < 30_000; n++) placeIn(crowds, `flood${n}`, 5_000, 21);
    expect(crowds.byKey.size).toBe(20_000);
    sweep(crowds, 10_000);
    expect([crowds.byKey.size, crowds.bytes]).toEqual([0, 0]);
  });
});
