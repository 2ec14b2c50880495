import { describe, expect, it } from "vitest";
import type { FoundInstance } from "../../../worker/core/protocol/reports.ts";
import { adopt, metadataFrom, nameFrom } from "../../../worker/core/routing/registry.ts";

const NOW = 1_700_000_000_000;
const one = (id: string, weight = 1): FoundInstance => ({ id, url: `http://${id}`, weight, priority: 0, metadata: {} });
const found = (...instances: FoundInstance[]) => ({ instances, health: undefined });

describe("a new answer", () => {
  it("takes over as a whole, in an order of its own, under a higher generation", () => {
    const first = adopt(undefined, found(one("b"), one("a")), NOW)!;
    expect(first).toEqual({ generation: NOW, instances: [one("a"), one("b")] });
    const second = adopt(first, found(one("a", 2)), NOW)!;
    expect(second).toEqual({ generation: NOW + 1, instances: [one("a", 2)] });
  });

  it("with the same list in another order changes nothing", () => {
    const first = adopt(undefined, found(one("a"), one("b")), NOW);
    expect(adopt(first, found(one("b"), one("a")), NOW + 1)).toBe(first);
  });

  it("with nothing in it never takes over", () => {
    const first = adopt(undefined, found(one("a")), NOW);
    expect(adopt(first, found(), NOW + 1)).toBe(first);
    expect(adopt(undefined, found(), NOW)).toBeUndefined();
  });

  it("numbers on from the clock when its store was lost", () => {
    expect(adopt(undefined, found(one("a")), NOW + 5)!.generation).toBe(NOW + 5);
    expect(adopt({ generation: NOW + 9, instances: [] }, found(one("a")), NOW)!.generation).toBe(NOW + 10);
  });
});

describe("metadata", () => {
  it("leaves out what it cannot read, and keeps labels bounded", () => {
    const words: [string, string][] = [
      ["securityLevel", "very"],
      ["maxPayloadBytes", "-1"],
      ["", "x"],
      ["a b", "x"],
      ["empty", ""],
      ...Array.from({ length: 50 }, (_, n): [string, string] => [`k${n}`, "v".repeat(300)]),
    ];
    const { labels, ...rest } = metadataFrom(words);
    expect(rest).toEqual({});
    expect(Object.keys(labels!)).toHaveLength(32);
    expect(labels!["securityLevel"]).toBe("very");
    expect(labels!["k0"]).toHaveLength(256);
  });
});

it.each(["orders-1", "10.0.0.1-80"])("a name that is one already stays: %s", (name) => {
  expect(nameFrom(name)).toBe(name);
});
