import { expect, it } from "vitest";
import { appendMember, equalsIgnoringCase, hasMember } from "../../../worker/core/http/list.ts";

it.each([
  ["", false],
  ["sluice", true],
  ["Sluice", true],
  ["cloudflare; loops=1, SLUICE; x=1", true],
  ["a,sluice", true],
  [" , ,\tsluice ", true],
  ["sluicex", false],
  ["xsluice", false],
  ["a; b=sluice", false],
  ['a; b=", sluice, "', false],
  ['a; b="\\", sluice", c', false],
  ['a; b="x", sluice', true],
  ['a; b="unclosed, sluice', false],
  ["sluice.example", false],
])("hasMember %s: %s", (list, expected) => expect(hasMember(list, "sluice")).toBe(expected));

it.each([
  [null, "b"],
  [undefined, "b"],
  ["", "b"],
  ["a", "a, b"],
])("appendMember %s", (list, expected) => expect(appendMember(list, "b")).toBe(expected));

it.each([
  ["HTTP://x", 0, "http://", true],
  ["xhttp", 1, "http", true],
  ["htt", 0, "http", false],
  ["@TTP", 0, "`ttp", false],
])("equalsIgnoringCase %s", (text, at, lower, expected) => {
  expect(equalsIgnoringCase(text, at, lower)).toBe(expected);
});
