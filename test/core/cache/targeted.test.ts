import { expect, test } from "vitest";
import { MAX_DELTA_SECONDS } from "../../../worker/core/cache/delta.ts";
import { NO_DIRECTIVES, type Directives } from "../../../worker/core/cache/directives.ts";
import { targetedDirectives } from "../../../worker/core/cache/targeted.ts";

const read = (fields: Record<string, string>) => targetedDirectives(new Headers(fields));

test.each<[string, Partial<Directives> | undefined]>([
  ["max-age=3600", { maxAge: 3600 }],
  ["max-age=99999999999", { maxAge: MAX_DELTA_SECONDS }],
  ["max-age=-1", { maxAge: 0 }],
  ["foobar, max-age=3600", { maxAge: 3600 }],
  ["no-store", { noStore: true }],
  ["no-store=?0", {}],
  ["private, max-age=60", { isPrivate: true, maxAge: 60 }],
  ["no-cache", { noCache: true }],
  ["must-revalidate, max-age=60", { mustRevalidate: true, maxAge: 60 }],
  ["stale-while-revalidate=30, stale-if-error=60", { staleWhileRevalidate: 30, staleIfError: 60 }],
  // A directive of another type than its own is ignored (RFC 9213 §2.1).
  ['max-age="10000"', {}],
  ["max-age=1.5, no-store", { noStore: true }],
  ["max-age", {}],
  // Whatever is no dictionary is ignored whole.
  ["max-age=10000, &&&&&", undefined],
  ["MaX-aGe=3600", undefined],
  ["max-age =100", undefined],
  ["max-age= 100", undefined],
  ["", undefined],
])("CDN-Cache-Control: %s", (field, directives) => {
  expect(read({ "cdn-cache-control": field })).toEqual(
    directives === undefined ? undefined : { ...NO_DIRECTIVES, ...directives },
  );
});

test("the gateway's own field goes before that of any CDN, unless it does not parse", () => {
  expect(read({ "sluice-cache-control": "max-age=1", "cdn-cache-control": "max-age=2" })!.maxAge).toBe(1);
  expect(read({ "sluice-cache-control": "&", "cdn-cache-control": "max-age=2" })!.maxAge).toBe(2);
  expect(read({ "cache-control": "max-age=3" })).toBeUndefined();
});
