import { describe, expect, it } from "vitest";
import type { Policy } from "../../worker/core/policy/schema.ts";
import type { Env } from "../../worker/platform/env.ts";
import { locationOf, nearestRegion, RegionLink } from "../../worker/platform/region.ts";

const from = (latitude: string, longitude: string) => ({ latitude, longitude }) as IncomingRequestCfProperties;
const regions = {
  weur: { latitude: 52.37, longitude: 4.9 },
  enam: { latitude: 40.71, longitude: -74 },
  apac: { latitude: 1.35, longitude: 103.82 },
};
const policy = {
  regions: { ...regions, south: { latitude: -33.9, longitude: 151.2, location: "oc" } },
} as unknown as Policy;

describe("the nearest region", () => {
  it.each([
    ["Lisbon", "38.72", "-9.14", "weur"],
    ["Toronto", "43.65", "-79.38", "enam"],
    ["Los Angeles", "34.05", "-118.24", "enam"],
    ["Tokyo", "35.68", "139.69", "apac"],
    ["across the date line", "-17.7", "-179.9", "apac"],
    ["the pole", "90", "0", "weur"],
  ])("to %s", (_, latitude, longitude, region) => {
    expect(nearestRegion(from(latitude, longitude), new Map(Object.entries(regions)))).toBe(region);
  });

  it("is still one when the request does not say where it comes from", () => {
    expect(nearestRegion(undefined, new Map(Object.entries(regions)))).toBe("weur");
    expect(nearestRegion(from("", ""), new Map([["apac", regions.apac]]))).toBe("apac");
    expect(nearestRegion(undefined, new Map())).toBe("weur");
  });
});

describe("the region of an isolate", () => {
  const link = (name: string) => new RegionLink({ REGION_NAME: name } as Env);

  it("is REGION_NAME where that is set", () => {
    const named = link("apac");
    named.settle(from("52", "4"), policy);
    expect(named.name).toBe("apac");
  });

  it("is provisional without a policy, then the policy's nearest, and then it stays", () => {
    const found = link("");
    found.settle(from("-23.5", "-46.6"), undefined);
    expect(found.name).toBe("sam");
    found.settle(from("-23.5", "-46.6"), policy);
    expect(found.name).toBe("enam");
    found.settle(from("1", "100"), policy);
    expect(found.name).toBe("enam");
  });
});

it.each([
  ["weur", { locationHint: "weur" }],
  ["south", { locationHint: "oc" }],
  ["constructor", {}],
  ["nowhere", {}],
])("objects of %s are made at %j", (region, hint) => {
  expect(locationOf(region, policy)).toEqual(hint);
});
