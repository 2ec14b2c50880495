import fc from "fast-check";
import { expect, it } from "vitest";
import { MAX_CONNECTION_OPTIONS, namedByConnection } from "../../../worker/core/http/connection.ts";

const named = (connection: string): string[] => {
  const drop: string[] = [];
  expect(namedByConnection(connection, drop)).toBe(true);
  return drop;
};

it.each([
  ["", []],
  ["close", []],
  ["keep-alive", []],
  ["Keep-Alive, Close", []],
  ["close, X-Foo, Authorization, X-Forwarded-For", ["x-foo", "x-forwarded-for"]],
  ["Upgrade", ["upgrade"]],
  ["Cookie, Set-Cookie, Cache-Control, Host, CDN-Loop", []],
  [" ,X-A ,,\tX-B\t, ", ["x-a", "x-b"]],
  ["X-A;q=1, x b, X:C, é, X-D", ["x-d"]],
])("%s names %j", (connection, expected) => expect(named(connection)).toEqual(expected));

it("more options than any hop needs are refused", () => {
  const options = (count: number): string => Array.from({ length: count }, (_, n) => `x-${n}`).join(",");
  expect(named(options(MAX_CONNECTION_OPTIONS))).toHaveLength(MAX_CONNECTION_OPTIONS);
  expect(namedByConnection(options(MAX_CONNECTION_OPTIONS + 1), [])).toBe(false);
});

it("gives only names that Headers takes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), (connection) => {
      const drop: string[] = [];
      namedByConnection(connection, drop);
      const headers = new Headers();
      for (const name of drop) headers.delete(name);
    }),
    { numRuns: 2000 },
  );
});
