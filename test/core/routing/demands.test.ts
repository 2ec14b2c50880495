import { describe, expect, it } from "vitest";
import { demandsOf, type Metadata } from "../../../worker/core/routing/demands.ts";
import {
  OTHER_METHOD,
  SECURITY_CRITICAL,
  SECURITY_STANDARD,
  methodBit,
} from "../../../worker/core/routing/strategy.ts";

describe("demandsOf", () => {
  it("says nothing where the metadata says nothing that choice could use", () => {
    expect(demandsOf({})).toBeUndefined();
  });

  it.each<[string, Metadata, object]>([
    [
      "standard security, any size, any method, complex requests",
      { supportsComplex: true },
      { security: SECURITY_STANDARD, maxPayloadBytes: Infinity, methods: 0xff, supportsComplex: true },
    ],
    [
      "what it says",
      { securityLevel: "critical", maxPayloadBytes: 10, supportsComplex: false },
      { security: SECURITY_CRITICAL, maxPayloadBytes: 10, methods: 0xff, supportsComplex: false },
    ],
    ["methods in any case", { methods: ["get", "POST"] }, { methods: methodBit("GET") | methodBit("POST") }],
    ["one method beside the known ones for all of them", { methods: ["PROPFIND"] }, { methods: OTHER_METHOD }],
    ["no method at all", { methods: [] }, { methods: 0 }],
  ])("%s", (_, metadata, expected) => {
    expect(demandsOf(metadata)).toMatchObject(expected);
  });
});
