// Header fields, as clients and upstreams write them.
import fc from "fast-check";
import { cacheStatus } from "../../worker/core/http/cache-status.ts";
import { namedByConnection } from "../../worker/core/http/connection.ts";
import { publicCookie } from "../../worker/core/http/cookies.ts";
import { correlationId } from "../../worker/core/http/correlation.ts";
import { parseHttpDate } from "../../worker/core/http/date.ts";
import { cdnLoop, clientAddress, forwarded, hasLooped, via } from "../../worker/core/http/forwarding.ts";
import { contentLength, isFramingAmbiguous } from "../../worker/core/http/limits.ts";
import { appendMember, hasMember } from "../../worker/core/http/list.ts";
import { publicLocation } from "../../worker/core/http/location.ts";
import { readRequestFields } from "../../worker/core/http/request-fields.ts";
import type { RequestFields } from "../../worker/core/http/request-fields.ts";
import { parseRetryAfter } from "../../worker/core/http/retry-after.ts";
import { continueTrace, isTraceparent } from "../../worker/core/http/trace.ts";
import { compileIdentity } from "../../worker/core/security/rules.ts";
import { bearerOf, readShown } from "../../worker/core/security/shown.ts";
import { fuzz, textOf } from "../support/fuzz.ts";

const NAMES =
  "connection upgrade content-length transfer-encoding cf-connecting-ip cdn-loop via x-correlation-id traceparent tracestate authorization cookie x-forwarded-for forwarded x-api-key cf-access-jwt-assertion host te expect".split(
    " ",
  );
const value = textOf([
  ",",
  ";",
  "=",
  '"',
  "\\",
  " ",
  "\t",
  "close",
  "x-foo",
  "Bearer ",
  "sk_",
  "eyJ",
  "00-",
  "127.0.0.1",
  "::1",
  "[",
  "]",
  "by=",
  "1.1 sluice",
  "GMT",
  "Sun, 06 Nov 1994 08:49:37 GMT",
  "-",
  "chunked",
  "gzip",
  "18446744073709551616",
  "0x10",
  "1e3",
]);
const view = {
  upstreamAuthority: "int.example:9101",
  upstreamPrefix: "/base",
  publicScheme: "https",
  publicAuthority: "api.example.com",
  publicPrefix: "/api",
} as const;
const none = (): number => 0.5;

fuzz(
  "a request's fields",
  8_000,
  fc.array(fc.tuple(fc.oneof(fc.constantFrom(...NAMES), fc.string({ maxLength: 12 })), value), { maxLength: 24 }),
  (pairs) => {
    readRequestFields({
      forEach(callback: (this: RequestFields, value: string, name: string) => void, self: RequestFields) {
        for (const [name, text] of pairs) callback.call(self, text, name);
      },
    });
  },
);

fuzz("one field", 12_000, value, (text) => {
  namedByConnection(text, []);
  contentLength(text);
  isFramingAmbiguous(text, text);
  appendMember(text, "x");
  hasMember(text, "sluice");
  parseHttpDate(text, 0);
  parseRetryAfter(text, text, 0);
  if (isTraceparent(text)) continueTrace(text, none);
  clientAddress(text);
  forwarded(text, text, "https");
  via(text);
  cdnLoop(text);
  hasLooped(text);
  correlationId(text, 0, none);
  bearerOf(text);
  publicCookie(text, view);
  publicLocation(text, view);
  cacheStatus(text, { kind: "fwd", reason: "bypass" });
});

const rules = compileIdentity({
  apiKeys: { store: "kv", header: "X-API-Key", allowInQuery: true, queryName: "api_key" },
  roles: {},
  rateLimits: {},
  direct: false,
  admin: { host: null },
  identityHeaders: false,
  cors: false,
  addresses: { deny: [] },
  forbiddenMethods: [],
  eventsKept: 0,
});
const query = textOf(["?", "&", "=", "api_key", "api%5fkey", "%", "%zz", "%C0%80", "+", "#", "sk_"]);
fuzz(
  "credentials shown",
  6_000,
  fc.tuple(value, value, query, fc.boolean()),
  ([authorization, key, text, unguarded]) => {
    readShown(
      { headers: { get: () => key }, fields: { authorization }, query: text === "" ? "" : `?${text}` },
      rules,
      unguarded,
    );
  },
);
