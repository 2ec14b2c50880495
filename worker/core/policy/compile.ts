// From a parsed policy to what the hot path reads. All that can be decided once is decided here: names become objects,
// header names lower case, absent limits Infinity, and the routes one matcher in the contract's order:
// listed routes, then services named by the request itself (SEEDS P8), then the catch-alls.
import { canonicalPattern } from "../match/pattern.ts";
import { compileRoutes } from "../match/routes.ts";
import type { RouteMatcher, RouteSpec } from "../match/routes.ts";
import type {
  CompiledInstance,
  CompiledPolicy,
  CompiledRoute,
  CompiledService,
  CompiledTimeouts,
  HeaderEdits,
  HeaderSource,
} from "./compiled.ts";
import * as v from "valibot";
import { addressOf } from "../providers/options.ts";
import { service } from "./schema.ts";
import type { Policy, RoutePolicy, ServicePolicy } from "./schema.ts";

type ProviderPolicy = Policy["providers"][string];

const ATTEMPTS_MS = 30_000;

/** A field any client may send; it leads nowhere the policy does not allow. */
const TARGET_SERVICE = "x-target-service";

export function compilePolicy(policy: Policy, generation: number): CompiledPolicy {
  const services = new Map<string, CompiledService>();
  for (const [name, options] of Object.entries(policy.services)) services.set(name, compileService(name, options));
  for (const [name, provider] of Object.entries(policy.providers)) {
    const service = providerService(name, provider);
    if (service !== undefined) services.set(service.name, service);
  }
  const ids = routeIds(policy.routes);
  const routes = policy.routes.map((route, index) => compileRoute(route, ids[index]!, services));
  const listed = matcher(policy, routes, "listed");
  const fallback = matcher(policy, routes, "fallback");
  const direct = compileDirect(policy, services);
  return {
    generation,
    policy,
    services,
    routes,
    route(host, path, method, headers) {
      return (
        listed(host, path, method, headers) ??
        (direct.size > 0 ? directRoute(direct, path, headers) : undefined) ??
        fallback(host, path, method, headers)
      );
    },
  };
}

// --- services ---

function compileService(name: string, options: ServicePolicy): CompiledService {
  return {
    name,
    instances: options.instances.map((instance) => compileInstance(name, instance)),
    options,
    timeouts: compileTimeouts(options.timeouts),
  };
}

/**
 * A provider as the service it is: one instance, with the breaker, limit and checks of its own section. The colon keeps its
 * name apart from all services'. A model that thinks for a minute is not ill, so slow answers open no breaker by default.
 */
function providerService(name: string, provider: ProviderPolicy): CompiledService | undefined {
  const url = provider.enabled ? addressOf(provider) : undefined;
  if (url === undefined) return undefined;
  const { breaker, attempts, concurrency, healthCheck, timeouts } = provider;
  const patient =
    breaker === false || breaker.slowMs !== ORDINARY_SLOW_MS ? breaker : { ...breaker, slowMs: NEVER_SLOW_MS };
  const { region, via } = provider;
  const bare = v.parse(service, { instances: [{ id: "api", url, region, via }] });
  return compileService(`ai:${name}`, {
    ...bare,
    breaker: patient,
    attempts,
    concurrency,
    healthCheck,
    timeouts,
  });
}

/** The default of `breaker.slowMs`, and what stands for "never": a day. */
const ORDINARY_SLOW_MS = 2_000;
const NEVER_SLOW_MS = 86_400_000;

/** Also for instances that discovery finds. */
export function compileInstance(service: string, instance: ServicePolicy["instances"][number]): CompiledInstance {
  const url = new URL(instance.url);
  return {
    id: instance.id,
    key: `${service}/${instance.id}`,
    service,
    origin: url.origin,
    authority: url.host,
    basePath: url.pathname.replace(/\/+$/, ""),
    via: instance.via ?? "",
    region: instance.region ?? "",
    weight: instance.weight,
    priority: instance.priority,
    capacity: instance.capacity ?? Infinity,
    metadata: instance.metadata,
  };
}

type ServiceTimeouts = ServicePolicy["timeouts"];
type RouteTimeouts = RoutePolicy["timeouts"];

const NO_DEADLINES: CompiledTimeouts = {
  headersMs: Infinity,
  idleMs: Infinity,
  attemptsMs: Infinity,
  totalMs: Infinity,
};

/** A route's word goes before its service's; `false` is no deadline at all. */
export function compileTimeouts(service: ServiceTimeouts, route?: RouteTimeouts): CompiledTimeouts {
  if (route === false || (service === false && route === undefined)) return NO_DEADLINES;
  const below = service === false ? undefined : service;
  const headersMs = route?.headersMs ?? below?.headersMs ?? Infinity;
  const totalMs = route?.totalMs ?? below?.totalMs;
  const attemptsMs = route?.attemptsMs ?? below?.attemptsMs ?? totalMs ?? Math.max(ATTEMPTS_MS, headersMs);
  return {
    headersMs,
    idleMs: route?.idleMs ?? below?.idleMs ?? Infinity,
    attemptsMs: Math.min(attemptsMs, totalMs ?? Infinity),
    totalMs: totalMs ?? Infinity,
  };
}

// --- routes ---

/** A catch-all of no host in particular: what is asked last. One for a host is that host's own and stays listed. */
export function isFallback(route: RoutePolicy): boolean {
  return route.match.path === "/*" && (route.match.host === undefined || route.match.host === "*");
}

export const specOf = (route: RoutePolicy): RouteSpec => route.match;

