// Why a request goes where it goes: the matcher's own answer, and what each route that came close lacked. Asked by the
// admin API and the command line, never by a request; it may take milliseconds where the matcher takes microseconds.
import { canonicalPath, forwardPath, needsSecondLook, otherReadings } from "../http/path.ts";
import { compileRoutes, routeOrder } from "../match/routes.ts";
import { isFallback, specOf } from "./compile.ts";
import type { CompiledPolicy, CompiledRoute, HeaderSource } from "./compiled.ts";
import type { RoutePolicy } from "./schema.ts";

export interface RequestInWords {
  readonly method: string;
  /** Absolute, as the client asked for it. */
  readonly url: string;
  readonly headers: HeaderSource;
}

/** A route that the request fits in part, or wholly but after the one that took it. */
interface NearMiss {
  readonly route: string;
  /** Position in the file. */
  readonly index: number;
  readonly lacks: "method" | "headers" | "nothing";
  readonly words: string;
}

interface TakenRoute {
  readonly id: string;
  readonly kind: CompiledRoute["kind"];
  /** Position in the file; undefined for a service that the request itself named. */
  readonly index: number | undefined;
  readonly service: string;
  readonly canary: { readonly service: string; readonly percent: number } | undefined;
  /** What the path becomes before the instance's own base path is put in front. */
  readonly forwardedPath: string;
  readonly auth: CompiledRoute["auth"];
  readonly permissions: readonly string[];
  readonly rateLimit: string | undefined;
  readonly why: string;
}

export interface RouteExplanation {
  readonly generation: number;
  readonly method: string;
  readonly host: string;
  /** The canonical public path, which routes are matched by. */
  readonly path: string;
  /** Set when no route may take the request, and why. */
  readonly refused: string | undefined;
  readonly route: TakenRoute | undefined;
  readonly nearMisses: readonly NearMiss[];
}

const MAX_NEAR_MISSES = 10;

export function explainRoute(policy: CompiledPolicy, request: RequestInWords): RouteExplanation {
  const { method, headers } = request;
  const url = URL.parse(request.url);
  const host = url === null ? "" : url.hostname.replace(/\.$/, "");
  const base = { generation: policy.generation, method, host };
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return {
      ...base,
      path: "",
      refused: "the URL is not an http:// or https:// one",
      route: undefined,
      nearMisses: [],
    };
  }
  const received = url.pathname;
  const canonical = canonicalPath(received);
  if (!canonical.ok) {
    const refused = `400: the path is not one that may be sent (${canonical.error})`;
    return { ...base, path: received, refused, route: undefined, nearMisses: [] };
  }
  const path = canonical.value;
  const route = policy.route(host, path, method, headers);
  const question = { host, path, method, headers };
  const nearMisses = findNearMisses(policy, route, question);
  const other = ambiguousReading(policy, route, question, received);
  if (other !== undefined) {
    const refused = `400: an upstream may read the path as ${other}, which another route takes`;
    return { ...base, path, refused, route: undefined, nearMisses };
  }
  if (route === undefined) return { ...base, path, refused: "404: no route takes it", route: undefined, nearMisses };
  return { ...base, path, refused: undefined, route: inWords(policy, route, received, question), nearMisses };
}

interface Question {
  readonly host: string;
  readonly path: string;
  readonly method: string;
  readonly headers: HeaderSource;
}

/** Paths whose route would depend on who reads them are refused, so that no upstream sees past its route. */
function ambiguousReading(
  policy: CompiledPolicy,
  route: CompiledRoute | undefined,
  { host, path, method, headers }: Question,
  received: string,
): string | undefined {
  if (!needsSecondLook(received)) return undefined;
  return otherReadings(received, path).find((reading) => policy.route(host, reading, method, headers) !== route);
}

function inWords(policy: CompiledPolicy, route: CompiledRoute, received: string, question: Question): TakenRoute {
  const index = policy.routes.indexOf(route);
  return {
    id: route.id,
    kind: route.kind,
    index: index < 0 ? undefined : index,
    service: route.service.name,
    canary:
      route.canary === undefined ? undefined : { service: route.canary.service.name, percent: route.canary.percent },
    forwardedPath: forwardPath(received, question.path, route.stripPrefix, route.addPrefix),
    auth: route.auth,
    permissions: route.permissions,
    rateLimit: route.rateLimit,
    why: reason(policy, route, question),
  };
}

const NO_HEADERS: HeaderSource = { get: () => null };

function reason(policy: CompiledPolicy, route: CompiledRoute, { host, path, method }: Question): string {
  switch (route.kind) {
    case "listed":
      return "the most specific of the routes that fit";
    case "direct": {
      const byPath = policy.route(host, path, method, NO_HEADERS) === route;
      return `no route fits, and ${byPath ? "the path" : "X-Target-Service"} names a direct service`;
    }
    case "fallback":
      return "no other route fits, and no direct service is named";
  }
}

/** In the order in which routes are asked, the first few that fit by host and path but were not taken. */
function findNearMisses(policy: CompiledPolicy, taken: CompiledRoute | undefined, question: Question): NearMiss[] {
  const written = policy.policy.routes;
  const order = routeOrder(written.map(specOf));
  const asked = [
    ...order.filter((index) => !isFallback(written[index]!)),
    ...order.filter((index) => isFallback(written[index]!)),
  ];
  const misses: NearMiss[] = [];
  for (const index of asked) {
    const route = policy.routes[index]!;
    if (route === taken) continue;
    const miss = nearMiss(written[index]!, route.id, index, question);
    if (miss !== undefined) misses.push(miss);
    if (misses.length === MAX_NEAR_MISSES) break;
  }
  return misses;
}

function nearMiss(written: RoutePolicy, route: string, index: number, question: Question): NearMiss | undefined {
  const { host, path, methods, headers } = written.match;
  const { host: asked, path: at, method, headers: fields } = question;
  if (compileRoutes([{ host, path }])(asked, at, method, fields) === undefined) return undefined;
  if (compileRoutes([{ host, path, methods }])(asked, at, method, fields) === undefined) {
    return { route, index, lacks: "method", words: `takes only ${methods?.join(", ") ?? "other methods"}` };
  }
  if (compileRoutes([{ host, path, methods, headers }])(asked, at, method, fields) === undefined) {
    const names = Object.keys(headers ?? {}).join(", ");
    return {
      route,
      index,
      lacks: "headers",
      words: `asks for header fields that the request does not have as written: ${names}`,
    };
  }
  return { route, index, lacks: "nothing", words: "fits too, but is less specific" };
}
