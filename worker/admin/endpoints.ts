// Every endpoint below /_sluice as the outside sees it: what may be asked, what is answered, what it may be refused for. The OpenAPI
// document, the page that shows it and the typed client are made of this table, and a test holds it against the app's own
// routes and its table of access. The Worker itself does not carry it.
import * as v from "valibot";
import { ai } from "./answers/ai.ts";
import { cacheKeys, cacheLookup, cacheStats, cacheWarmth, purged } from "./answers/cache.ts";
import { alert, alerts, experiment, experimentOrdered, experiments, liveTicket, traffic } from "./answers/insight.ts";
import { suggestion, suggestionDecided, suggestions } from "./answers/insight.ts";
import { auditLog, explanation, generations, policyChecked, policyDocument, policyWritten } from "./answers/policy.ts";
import { key, keyMade, keyRevoked, keys, security } from "./answers/security.ts";
import { alive, me, openApi, operation, ready, regions, service, services } from "./answers/services.ts";
import { SUGGESTION_KINDS, SUGGESTION_STATES } from "../core/protocol/suggestions.ts";
import type { NEEDS } from "./access.ts";
import {
  auditQuestion,
  experimentQuestion,
  explainQuestion,
  keyChange,
  lookupQuestion,
  newKey,
  purgeQuestion,
  rollbackQuestion,
  trafficQuestion,
} from "./questions.ts";

export const TAGS = {
  policy: "The policy in force, its generations, and where a request would go.",
  services: "Services and their instances; what an operator says of them.",
  cache: "What the cache is worth, what it would answer, and what it is to forget.",
  insight: "What happened: curves, alerts, suggestions.",
  chaos: "Breaking things on purpose, within the policy's bounds.",
  security: "Keys, and who came with wrong ones.",
  gateway: "Whether the gateway lives and can serve, and what it answers.",
} as const;

/** What a write may say of the version it changes. */
type Precondition = "if-match" | "if-none-match";

/** Statuses beyond those that any endpoint may answer: 401, 403, 500, 503. */
type RefusalStatus = 304 | 400 | 404 | 409 | 412 | 413 | 415 | 422 | 428;

export interface Endpoint {
  /** `operationId`. */
  readonly id: string;
  readonly tag: keyof typeof TAGS;
  readonly summary: string;
  readonly detail?: string;
  /** Where the path ends in `:action`: what stands before the colon, and what may stand behind it. */
  readonly target?: { readonly name: string; readonly commands: readonly string[] };
  readonly query?: v.ObjectSchema<v.ObjectEntries, undefined>;
  readonly body?: v.GenericSchema;
  /** Media type of the body; absent: JSON. */
  readonly bodyType?: string;
  readonly preconditions?: readonly Precondition[];
  readonly status: 200 | 201;
  /** A schema of the JSON it answers with, or another media type. */
  readonly answer: v.GenericSchema | "text/plain" | "text/html";
  readonly etag?: true;
  readonly refusals?: readonly RefusalStatus[];
}

const page = {
  limit: v.optional(
    v.pipe(
      v.string(),
      v.transform(Number),
      v.number(),
      v.minValue(1),
      v.maxValue(200),
      v.description("How many at the most: 1 to 200; 50 when absent."),
    ),
  ),
  cursor: v.optional(v.pipe(v.string(), v.description("The `next` of the page before."))),
};
const paged = v.object(page);
const note = v.optional(
  v.pipe(v.string(), v.maxLength(1_000), v.description("Kept in the history and the audit log.")),
);

