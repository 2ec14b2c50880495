// What a policy may say about who may do what, and how much of it: tokens, keys, roles, limits, direct services, CORS.
// Everything denies by default: a block that is absent gives nobody anything.
import * as v from "valibot";
import {
  bytes,
  count,
  countOrZero,
  dollars,
  headerName,
  hostPattern,
  httpUrl,
  method,
  millis,
  name,
  offUnlessGiven,
  permission,
  seconds,
  secondsOrZero,
  secret,
  text,
} from "../protocol/fields.ts";

export const authMode = v.picklist(["none", "optional", "required"]);
export const permissions = v.pipe(v.array(permission), v.maxLength(64));

// --- tokens (RFC 7519, RFC 8725) ---

const algorithm = v.picklist([
  "HS256",
  "HS384",
  "HS512",
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
]);

const claim = text(128);

const issuer = v.pipe(
  v.strictObject({
    issuer: text(512),
    audience: v.union([text(512), v.pipe(v.array(text(512)), v.minLength(1), v.maxLength(16))]),
    algorithms: v.pipe(v.array(algorithm), v.minLength(1), v.maxLength(13)),
    /** Public keys: a set behind a URL, or one key in PEM form behind a secret's name. */
    jwksUrl: v.optional(httpUrl),
    publicKey: v.optional(secret),
    /** The shared key of HS256 and its kin. */
    sharedKey: v.optional(secret),
    leewaySeconds: v.optional(v.pipe(secondsOrZero, v.maxValue(600)), 60),
    /** Longest life a token may claim; absent: as long as it says. */
    maxAgeSeconds: v.optional(seconds),
    /** The `typ` a token must carry, such as "at+jwt"; absent: any. */
    typ: v.optional(text(64)),
    requiredClaims: v.optional(v.pipe(v.array(claim), v.maxLength(32)), ["exp", "sub"]),
    claims: v.optional(
      v.strictObject({
        user: v.optional(claim, "sub"),
        tenant: v.optional(claim, "tenant"),
        roles: v.optional(claim, "roles"),
        permissions: v.optional(claim, "permissions"),
      }),
      {},
    ),
    jwks: v.optional(
      v.strictObject({
        refreshSeconds: v.optional(seconds, 600),
        /** A key id that is not known asks again, but not more often than this. */
        cooldownSeconds: v.optional(seconds, 10),
        timeoutMs: v.optional(millis, 5000),
      }),
      {},
    ),
  }),
  v.check(
    (each) => [each.jwksUrl, each.publicKey, each.sharedKey].filter((key) => key !== undefined).length === 1,
    "needs exactly one of jwksUrl, publicKey and sharedKey",
  ),
  // RFC 8725 §3.1: a public key must never be usable as the secret of an HMAC.
  v.check(
    (each) => each.algorithms.every((name) => name.startsWith("HS") === (each.sharedKey !== undefined)),
    "must use HS algorithms with sharedKey, and only with it",
  ),
);

const jwt = v.strictObject({ issuers: v.pipe(v.array(issuer), v.minLength(1), v.maxLength(32)) });

/** Cloudflare Access: tokens in `Cf-Access-Jwt-Assertion`, keys from the team's own domain. */
const access = v.strictObject({
  teamDomain: v.pipe(
    v.string(),
    v.regex(/^[a-z0-9-]+\.cloudflareaccess\.com$/, "must be a team domain such as 'acme.cloudflareaccess.com'"),
  ),
  audience: v.union([text(128), v.pipe(v.array(text(128)), v.minLength(1), v.maxLength(16))]),
  leewaySeconds: v.optional(v.pipe(secondsOrZero, v.maxValue(600)), 60),
});

const apiKeys = v.strictObject({
  store: v.optional(v.literal("kv"), "kv"),
  header: v.optional(headerName, "X-API-Key"),
  /** Works and raises a security event; the field is never forwarded nor logged. */
  allowInQuery: v.optional(v.boolean(), false),
  queryName: v.optional(name, "api_key"),
  /** Keys are kept as an HMAC with this. */
  pepper: v.optional(secret),
});

// --- limits (A14) ---