function matcher(
  policy: Policy,
  routes: readonly CompiledRoute[],
  kind: CompiledRoute["kind"],
): (...request: Parameters<RouteMatcher>) => CompiledRoute | undefined {
  const own = routes.filter((route) => route.kind === kind);
  if (own.length === 0) return () => undefined;
  const match = compileRoutes(policy.routes.filter((_, index) => routes[index]!.kind === kind).map(specOf));
  return (host, path, method, headers) => {
    const index = match(host, path, method, headers);
    return index === undefined ? undefined : own[index];
  };
}

function compileRoute(route: RoutePolicy, id: string, services: ReadonlyMap<string, CompiledService>): CompiledRoute {
  const service = serviceNamed(services, route.service);
  const { canary, rewrite } = route;
  return {
    id,
    kind: isFallback(route) ? "fallback" : "listed",
    service,
    canary:
      canary === undefined || canary.percent === 0
        ? undefined
        : { service: serviceNamed(services, canary.service), percent: canary.percent },
    stripPrefix: canonicalPrefix(route.stripPrefix ?? rewrite.path.stripPrefix),
    addPrefix: rewrite.path.addPrefix ?? "",
    requestHeaders: compileEdits(rewrite.requestHeaders),
    responseHeaders: compileEdits(rewrite.responseHeaders),
    timeouts: compileTimeouts(service.options.timeouts, route.timeouts),
    maxBodyBytes: route.maxBodyBytes ?? Infinity,
    auth: route.auth,
    permissions: route.permissions,
    rateLimit: route.rateLimit,
    priority: PRIORITIES.indexOf(route.priority),
  };
}

/** From the least to the most important. */
const PRIORITIES: readonly RoutePolicy["priority"][] = ["low", "normal", "high", "critical"];
const NORMAL = PRIORITIES.indexOf("normal");

function serviceNamed(services: ReadonlyMap<string, CompiledService>, name: string): CompiledService {
  const service = services.get(name);
  // Parsing has refused every name that leads nowhere.
  if (service === undefined) throw new TypeError(`no service is named ${name}`);
  return service;
}

const canonicalPrefix = (prefix: string | undefined): string => (prefix === undefined ? "" : canonicalPattern(prefix));

type WrittenEdits = RoutePolicy["rewrite"]["requestHeaders"];

function compileEdits(edits: WrittenEdits): HeaderEdits | undefined {
  if (edits === undefined) return undefined;
  const remove = edits.remove.map((name) => name.toLowerCase());
  const set = Object.entries(edits.set).map(([name, value]) => [name.toLowerCase(), value] as const);
  const add = Object.entries(edits.add).flatMap(([name, values]) =>
    (typeof values === "string" ? [values] : values).map((value) => [name.toLowerCase(), value] as const),
  );
  return remove.length + set.length + add.length === 0 ? undefined : { remove, set, add };
}

const LABEL_LENGTH = 120;

/** A route's own name, or its match in words, bounded; a number behind those that would read alike. */
function routeIds(routes: readonly RoutePolicy[]): string[] {
  const seen = new Set(routes.flatMap((route) => route.name ?? []));
  return routes.map((route, index) => {
    if (route.name !== undefined) return route.name;
    const words = matchInWords(route);
    const label = words.length > LABEL_LENGTH ? `${words.slice(0, LABEL_LENGTH)}…` : words;
    const id = seen.has(label) ? `${label} #${index}` : label;
    seen.add(id);
    return id;
  });
}

/** `GET,POST orders.example.com/*`; of headers only the names, for a value may be nobody's business. */
function matchInWords({ match }: RoutePolicy): string {
  const methods = match.methods === undefined ? "" : `${match.methods.join(",")} `;
  const headers = match.headers === undefined ? "" : ` [${Object.keys(match.headers).join(",")}]`;
  return `${methods}${match.host ?? ""}${match.path}${headers}`;
}

// --- services named by the request (P8) ---

const API_PREFIX = "/api/v1/";

/** By name, the services that may be named; none without `security.direct`. */
function compileDirect(
  policy: Policy,
  services: ReadonlyMap<string, CompiledService>,
): ReadonlyMap<string, CompiledRoute> {
  const rules = policy.security.direct;
  const direct = new Map<string, CompiledRoute>();
  if (rules === false) return direct;
  for (const [name, service] of services) {
    if (!service.options.direct) continue;
    direct.set(name, {
      id: `direct ${name}`,
      kind: "direct",
      service,
      canary: undefined,
      stripPrefix: "",
      addPrefix: "",
      requestHeaders: undefined,
      responseHeaders: undefined,
      timeouts: service.timeouts,
      maxBodyBytes: rules.maxBodyBytes ?? Infinity,
      auth: rules.auth,
      permissions: rules.permissions,
      rateLimit: rules.rateLimit,
      priority: NORMAL,
    });
  }
  return direct;
}

/** `/api/v1/<service>/…`, then the first segment, then X-Target-Service: the first that names a direct service. */
function directRoute(
  direct: ReadonlyMap<string, CompiledRoute>,
  path: string,
  headers: HeaderSource,
): CompiledRoute | undefined {
  if (path.startsWith(API_PREFIX)) {
    const route = direct.get(segmentAt(path, API_PREFIX.length));
    if (route !== undefined) return route;
  }
  const route = direct.get(segmentAt(path, 1));
  if (route !== undefined) return route;
  const named = headers.get(TARGET_SERVICE);
  return named === null ? undefined : direct.get(named);
}

function segmentAt(path: string, from: number): string {
  const slash = path.indexOf("/", from);
  return slash < 0 ? path.slice(from) : path.slice(from, slash);
}
