import { expect, test } from "vitest";
import { keyedQuery, queryValue, type QueryKey } from "../../../worker/core/cache/query.ts";

const key = (mode: QueryKey["mode"], names: string[] = [], sort = false): QueryKey => ({
  mode,
  names: new Set(names),
  sort,
});

test.each<[string, QueryKey, string]>([
  ["?b=2&a=1", key("all"), "?b=2&a=1"],
  ["?b=2&a=1", key("all", [], true), "?a=1&b=2"],
  ["?a=2&b=0&a=1", key("all", [], true), "?a=2&a=1&b=0"],
  ["?b=2&a=1", key("ignore"), ""],
  ["?b=2&a=1&utm=x", key("only", ["a", "b"]), "?b=2&a=1"],
  ["?b=2&a=1&utm=x", key("only", ["a", "b"], true), "?a=1&b=2"],
  ["?b=2&utm=x&a=1", key("except", ["utm"]), "?b=2&a=1"],
  ["?utm=x", key("except", ["utm"]), ""],
  ["?%75tm=x&a=%zz", key("except", ["utm"]), "?a=%zz"],
  ["?a&&b=", key("all", [], true), "?a&b="],
  ["", key("all", [], true), ""],
  ["?", key("only", ["a"]), ""],
])("%s", (query, how, expected) => {
  expect(keyedQuery(query, how)).toBe(expected);
});

test.each([
  ["?a=1", "a", "1"],
  ["?a=1&a=2", "a", "1\n2"],
  ["?a", "a", ""],
  ["?a=x+y%21", "a", "x y!"],
  ["?b=1", "a", undefined],
  ["", "a", undefined],
])("value of %s", (query, name, value) => {
  expect(queryValue(query, name)).toBe(value);
});
