// The policy document, all of it: each room's options joined into one schema, and `Policy`, what a parsed document is.
// Unknown fields are refused and defaults filled here; what one field means for another is checked in `references.ts`.
import * as v from "valibot";
import { batchOptions } from "../batch/options.ts";
import { cacheOptions } from "../cache/options.ts";
import { chaosOptions } from "../chaos/options.ts";
import { condenseOptions } from "../condense/options.ts";
import { alertOptions, notifierOptions, telemetryOptions } from "../insight/options.ts";
import {
  bindingName,
  bytes,
  count,
  countOrZero,
  headerName,
  headerValue,
  hostPattern,
  httpUrl,
  latitude,
  longitude,
  method,
  millis,
  name,
  offUnlessGiven,
  onUnlessFalse,
  pathPattern,
  requestPath,
  seconds,
  text,
  upstreamUrl,
} from "../protocol/fields.ts";
import { aiCacheOptions, modelEntries, providerEntries } from "../providers/options.ts";
import {
  attemptsOptions,
  loadReportOptions,
  resilienceEntries,
  routeTimeoutsOptions,
  timeoutsOptions,
} from "../resilience/options.ts";
import { discoveryOptions, metadata, routingOptions } from "../routing/options.ts";
import { authMode, budgetOptions, corsOptions, permissions, securityOptions } from "../security/options.ts";
import { headerEdits } from "./edits.ts";

// --- regions (A16) ---

/** Where Durable Objects can be asked to stand. A wrong hint is silently accepted by the platform, so it is refused here. */
export const LOCATIONS = ["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"] as const;
export type Location = (typeof LOCATIONS)[number];

const region = v.strictObject({
  /** Where the region's objects stand; absent: the region's own name says. */
  location: v.optional(v.picklist(LOCATIONS)),
  latitude,
  longitude,
  /** A gateway of that region; only ever probed. */
  endpoint: v.optional(httpUrl),
  /** Concurrent requests the region is meant to carry. */
  capacity: v.optional(count),
  probe: onUnlessFalse(
    v.strictObject({
      path: v.optional(requestPath, "/_sluice/health"),
      intervalSeconds: v.optional(seconds, 30),
      timeoutMs: v.optional(millis, 5000),
    }),
  ),
});

type WrittenRegion = v.InferOutput<typeof region>;

/** Every region has a location: its own word, or its name where that is one. */
const regions = v.pipe(
  v.record(name, region),
  v.rawTransform(({ dataset, addIssue }) => {
    const located: Record<string, WrittenRegion & { location: Location }> = {};
    for (const [key, value] of Object.entries(dataset.value)) {
      const location = value.location ?? LOCATIONS.find((each) => each === key);
      if (location !== undefined) located[key] = { ...value, location };
      else {
        addIssue({
          message: `must be named after a location (${LOCATIONS.join(", ")}) or give one as 'location'`,
          path: [{ type: "object", origin: "value", input: dataset.value, key, value }],
        });
      }
    }
    return located;
  }),
);

// --- services ---

const instance = v.strictObject({
  id: name,
  url: upstreamUrl,
  /** Binding that requests to it go through, instead of the open network. */
  via: v.optional(bindingName),
  region: v.optional(name),
  weight: v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(1_000_000)), 1),
  /** Concurrent requests it is meant to carry. */
  capacity: v.optional(count),
  /** 0 is asked first; higher ones take over as lower ones lose members. */
  priority: v.optional(v.pipe(countOrZero, v.maxValue(1000)), 0),
  metadata: v.optional(metadata, {}),
});

export const service = v.strictObject({
  instances: v.optional(v.pipe(v.array(instance), v.maxLength(1000)), []),
  discovery: offUnlessGiven(discoveryOptions),
  routing: v.optional(routingOptions, {}),
  ...resilienceEntries,
  timeouts: onUnlessFalse(timeoutsOptions),
  /** Services asked, in this order, when no instance of this one can answer. */
  fallback: v.optional(v.pipe(v.array(name), v.maxLength(8)), []),
  /** May be named by a path or by X-Target-Service (P8), under the rules of `security.direct`. */
  direct: v.optional(v.boolean(), false),
  loadReport: offUnlessGiven(loadReportOptions),
});

// --- routes ---

const match = v.strictObject({
  host: v.optional(hostPattern),
  path: pathPattern,
  methods: v.optional(v.pipe(v.array(method), v.minLength(1), v.maxLength(32))),
  headers: v.optional(v.record(headerName, headerValue)),
});

