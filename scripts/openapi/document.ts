// The OpenAPI 3.1 document of the gateway's own paths, made of the table of endpoints. hono-openapi reads it off an app whose routes are
// described, and so it runs here: neither it nor a schema of an answer is in the Worker.
import { toJsonSchema } from "@valibot/to-json-schema";
import { Hono } from "hono";
import { describeRoute, generateSpecs, type DescribeRouteOptions } from "hono-openapi";
import type * as v from "valibot";
import { experimentOptions } from "../../worker/core/chaos/options.ts";
import { NEEDS } from "../../worker/admin/access.ts";
import { heard, problem } from "../../worker/admin/answers/words.ts";
import { alert, experiment, traffic } from "../../worker/admin/answers/insight.ts";
import { decision, explanation, policyDocument } from "../../worker/admin/answers/policy.ts";
import { key } from "../../worker/admin/answers/security.ts";
import { breaker, instance } from "../../worker/admin/answers/services.ts";
import { ADMIN_ENDPOINTS, OPEN_ENDPOINTS, TAGS, type Endpoint } from "../../worker/admin/endpoints.ts";

export const BASE = "/_sluice";

/** Shapes with a name of their own. */
const components = {
  Alert: alert,
  Breaker: breaker,
  Decision: decision,
  Experiment: experiment,
  ExperimentSpec: experimentOptions,
  Explanation: explanation,
  Heard: heard,
  Instance: instance,
  Key: key,
  Policy: policyDocument,
  Problem: problem,
  Traffic: traffic,
} satisfies Record<string, v.GenericSchema>;

/** A node of a schema or of the document. */
export interface Node {
  readonly [keyword: string]: unknown;
}

type Definitions = Readonly<Record<string, v.GenericSchema>>;

/** `input`: as it is to be written, before defaults; `output`: as it is answered. */
function schemaOf(schema: v.GenericSchema, typeMode: "input" | "output", definitions: Definitions = components): Node {
  const {
    $schema: _,
    $defs: __,
    ...bare
  } = toJsonSchema(schema, {
    target: "draft-2020-12",
    typeMode,
    definitions,
    // Checks and transformations are functions, and a second pattern has no place beside the first.
    ignoreActions: ["check", "raw_check", "transform"],
    overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
    // Patterns of JSON Schema are read with the flag u (JSON Schema 2020-12, Validation, §6.3.3), and so lose nothing without it.
    overrideAction: ({ valibotAction, jsonSchema }) =>
      valibotAction.type === "regex" && "requirement" in valibotAction && valibotAction.requirement instanceof RegExp
        ? { ...jsonSchema, pattern: valibotAction.requirement.source }
        : undefined,
  });
  return bare;
}

/** A component as itself, not as a reference to itself. */
function componentOf(name: string, schema: v.GenericSchema): Node {
  const others = Object.entries(components).filter(([other]) => other !== name);
  // An experiment is ordered and shown in one form: what may be left out is there where it is shown.
  return schemaOf(schema, schema === experimentOptions ? "input" : "output", Object.fromEntries(others));
}

const REASONS: Readonly<Record<number, string>> = {
  304: "What was asked for is what If-None-Match names",
  400: "The body or a parameter is not what it must be; `errors` says where",
  401: "No token, or a wrong one",
  403: "The token's role is not enough, or the admin API is closed",
  404: "There is no such thing",
  409: "A request of this Idempotency-Key has not been answered yet",
  412: "Another version is in force than the one named; ETag says which",
  413: "The body is larger than 1 MiB",
  415: "The body has another media type than the one that is taken",
  422: "The policy is invalid, `errors` says where; or the Idempotency-Key stands for another request",
  428: "If-Match is missing",
  500: "A mistake of the gateway",
  503: "What would store or tell it is away, or no policy is in force: try again after Retry-After seconds",
};

const PRECONDITIONS: Readonly<Record<string, string>> = {
  "if-match": "Do it only while this version is in force: the ETag of reading it.",
  "if-none-match": "Reading: answer only if it is another version than this. Writing: `*`, only if there is none yet.",
};

/** `services/:name/instances/:action` is `services/{name}/instances/{instance}:{command}` to the outside. */
function publicPath(path: string, { target }: Endpoint): string {
  const ending =
    target === undefined ? "" : target.commands.length === 0 ? `{${target.name}}` : `{${target.name}}:{command}`;
  return path.replace(/:action$/, ending).replaceAll(/\/:(\w+)/g, "/{$1}");
}

const COMMAND = /\{command\}$/;

