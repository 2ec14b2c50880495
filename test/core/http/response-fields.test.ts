import { expect, it } from "vitest";
import { dropAnswerFields } from "../../../worker/core/http/response-fields.ts";

function left(status: number, init: [string, string][]): [string, string][] {
  const headers = new Headers(init);
  dropAnswerFields(headers, status);
  return [...headers];
}

it("an ordinary answer keeps all it has", () => {
  const fields: [string, string][] = [
    ["content-type", "text/html"],
    ["etag", '"a"'],
    ["set-cookie", "a=1"],
    ["set-cookie", "b=2"],
  ];
  expect(left(200, fields)).toEqual(fields);
});

it("fields that its Connection names stay on the upstream's hop (A38)", () => {
  expect(
    left(200, [
      ["Connection", "X-Secret, Set-Cookie, keep-alive"],
      ["X-Secret", "s"],
      ["Set-Cookie", "a=1"],
    ]),
  ).toEqual([
    ["connection", "X-Secret, Set-Cookie, keep-alive"],
    ["set-cookie", "a=1"],
  ]);
});

it("the upstream's alternative endpoints and proxy fields do not reach the client", () => {
  expect(
    left(200, [
      ["Alt-Svc", 'h3=":443"'],
      ["Proxy-Connection", "close"],
      ["x-a", "1"],
    ]),
  ).toEqual([["x-a", "1"]]);
  expect(
    left(407, [
      ["Proxy-Authenticate", "Basic"],
      ["Proxy-Authentication-Info", "x"],
    ]),
  ).toEqual([]);
});