/** A prefix of whole segments, `/api/v1`. */
const prefix = v.pipe(
  v.string(),
  v.maxLength(1024),
  v.regex(/^(\/[^\s/?#\\{}*]+)+$/, "must be whole path segments such as '/api/v1'"),
);

const route = v.strictObject({
  name: v.optional(name),
  match,
  service: name,
  auth: v.optional(authMode, "none"),
  permissions: v.optional(permissions, []),
  rateLimit: v.optional(name),
  stripPrefix: v.optional(prefix),
  rewrite: v.optional(
    v.strictObject({
      path: v.optional(v.strictObject({ stripPrefix: v.optional(prefix), addPrefix: v.optional(prefix) }), {}),
      requestHeaders: v.optional(headerEdits),
      responseHeaders: v.optional(headerEdits),
    }),
    {},
  ),
  maxBodyBytes: v.optional(bytes),
  /** Media types a request's body may have; absent: any. */
  contentTypes: v.optional(v.pipe(v.array(text(128)), v.minLength(1), v.maxLength(32))),
  /** This share of the requests goes to another service. */
  canary: v.optional(v.strictObject({ service: name, percent: v.pipe(v.number(), v.minValue(0), v.maxValue(100)) })),
  timeouts: v.optional(v.union([v.literal(false), routeTimeoutsOptions])),
  /** Who is shed first when a limit is reached. */
  priority: v.optional(v.picklist(["critical", "high", "normal", "low"]), "normal"),
  cors: v.optional(v.union([v.literal(false), corsOptions])),
});

// --- AI ---

const provider = v.strictObject({
  ...providerEntries,
  ...resilienceEntries,
  timeouts: onUnlessFalse(timeoutsOptions),
  budget: v.optional(budgetOptions),
});

/** A name clients ask for; a slash would read as `provider/model`. */
const modelName = v.pipe(
  v.string(),
  v.maxLength(128),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._:@-]*$/, "must be a model's name: letters, digits, '.', '_', ':', '@' and '-'"),
);

const model = v.strictObject({
  ...modelEntries,
  attempts: onUnlessFalse(attemptsOptions),
  condense: offUnlessGiven(condenseOptions),
  cache: offUnlessGiven(aiCacheOptions),
  budget: v.optional(budgetOptions),
  rateLimit: v.optional(name),
});

const ai = v.strictObject({
  auth: v.optional(authMode, "required"),
  permissions: v.optional(permissions, []),
  rateLimit: v.optional(name),
  budget: v.optional(budgetOptions),
  maxBodyBytes: v.optional(bytes, 16_777_216),
  batch: v.optional(batchOptions, {}),
  cache: offUnlessGiven(aiCacheOptions),
  /** Requests may name `provider/model` instead of a model of the policy. */
  allowProviderModels: v.optional(v.boolean(), true),
  /** Requests may bring their own fallbacks, and Portkey's config object. */
  allowRequestConfig: v.optional(v.boolean(), true),
  cors: v.optional(v.union([v.literal(false), corsOptions])),
});

// --- the document ---

export const policySchema = v.strictObject({
  $schema: v.optional(v.pipe(v.string(), v.maxLength(2048))),
  /** Whether answers tell service, instance, attempts and generation; absent: on locally, off when deployed. */
  expose: v.optional(v.boolean()),
  regions: v.optional(regions, {}),
  services: v.optional(v.record(name, service), {}),
  routes: v.optional(v.pipe(v.array(route), v.maxLength(10_000)), []),
  cache: onUnlessFalse(cacheOptions),
  security: v.optional(securityOptions, {}),
  ai: v.optional(ai, {}),
  providers: v.optional(v.record(name, provider), {}),
  models: v.optional(v.record(modelName, model), {}),
  chaos: offUnlessGiven(chaosOptions),
  alerts: v.optional(v.pipe(v.array(alertOptions), v.maxLength(500)), []),
  notifiers: v.optional(v.record(name, notifierOptions), {}),
  telemetry: v.optional(telemetryOptions, {}),
});

/** A parsed document: names checked, defaults filled. */
export type Policy = v.InferOutput<typeof policySchema>;
/** A document as an operator writes it. */
export type WrittenPolicy = v.InferInput<typeof policySchema>;
export type ServicePolicy = Policy["services"][string];
export type RoutePolicy = Policy["routes"][number];