const policyEndpoints = {
  "GET /admin/me": {
    ...{ id: "getMe", tag: "security", summary: "Who asks, and what role that one has" },
    ...{ status: 200, answer: me },
  },
  "GET /admin/policy": {
    ...{ id: "getPolicy", tag: "policy", summary: "The policy in force, or an earlier generation" },
    query: v.object({
      generation: v.optional(
        v.pipe(
          v.string(),
          v.transform(Number),
          v.number(),
          v.integer(),
          v.minValue(1),
          v.description("An earlier generation."),
        ),
      ),
    }),
    preconditions: ["if-none-match"],
    ...{ status: 200, answer: policyDocument, etag: true, refusals: [304, 400, 404] },
  },
  "PUT /admin/policy": {
    ...{ id: "putPolicy", tag: "policy", summary: "Publish a policy as the next generation" },
    detail:
      "Answered when it is stored; every region obeys within five seconds. With If-Match only over the generation it names; " +
      "with `If-None-Match: *` only where there is none yet.",
    query: v.object({ note }),
    body: policyDocument,
    preconditions: ["if-match", "if-none-match"],
    ...{ status: 200, answer: policyWritten, etag: true, refusals: [400, 412, 413, 422] },
  },
  "PATCH /admin/policy": {
    ...{ id: "patchPolicy", tag: "policy", summary: "Change parts of the policy" },
    detail: "A JSON merge patch (RFC 7396): what it does not name stays, null removes, a list is replaced as a whole.",
    ...{ query: v.object({ note }), body: policyDocument, bodyType: "application/merge-patch+json" },
    preconditions: ["if-match"],
    ...{ status: 200, answer: policyWritten, etag: true, refusals: [400, 404, 412, 413, 415, 422, 428] },
  },
  "POST /admin/policy/check": {
    ...{ id: "checkPolicy", tag: "policy", summary: "What would become of a document if it were pushed" },
    detail: "Nothing is stored. A document that is wrong is a good question: 200, and `errors` says where.",
    ...{ body: policyDocument, status: 200, answer: policyChecked, refusals: [413] },
  },
  "POST /admin/policy/rollback": {
    ...{ id: "rollbackPolicy", tag: "policy", summary: "Take an earlier generation up again, as a new one" },
    body: rollbackQuestion,
    preconditions: ["if-match"],
    ...{ status: 200, answer: policyWritten, etag: true, refusals: [400, 404, 412, 413] },
  },
  "GET /admin/policy/history": {
    ...{ id: "listGenerations", tag: "policy", summary: "Generations, newest first; the last 200 are kept" },
    ...{ query: paged, status: 200, answer: generations, refusals: [400] },
  },
  "POST /admin/explain": {
    ...{ id: "explain", tag: "policy", summary: "Where a request would go, and why" },
    detail: "Rule, key, candidates, scores and refusals as the answering isolate sees them. Nothing is sent anywhere.",
    ...{ body: explainQuestion, status: 200, answer: explanation, refusals: [400, 413] },
  },
  "GET /admin/audit": {
    ...{ id: "listAudit", tag: "policy", summary: "Who changed what, newest first; the last 5,000 changes are kept" },
    query: v.object({ ...page, ...auditQuestion.entries }),
    ...{ status: 200, answer: auditLog, refusals: [400] },
  },
} as const satisfies Readonly<Record<string, Endpoint>>;

const documentEndpoints = {
  "GET /admin/openapi.json": {
    ...{ id: "getDocument", tag: "gateway", summary: "This document" },
    detail:
      "What the dashboard's page API shows. It was built together with the gateway that answers with it. 503 where no files are bound to " +
      "it; its detail says how to get them.",
    preconditions: ["if-none-match"],
    ...{ status: 200, answer: openApi, etag: true, refusals: [304] },
  },
} as const satisfies Readonly<Record<string, Endpoint>>;

const serviceEndpoints = {
  "GET /admin/services": {
    ...{ id: "listServices", tag: "services", summary: "Services by name, with their instances" },
    ...{ query: paged, status: 200, answer: services, refusals: [400] },
  },
  "GET /admin/services/:name": {
    ...{ id: "getService", tag: "services", summary: "One service as each region sees it" },
    ...{ status: 200, answer: service, refusals: [404] },
  },
  "POST /admin/services/:name/instances/:action": {
    ...{ id: "operateInstance", tag: "services", summary: "Drain, open, close or reset an instance" },
    detail:
      "`drain` takes it out of service and lets what is under way end, `open` holds its breaker open, `close` lets it serve " +
      "again, `reset` also forgets what was held against it.",
    target: { name: "instance", commands: ["drain", "open", "close", "reset"] },
    ...{ query: v.object({ note }), status: 200, answer: operation, refusals: [404] },
  },
  "GET /admin/regions": {
    ...{ id: "listRegions", tag: "services", summary: "Regions by name: load, latency, health" },
    ...{ query: paged, status: 200, answer: regions, refusals: [400] },
  },
} as const satisfies Readonly<Record<string, Endpoint>>;

