// What caches read: Cache-Control and its targeted kin, Age, Vary, Range, validators, Location of unsafe answers.
import fc from "fast-check";
import { ageSeconds, deltaSeconds } from "../../worker/core/cache/delta.ts";
import { parseDirectives, parseRequestDirectives } from "../../worker/core/cache/directives.ts";
import { isEntryMeta } from "../../worker/core/cache/entry.ts";
import { invalidated } from "../../worker/core/cache/invalidation.ts";
import { contentRange, requestedRange, resolveRange } from "../../worker/core/cache/range.ts";
import { targetedDirectives } from "../../worker/core/cache/targeted.ts";
import { nominatedBy, normalised } from "../../worker/core/cache/vary.ts";
import { fuzz, textOf } from "../support/fuzz.ts";

const field = textOf([
  "max-age",
  "=",
  "60",
  "-1",
  "1e9",
  "99999999999999999999",
  '"',
  "\\",
  ",",
  ";",
  " ",
  "\t",
  "no-store",
  "private",
  'private="x, y"',
  "s-maxage",
  "stale-while-revalidate",
  "must-revalidate",
  "public",
  "no-cache=",
  "?1",
  "()",
  ":YQ==:",
  "*",
  "accept-language",
  "bytes=",
  "-",
  "0-0",
  "bytes 0-1/2",
  "W/",
  "http://",
  "/",
  "//",
  "..",
  "?",
  "#",
]);

fuzz("cache fields", 9_000, field, (text) => {
  parseDirectives(text);
  parseRequestDirectives(text, text);
  targetedDirectives({ get: () => text });
  deltaSeconds(text);
  ageSeconds(text);
  nominatedBy(text);
  normalised("accept-language", text);
  normalised("accept-encoding", text);
});

fuzz("ranges", 4_000, fc.tuple(field, fc.nat()), ([text, total]) => {
  const range = requestedRange(text);
  if (range !== undefined) resolveRange(range, total);
  contentRange(text);
});

fuzz("what an unsafe answer invalidates", 4_000, fc.tuple(field, field), ([location, content]) => {
  invalidated("https://api.example.com/a?b", location, content);
});

fuzz("a stored entry that is none", 2_000, fc.anything(), (value) => {
  isEntryMeta(value, "key");
});
