import { expect, test } from "vitest";
import { invalidated, invalidates, isSafe } from "../../../worker/core/cache/invalidation.ts";

test.each(["GET", "HEAD", "OPTIONS", "TRACE"])("%s changes nothing", (method) => {
  expect(isSafe(method)).toBe(true);
  expect(invalidates(method, 200)).toBe(false);
});

test.each(["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "WHATEVER"])("%s does, unless it failed", (method) => {
  expect([200, 201, 204, 303].every((status) => invalidates(method, status))).toBe(true);
  expect([400, 404, 500, 503].some((status) => invalidates(method, status))).toBe(false);
});

test.each<[string | null, string | null, string[]]>([
  [null, null, ["https://a.example/x?q"]],
  ["/y", "z#part", ["https://a.example/x?q", "https://a.example/y", "https://a.example/z"]],
  ["https://a.example/y", null, ["https://a.example/x?q", "https://a.example/y"]],
  ["https://b.example/y", "http://a.example/y", ["https://a.example/x?q"]],
  ["https://a.example:8443/y", "//b.example/", ["https://a.example/x?q"]],
  ["x?q", "http://[", ["https://a.example/x?q"]],
])("Location %j and Content-Location %j", (location, contentLocation, urls) => {
  expect(invalidated("https://a.example/x?q", location, contentLocation)).toEqual(urls);
});
