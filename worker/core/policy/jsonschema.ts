// The policy's JSON Schema, for editors and other tools. Made from the same schema that parses, so it cannot differ; what
// JSON Schema cannot say (names that must exist, fields that must fit each other) `policy check` says.
// Only scripts import this file: the Worker carries no JSON Schema.
import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { cacheOptions } from "../cache/options.ts";
import { experimentOptions } from "../chaos/options.ts";
import { condenseOptions } from "../condense/options.ts";
import { notifierOptions } from "../insight/options.ts";
import { callHeaders, headerValue, httpUrl, name, secret, upstreamUrl } from "../protocol/fields.ts";
import { aiCacheOptions } from "../providers/options.ts";
import {
  attemptsOptions,
  breakerOptions,
  concurrencyOptions,
  healthCheckOptions,
  timeoutsOptions,
} from "../resilience/options.ts";
import { discoveryOptions, routingOptions } from "../routing/options.ts";
import { budgetOptions, corsOptions, permissions, rateLimitOptions, securityOptions } from "../security/options.ts";
import { DESCRIPTIONS } from "./descriptions.ts";
import { headerEdits } from "./edits.ts";
import { policySchema } from "./schema.ts";

/** What stands in several places, or is worth a name of its own. */
const definitions = {
  aiCache: aiCacheOptions,
  attempts: attemptsOptions,
  breaker: breakerOptions,
  budget: budgetOptions,
  cache: cacheOptions,
  callHeaders,
  concurrency: concurrencyOptions,
  condense: condenseOptions,
  cors: corsOptions,
  discovery: discoveryOptions,
  experiment: experimentOptions,
  headerEdits,
  headerValue,
  healthCheck: healthCheckOptions,
  httpUrl,
  name,
  notifier: notifierOptions,
  permissions,
  rateLimit: rateLimitOptions,
  routing: routingOptions,
  secret,
  security: securityOptions,
  timeouts: timeoutsOptions,
  upstreamUrl,
} satisfies Record<string, v.GenericSchema>;

/** One node of a JSON Schema, as far as this file looks at it. */
export interface SchemaNode {
  readonly [keyword: string]: unknown;
}

export function policyJsonSchema(): SchemaNode {
  const schema = toJsonSchema(policySchema, {
    target: "draft-2020-12",
    // What an operator writes, before defaults and derived values are filled in.
    typeMode: "input",
    // Checks are functions; a second pattern on one string has no place beside the first.
    ignoreActions: ["check", "raw_check"],
    definitions,
  });
  const document: Record<string, unknown> = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Sluice policy",
    ...structuredClone(schema),
  };
  for (const [path, words] of Object.entries(DESCRIPTIONS)) describe(document, path, words);
  return document;
}

/** Puts `words` on the node that `path` leads to; a path that leads nowhere is a bug, for descriptions must not rot. */
function describe(document: Record<string, unknown>, path: string, words: string): void {
  const nodes = path
    .split(".")
    .reduce<Record<string, unknown>[]>(
      (from, step) => from.flatMap((node) => members(document, node)).flatMap((node) => child(node, step)),
      [document],
    );
  if (nodes.length === 0) throw new TypeError(`a description leads nowhere: ${path}`);
  for (const node of nodes) node["description"] = words;
}

/** The node itself, what it refers to, and all that it may be. */
function members(document: Record<string, unknown>, node: Record<string, unknown>): Record<string, unknown>[] {
  const alternatives = [...listOf(node["anyOf"]), ...listOf(node["oneOf"])];
  const reference = node["$ref"];
  if (typeof reference === "string") {
    const definitions = document["$defs"];
    const target = isNode(definitions) ? definitions[reference.slice("#/$defs/".length)] : undefined;
    if (isNode(target)) alternatives.push(target);
  }
  return [node, ...alternatives.flatMap((each) => members(document, each))];
}

/** `*` is any member of a map, `[]` any entry of a list. */
function child(node: Record<string, unknown>, step: string): Record<string, unknown>[] {
  const properties = node["properties"];
  const next =
    step === "*"
      ? node["additionalProperties"]
      : step === "[]"
        ? node["items"]
        : isNode(properties)
          ? properties[step]
          : undefined;
  return isNode(next) ? [next] : [];
}

function isNode(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const listOf = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value.filter(isNode) : []);
