// The words every room writes its option schema with: times, shares, names, addresses, header fields, secrets.
// One law: a message never repeats what was written, for it may be a secret that stands in the wrong place.
import * as v from "valibot";
import { hostPatternProblem, pathPatternProblem } from "../match/pattern.ts";

const DAY_MS = 86_400_000;
const YEAR_SECONDS = 31_536_000;

const whole = (minimum: number, maximum: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(minimum), v.maxValue(maximum));

export const millis = whole(1, DAY_MS);
export const millisOrZero = whole(0, DAY_MS);
export const seconds = whole(1, YEAR_SECONDS);
export const secondsOrZero = whole(0, YEAR_SECONDS);
export const count = whole(1, 1_000_000_000);
export const countOrZero = whole(0, 1_000_000_000);
/** Bytes, up to 1 TiB. */
export const bytes = whole(0, 1_099_511_627_776);
/** A part of a whole, 0 to 1. */
export const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
/** A factor or weight whose scale is free: only its ratio to its neighbours counts. */
export const weight = v.pipe(v.number(), v.minValue(0), v.maxValue(1_000_000));
/** Money in US dollars. */
export const dollars = v.pipe(v.number(), v.minValue(0), v.maxValue(1_000_000_000));

export const text = (maximum: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(maximum));

/** Names of services, regions, limits and the like: they appear in metrics, paths and object names. */
export const name = v.pipe(
  v.string(),
  v.maxLength(64),
  v.regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
    "must be a name: letters, digits, '.', '_' and '-', beginning with a letter or digit",
  ),
);

/** What the gateway's own bindings and variables are called, in wrangler.toml and on plain workerd. */
export const OWN_BINDINGS: readonly string[] = [
  ...["KV", "SERVICE", "REGION", "CONTROL", "INSIGHT", "LIMITER", "BATCH", "ANALYTICS", "ASSETS"],
  ...["ADMIN_TOKEN", "REGION_NAME", "ALLOW_PRIVATE"],
];

/** A binding of the deployment's own that can `fetch`: a service, a client certificate, a private network. */
export const bindingName = v.pipe(
  v.string(),
  v.maxLength(64),
  v.regex(/^[A-Z][A-Z0-9_]*$/, "must be a binding's name: capitals, digits and '_'"),
  v.check((written) => !OWN_BINDINGS.includes(written), "is a binding of the gateway's own"),
);

/** Roles and permissions, such as `sluice:viewer`, `models:read`, `*`. */
export const permission = v.pipe(
  v.string(),
  v.maxLength(128),
  v.regex(/^[A-Za-z0-9*][A-Za-z0-9._:*/-]*$/, "must be a permission such as 'models:read' or '*'"),
);

// --- header fields (RFC 9110 §5.1, §5.5) ---

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export const headerName = v.pipe(
  v.string(),
  v.maxLength(128),
  v.regex(TOKEN, "must be a header name (RFC 9110 token)"),
);

/** Without CR, LF and NUL no value can start a field of its own. */
export const headerValue = v.pipe(
  v.string(),
  v.maxLength(4096),
  v.regex(/^[\t\x20-\x7e]*$/, "must be a header value: visible ASCII, spaces and tabs"),
);

export const method = v.pipe(
  v.string(),
  v.maxLength(32),
  v.regex(/^[A-Z][A-Z-]*$/, "must be an HTTP method in capitals"),
);

/** `api.example.com` or `*.example.com`, without a port. */
export const hostPattern = v.pipe(
  v.string(),
  v.check(
    (host) => hostPatternProblem(host) === undefined,
    (issue) => hostPatternProblem(issue.input) ?? "is not a host",
  ),
);

/** What a route matches, or a rule: a linear glob (core/match/glob), no parameters and no regular expressions. */
export const pathPattern = v.pipe(
  v.string(),
  v.maxLength(1024),
  v.regex(/^\/[^{}]*$/, "must start with / and hold no { or }: write * for a part that varies"),
  v.check((path) => !path.includes("/:"), "must not hold /:parameters: write * for a segment that varies"),
  v.check(
    (path) => pathPatternProblem(path) === undefined,
    (issue) => pathPatternProblem(issue.input) ?? "is not a path pattern",
  ),
);

// --- secrets ---

/** `{"secret": "NAME"}`: the name of a Worker secret, never the secret itself. */
export const secret = v.strictObject(
  {
    secret: v.pipe(
      v.string(),
      v.maxLength(128),
      v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be the name of a secret: letters, digits and '_'"),
    ),
  },
  'must name a secret, as {"secret": "NAME"}, and never hold it',
);

export type Secret = v.InferOutput<typeof secret>;

/** Header fields a gateway-made call carries: plain, or by a secret's name. */
export const callHeaders = v.record(headerName, v.union([headerValue, secret]));
export type CallHeaders = v.InferOutput<typeof callHeaders>;

// --- addresses ---

const isHttpUrl = (written: string): boolean => {
  const url = URL.parse(written);
  return url !== null && url.hostname !== "" && url.username === "" && url.password === "" && !written.includes("#");
};

/** An absolute http or https URL without credentials and fragment. */
export const httpUrl = v.pipe(
  v.string(),
  v.maxLength(2048),
  v.regex(/^https?:\/\/[^\s\\]+$/, "must be an http:// or https:// URL"),
  v.check(isHttpUrl, "must be a valid URL without credentials and fragment"),
);

/** An upstream's URL: as above, and without a query, for the client's goes there. */
export const upstreamUrl = v.pipe(
  httpUrl,
  v.check((written) => !written.includes("?"), "must not have a query"),
);

/** A path that a request of our own asks for, query allowed. */
export const requestPath = v.pipe(
  v.string(),
  v.maxLength(1024),
  v.regex(/^\/[\x21-\x22\x24-\x5b\x5d-\x7e]*$/, "must be a path that begins with '/', without spaces and fragment"),
  // RFC 3986 §4.2: resolved against a base it would name another host.
  v.check((path) => !path.startsWith("//"), "must not begin with '//'"),
);

export const latitude = v.pipe(v.number(), v.minValue(-90), v.maxValue(90));
export const longitude = v.pipe(v.number(), v.minValue(-180), v.maxValue(180));

// --- shapes ---

/** A block that may be switched off by `false`, and is off when absent. */
export const offUnlessGiven = <const TBlock extends v.GenericSchema>(block: TBlock) =>
  v.optional(v.union([v.literal(false), block]), false);

/** A block that may be switched off by `false`, and has its defaults when absent. */
export const onUnlessFalse = <const TBlock extends v.GenericSchema<Record<never, never>, unknown>>(block: TBlock) =>
  v.optional(v.union([v.literal(false), block]), () => ({}) as v.InferInput<TBlock>);