const cacheEndpoints = {
  "GET /admin/cache/stats": {
    ...{ id: "getCacheStats", tag: "cache", summary: "What the cache is worth, over all regions and by level" },
    ...{ status: 200, answer: cacheStats },
  },
  "GET /admin/cache/keys": {
    ...{ id: "listCacheKeys", tag: "cache", summary: "The most used keys" },
    ...{ query: paged, status: 200, answer: cacheKeys, refusals: [400] },
  },
  "GET /admin/cache/warmth": {
    ...{ id: "getCacheWarmth", tag: "cache", summary: "What is fetched ahead, and whether it helps" },
    ...{ status: 200, answer: cacheWarmth },
  },
  "POST /admin/cache/lookup": {
    ...{ id: "lookUpCache", tag: "cache", summary: "What a request would find in the cache, and why" },
    ...{ body: lookupQuestion, status: 200, answer: cacheLookup, refusals: [400, 413] },
  },
  "POST /admin/cache/purge": {
    ...{ id: "purgeCache", tag: "cache", summary: "Purge by URL, prefix, tag, pattern, or all" },
    detail: "Exactly one of url, prefix, tag, pattern and all.",
    ...{ body: purgeQuestion, status: 200, answer: purged, refusals: [400, 413] },
  },
} as const satisfies Readonly<Record<string, Endpoint>>;

const insightEndpoints = {
  "GET /admin/history": {
    ...{ id: "getTraffic", tag: "insight", summary: "What happened over time, as figures of series" },
    ...{ query: trafficQuestion, status: 200, answer: traffic, refusals: [400] },
  },
  "GET /admin/ai": {
    ...{ id: "getAi", tag: "insight", summary: "AI providers, models, prices, and what of the budgets is spent" },
    ...{ status: 200, answer: ai },
  },
  "POST /admin/live": {
    ...{ id: "getLiveTicket", tag: "insight", summary: "A ticket for one WebSocket of live figures" },
    detail:
      "Good for one handshake at /_sluice/live within 30 seconds, from a page of the gateway's own origin. Figures of the last five seconds " +
      'come once a second while there is traffic; `{"kinds":["fleet","service"]}` says which.',
    ...{ status: 200, answer: liveTicket },
  },
  "GET /admin/alerts": {
    ...{ id: "listAlerts", tag: "insight", summary: "Alerts, newest first; every rule; who was told" },
    ...{ query: paged, status: 200, answer: alerts, refusals: [400] },
  },
  "POST /admin/alerts/:action": {
    ...{ id: "acknowledgeAlert", tag: "insight", summary: "Acknowledge an alert" },
    target: { name: "id", commands: ["ack"] },
    ...{ status: 200, answer: alert, refusals: [404] },
  },
  "GET /admin/suggestions": {
    ...{ id: "listSuggestions", tag: "insight", summary: "What could be better, and what was changed because of it" },
    query: v.object({
      ...paged.entries,
      state: v.optional(v.picklist(SUGGESTION_STATES)),
      kind: v.optional(v.picklist(SUGGESTION_KINDS)),
    }),
    ...{ status: 200, answer: suggestions, refusals: [400] },
  },
  "GET /admin/suggestions/:action": {
    ...{ id: "getSuggestion", tag: "insight", summary: "One suggestion" },
    ...{ target: { name: "id", commands: [] }, status: 200, answer: suggestion, refusals: [404] },
  },
  "POST /admin/suggestions/:action": {
    ...{ id: "decideSuggestion", tag: "insight", summary: "Try a suggestion, or take it back" },
    detail:
      "Tried on all but a holdout share of the traffic, and kept or taken back by what is measured. 409 says why not now.",
    target: { name: "id", commands: ["apply", "rollback"] },
    ...{ status: 200, answer: suggestionDecided, refusals: [404, 409] },
  },
} as const satisfies Readonly<Record<string, Endpoint>>;