/** Whose requests are counted together. */
const countedBy = v.union([
  v.picklist(["identity", "key", "address", "route", "model"]),
  v.pipe(
    v.string(),
    v.maxLength(128),
    v.regex(/^header:[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "must be identity, key, address, route, model or header:NAME"),
  ),
]);

/** From the smallest to the largest. */
const PERIODS = ["requestsPerSecond", "requestsPerMinute", "requestsPerHour", "requestsPerDay"] as const;

export const rateLimitOptions = v.pipe(
  v.strictObject({
    requestsPerSecond: v.optional(count),
    requestsPerMinute: v.optional(count),
    requestsPerHour: v.optional(count),
    requestsPerDay: v.optional(count),
    /** Absent: the smallest period's quota. */
    burst: v.optional(count),
    /** Requests at once. */
    concurrent: v.optional(count),
    tokensPerMinute: v.optional(count),
    tokensPerDay: v.optional(count),
    dollarsPerDay: v.optional(dollars),
    by: v.optional(countedBy, "identity"),
    onFailure: v.optional(v.picklist(["open", "closed"]), "open"),
    leaseTimeoutMs: v.optional(millis, 250),
    /** Counted and reported, never refused. */
    shadow: v.optional(v.boolean(), false),
    /** Who is refused this often within a window is blocked for a while. Absent: only where a quota is spent, not a rate. */
    block: v.optional(
      v.union([
        v.literal(false),
        v.strictObject({
          afterRefusals: v.optional(count, 3),
          /** 0 for not at all. */
          minuteSeconds: v.optional(secondsOrZero, 60),
          hourSeconds: v.optional(secondsOrZero, 3600),
        }),
      ]),
    ),
  }),
  v.transform((limit) => {
    const smallest = PERIODS.find((period) => limit[period] !== undefined);
    const quota = smallest === undefined ? undefined : limit[smallest];
    // The contract: a burst that is not said is the smallest period's quota. One below it makes the quota a rate, which
    // refuses request by request: to be refused by it is no abuse unless the policy says so.
    const isRate = limit.burst !== undefined && quota !== undefined && limit.burst < quota;
    const block = limit.block ?? {
      afterRefusals: 3,
      minuteSeconds: isRate && smallest === "requestsPerMinute" ? 0 : 60,
      hourSeconds: isRate && (smallest === "requestsPerHour" || smallest === "requestsPerDay") ? 0 : 3600,
    };
    const burst = limit.burst ?? quota;
    return burst === undefined ? { ...limit, block } : { ...limit, block, burst };
  }),
  v.check(
    (limit) =>
      [...PERIODS, "concurrent", "tokensPerMinute", "tokensPerDay", "dollarsPerDay"].some((each) => each in limit),
    "must limit something: requestsPerMinute, requestsPerHour, concurrent, tokensPerDay, …",
  ),
);

/** A spend that ends with its period; reserved before, settled after. */
export const budgetOptions = v.strictObject({
  tokensPerMinute: v.optional(count),
  tokensPerDay: v.optional(count),
  tokensPerMonth: v.optional(count),
  dollarsPerDay: v.optional(dollars),
  dollarsPerMonth: v.optional(dollars),
  by: v.optional(countedBy, "identity"),
  onFailure: v.optional(v.picklist(["open", "closed"]), "open"),
});

// --- browsers ---

const origin = v.union([
  v.literal("*"),
  v.pipe(
    v.string(),
    v.maxLength(300),
    v.regex(
      /^https?:\/\/(\*\.)?[a-z0-9.-]+(:\d{1,5})?$/,
      "must be an origin such as 'https://app.example.com' or 'https://*.example.com'",
    ),
  ),
]);

export const corsOptions = v.pipe(
  v.strictObject({
    origins: v.pipe(v.array(origin), v.minLength(1), v.maxLength(64)),
    methods: v.optional(v.pipe(v.array(method), v.maxLength(32)), ["GET", "HEAD", "POST"]),
    headers: v.optional(v.pipe(v.array(headerName), v.maxLength(64)), []),
    exposeHeaders: v.optional(v.pipe(v.array(headerName), v.maxLength(64)), []),
    credentials: v.optional(v.boolean(), false),
    maxAgeSeconds: v.optional(secondsOrZero, 600),
  }),
  // Fetch standard: a wildcard never goes with credentials.
  v.check(
    (cors) => !cors.credentials || !cors.origins.includes("*"),
    "must name its origins when it allows credentials",
  ),
);

// --- the section ---

/** An address or a block of them, `203.0.113.0/24`, `2001:db8::/32`. */
const addressRange = v.pipe(
  v.string(),
  v.maxLength(49),
  v.regex(/^[0-9A-Fa-f:.]+(\/\d{1,3})?$/, "must be an IP address or CIDR block"),
);
/** Compared as the URL parser writes it. */
const exactHost = v.pipe(
  hostPattern,
  v.check((host) => !host.includes("*") && host === host.toLowerCase(), "must be one host, in lower case"),
);

const ranges = v.pipe(v.array(addressRange), v.maxLength(1000));

/** Services marked `"direct": true` may be named by the path or by X-Target-Service (P8), under these rules. */
const direct = v.pipe(
  v.strictObject({
    auth: v.optional(authMode, "required"),
    permissions: v.optional(permissions, []),
    rateLimit: v.optional(name),
    maxBodyBytes: v.optional(bytes),
    cors: v.optional(v.union([v.literal(false), corsOptions])),
  }),
  v.check(
    (rules) => rules.permissions.length === 0 || rules.auth === "required",
    'asks for permissions and needs "auth": "required"',
  ),
);

export const securityOptions = v.strictObject({
  jwt: v.optional(jwt),
  access: v.optional(access),
  apiKeys: v.optional(apiKeys),
  roles: v.optional(v.record(permission, permissions), {}),
  rateLimits: v.optional(v.record(name, rateLimitOptions), {}),
  direct: offUnlessGiven(direct),
  admin: v.optional(
    v.strictObject({
      /** The only host the admin API answers on; null for every one. */
      host: v.optional(v.nullable(exactHost), null),
      addresses: v.optional(ranges),
    }),
    {},
  ),
  /** Who the caller is, told to upstreams; a client's own such fields are always taken off. */
  identityHeaders: offUnlessGiven(
    v.strictObject({
      user: v.optional(headerName, "X-Sluice-User"),
      tenant: v.optional(headerName, "X-Sluice-Tenant"),
      roles: v.optional(headerName, "X-Sluice-Roles"),
      signature: v.optional(headerName, "X-Sluice-Signature"),
      key: v.optional(secret),
    }),
  ),
  cors: offUnlessGiven(corsOptions),
  addresses: v.optional(v.strictObject({ allow: v.optional(ranges), deny: v.optional(ranges, []) }), {}),
  forbiddenMethods: v.optional(v.pipe(v.array(method), v.maxLength(32)), ["CONNECT", "TRACE", "TRACK"]),
  /** Security events kept for the report. */
  eventsKept: v.optional(countOrZero, 1000),
});