function parametersOf(path: string, endpoint: Endpoint): Node[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    schema: name === "command" ? { type: "string", enum: endpoint.target?.commands } : { type: "string" },
  }));
  const inQuery = Object.entries(endpoint.query?.entries ?? {}).map(([name, schema]) => {
    const { description, ...bare } = schemaOf(schema, "output");
    return { name, in: "query", required: false, ...(description === undefined ? {} : { description }), schema: bare };
  });
  const inHeader = (endpoint.preconditions ?? []).map((name) => ({
    name: name.replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase()),
    in: "header",
    required: false,
    description: PRECONDITIONS[name],
    schema: { type: "string" },
  }));
  return [...inPath, ...inQuery, ...inHeader];
}

const problemAnswer = (status: number): Node => ({
  description: REASONS[status],
  ...(status === 304
    ? {}
    : { content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } } }),
});

function answersOf(endpoint: Endpoint, isOpen: boolean): Node {
  const { answer, status, etag, refusals = [] } = endpoint;
  const content =
    typeof answer === "string"
      ? { [answer]: { schema: { type: "string" } } }
      : { "application/json": { schema: schemaOf(answer, "output") } };
  const pages = endpoint.query?.entries["format"] === undefined ? {} : { "text/html": { schema: { type: "string" } } };
  const headers = etag === true ? { ETag: { schema: { type: "string" }, description: "The version, in quotes." } } : {};
  const good = {
    description: status === 201 ? "Made" : "Done",
    ...(etag === true ? { headers } : {}),
    content: { ...content, ...pages },
  };
  const all = isOpen ? [] : [401, 403, 500, 503];
  const problems = [...new Set([...refusals, ...all])].toSorted((a, b) => a - b);
  return {
    [status]: good,
    ...(endpoint.id === "getReady"
      ? { 503: { description: "No policy is in force", content } }
      : Object.fromEntries(problems.map((each) => [each, problemAnswer(each)]))),
  };
}

/** What may be sent again under a key. */
const ONCE = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description:
    "Makes the request one that may be sent again: for a day its answer is given again, with `Idempotency-Replayed: true`, and it is not " +
    "done twice. The key is the caller's own, for this request: another under it is 422, one while the first is under way 409.",
  schema: { type: "string", maxLength: 128 },
};

function describe(path: string, endpoint: Endpoint, needs: string | undefined, once: boolean): Node {
  const { id, tag, summary, detail, body, bodyType = "application/json" } = endpoint;
  const role = needs === undefined ? "Open to all." : `Needs the role \`sluice:${needs}\`.`;
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: [detail, role].filter(Boolean).join("\n\n"),
    parameters: [...parametersOf(path, endpoint), ...(once ? [ONCE] : [])],
    // Roles stand where OpenAPI has them (3.1, §4.8.30.1), and in words for readers that show none.
    security: needs === undefined ? [] : [{ bearer: [`sluice:${needs}`] }],
    ...(body === undefined
      ? {}
      : {
          requestBody: { required: true, content: { [bodyType]: { schema: schemaOf(body, "input") } } },
        }),
    responses: answersOf(
      once ? { ...endpoint, refusals: [...(endpoint.refusals ?? []), 400, 409, 422] } : endpoint,
      needs === undefined,
    ),
  };
}

export async function openApiDocument(version: string): Promise<Node> {
  const app = new Hono();
  const admin = Object.entries(ADMIN_ENDPOINTS as Readonly<Record<string, Endpoint>>);
  const open = Object.entries(OPEN_ENDPOINTS as Readonly<Record<string, Endpoint>>);
  for (const [name, endpoint] of [...admin, ...open]) {
    const [method = "", path = ""] = name.split(" ");
    const shown = publicPath(path, endpoint);
    const needs = (NEEDS as Readonly<Record<string, string>>)[name];
    const once = method === "POST" && needs !== undefined && needs !== "viewer";
    // The library knows parameters that fill a segment; two in one, as an action has them, are told apart when it is done.
    const written = BASE + shown.replace(COMMAND, "/{command}").replace(":/{command}", "/{command}");
    app.on(method, written, describeRoute(describe(shown, endpoint, needs, once) as DescribeRouteOptions), (c) =>
      c.body(null),
    );
  }
  const made = await generateSpecs(app, {
    // A path with a dot is an endpoint too.
    excludeStaticFile: false,
    documentation: {
      info: {
        title: "Sluice",
        version,
        description:
          "What the gateway answers below /_sluice. Every path below /_sluice/admin takes a bearer: ADMIN_TOKEN, or a token or " +
          "key with one of the roles sluice:viewer, sluice:operator and sluice:admin, each of which may what the one before it may. " +
          "A write is answered when it is stored, and every region obeys within five seconds.",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      servers: [{ url: "/", description: "The gateway that answers with this document." }],
      security: [{ bearer: [] }],
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      components: {
        securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
        schemas: Object.fromEntries(
          Object.entries(components).map(([name, schema]) => [name, componentOf(name, schema) as object]),
        ),
      },
    },
  });
  const paths = Object.entries(made.paths).map(([path, item]) => [path.replace("/{command}", ":{command}"), item]);
  return { ...made, paths: Object.fromEntries(paths) };
}
