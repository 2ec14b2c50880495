// URLs, hosts, paths and patterns.
import fc from "fast-check";
import { canonicalPath, forwardPath, needsSecondLook, otherReadings } from "../../worker/core/http/path.ts";
import { hostOf, readTarget } from "../../worker/core/http/target.ts";
import { hostKind, inRange, parseAddress, parseRange } from "../../worker/core/match/address.ts";
import { compilePathGlob, matchGlob } from "../../worker/core/match/glob.ts";
import { hostPatternProblem, pathPatternProblem } from "../../worker/core/match/pattern.ts";
import { fuzz, textOf } from "../support/fuzz.ts";

const path = textOf([
  "/",
  "//",
  ".",
  "..",
  "/../",
  "%2e",
  "%2F",
  "%252f",
  "%00",
  "%",
  "%C0%AE",
  "%E4",
  ";",
  ";a=b",
  "\\",
  "%5c",
  "?",
  "#",
  "*",
  "a",
  "api",
  "users",
]);
const host = textOf(
  [
    ".",
    ":",
    "[",
    "]",
    "@",
    "80",
    "65536",
    "xn--",
    "example.com",
    "127.0.0.1",
    "::1",
    "ffff",
    "%",
    "0x7f",
    "2130706433",
  ],
  12,
);

fuzz("a path", 14_000, path, (text) => {
  const given = `/${text}`;
  const canonical = canonicalPath(given);
  if (!canonical.ok) return canonical.error;
  if (needsSecondLook(given)) otherReadings(given, canonical.value);
  forwardPath(given, canonical.value, "/api", "/v2");
  return undefined;
});

fuzz("a URL", 8_000, fc.tuple(fc.constantFrom("http://", "https://"), host, path), ([scheme, authority, rest]) => {
  readTarget(scheme + authority + rest);
  hostOf(authority);
});

fuzz("an address", 6_000, host, (text) => {
  const address = parseAddress(text);
  const range = parseRange(text);
  if (address !== undefined && range !== undefined) inRange(address, range);
  hostKind(text);
  hostPatternProblem(text);
});

fuzz(
  "a pattern and what it is held against",
  6_000,
  fc.tuple(textOf(["*", "a", "/", "*a*", "**"]), path),
  ([pattern, text]) => {
    pathPatternProblem(`/${pattern}`);
    matchGlob(pattern, text);
    compilePathGlob(`/${pattern}`)(`/${text}`);
  },
);