const chaosEndpoints = {
  "GET /admin/chaos/experiments": {
    ...{ id: "listExperiments", tag: "chaos", summary: "Experiments, newest first" },
    ...{ query: paged, status: 200, answer: experiments, refusals: [400] },
  },
  "POST /admin/chaos/experiments": {
    ...{ id: "startExperiment", tag: "chaos", summary: "Start an experiment, or one that the policy names" },
    ...{ body: experimentQuestion, status: 201, answer: experimentOrdered, refusals: [400, 413] },
  },
  "GET /admin/chaos/experiments/:action": {
    ...{ id: "getExperiment", tag: "chaos", summary: "An experiment and its report" },
    query: v.object({
      format: v.optional(v.pipe(v.picklist(["json", "html"]), v.description("`html`: a page for people."))),
    }),
    ...{ target: { name: "id", commands: [] }, status: 200, answer: experiment, refusals: [404] },
  },
  "POST /admin/chaos/experiments/:action": {
    ...{ id: "stopExperiment", tag: "chaos", summary: "Stop an experiment at once" },
    target: { name: "id", commands: ["stop"] },
    ...{ status: 200, answer: experimentOrdered, refusals: [404] },
  },
} as const satisfies Readonly<Record<string, Endpoint>>;

const securityEndpoints = {
  "GET /admin/keys": {
    ...{ id: "listKeys", tag: "security", summary: "API keys, newest first" },
    ...{ query: paged, status: 200, answer: keys, refusals: [400] },
  },
  "POST /admin/keys": {
    ...{ id: "createKey", tag: "security", summary: "Make an API key" },
    detail: "The key is good everywhere at once. It is in this answer and nowhere else: only a hash of it is kept.",
    ...{ body: newKey, status: 201, answer: keyMade, refusals: [400, 413] },
  },
  "GET /admin/keys/:id": {
    ...{ id: "getKey", tag: "security", summary: "One API key" },
    preconditions: ["if-none-match"],
    ...{ status: 200, answer: key, etag: true, refusals: [304, 404] },
  },
  "PATCH /admin/keys/:id": {
    ...{ id: "changeKey", tag: "security", summary: "Change what an API key may do, or when it ends" },
    detail: "What is absent stays; null takes a tenant, a limit or an end away. Obeyed everywhere within five seconds.",
    ...{ body: keyChange, preconditions: ["if-match"] },
    ...{ status: 200, answer: key, etag: true, refusals: [400, 404, 412, 413, 428] },
  },
  "DELETE /admin/keys/:id": {
    ...{ id: "revokeKey", tag: "security", summary: "Revoke an API key" },
    detail: "Refused everywhere within five seconds of the answer. Said again, it is told again.",
    ...{ status: 200, answer: keyRevoked, refusals: [404] },
  },
  "GET /admin/security": {
    ...{ id: "getSecurity", tag: "security", summary: "Who came with wrong credentials, or was limited" },
    query: v.object({
      limit: v.optional(
        v.pipe(
          v.string(),
          v.transform(Number),
          v.number(),
          v.minValue(0),
          v.maxValue(1_000),
          v.description("Events at the most; 200 when absent."),
        ),
      ),
    }),
    ...{ status: 200, answer: security },
  },
} as const satisfies Readonly<Record<string, Endpoint>>;

/** What needs no token. */
export const OPEN_ENDPOINTS = {
  "GET /health": {
    ...{ id: "getHealth", tag: "gateway", summary: "Whether this isolate lives" },
    ...{ status: 200, answer: alive },
  },
  "GET /ready": {
    ...{ id: "getReady", tag: "gateway", summary: "Whether it can serve; 503 while no policy is in force" },
    ...{ status: 200, answer: ready },
  },
  "GET /metrics": {
    ...{ id: "getMetrics", tag: "gateway", summary: "Metrics in Prometheus' text format" },
    ...{ status: 200, answer: "text/plain" },
  },
} as const satisfies Readonly<Record<string, Endpoint>>;

/** What needs a role: `METHOD path`, as the app registers it and the table of access names it. */
export const ADMIN_ENDPOINTS = {
  ...documentEndpoints,
  ...policyEndpoints,
  ...serviceEndpoints,
  ...cacheEndpoints,
  ...insightEndpoints,
  ...chaosEndpoints,
  ...securityEndpoints,
} as const satisfies Readonly<Record<keyof typeof NEEDS, Endpoint>>;
