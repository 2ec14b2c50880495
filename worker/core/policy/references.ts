// What no field can tell alone: that names lead somewhere, stand once, and fit each other. Each check reports where
// the mistake is written, not where its effect would show. Messages name fields and names, never other values.
import { parseRange } from "../match/address.ts";
import { joinPath } from "../protocol/json.ts";
import type { JsonProblem } from "../protocol/json.ts";
import { LOCATIONS } from "./schema.ts";
import type { Policy, RoutePolicy } from "./schema.ts";

type Say = (path: string, message: string) => void;

/** Every broken reference of a policy whose fields are each right by themselves. */
export function referenceProblems(policy: Policy): JsonProblem[] {
  const problems: JsonProblem[] = [];
  const say: Say = (path, message) => problems.push({ path, message });
  checkNames(policy, say);
  checkServices(policy, say);
  policy.routes.forEach((route, index) => checkRoute(policy, route, `routes[${index}]`, say));
  checkSecurity(policy, say);
  checkProviders(policy, say);
  checkModels(policy, say);
  checkAlerts(policy, say);
  checkChaos(policy, say);
  return problems;
}

// --- names ---

function checkNames(policy: Policy, say: Say): void {
  const { regions, services, providers, models, notifiers, security } = policy;
  const maps = { regions, services, providers, models, notifiers };
  for (const [section, map] of Object.entries(maps)) differByMoreThanCase(Object.keys(map), section, say);
  differByMoreThanCase(Object.keys(security.rateLimits), "security.rateLimits", say);
  differByMoreThanCase(Object.keys(security.roles), "security.roles", say);
  for (const [name, service] of Object.entries(services)) {
    const path = `${joinPath("services", name)}.instances`;
    listedOnce(
      service.instances.map((instance) => instance.id),
      path,
      "id",
      say,
    );
  }
  listedOnce(
    policy.alerts.map((alert) => alert.name),
    "alerts",
    "name",
    say,
  );
  listedOnce(
    policy.routes.map((route) => route.name),
    "routes",
    "name",
    say,
  );
}

/** Metrics, object names and people fold case somewhere: two names equal but for it are one name too few. */
function differByMoreThanCase(names: readonly string[], section: string, say: Say): void {
  const seen = new Set<string>();
  for (const name of names) {
    const folded = name.toLowerCase();
    if (seen.has(folded)) say(joinPath(section, name), "differs from another name only by case");
    seen.add(folded);
  }
}

function listedOnce(names: readonly (string | undefined)[], path: string, field: string, say: Say): void {
  const seen = new Set<string>();
  names.forEach((name, index) => {
    if (name === undefined) return;
    const folded = name.toLowerCase();
    if (seen.has(folded))
      say(`${path}[${index}].${field}`, "is used by an earlier entry already (case does not count)");
    seen.add(folded);
  });
}

function known(map: Readonly<Record<string, unknown>>, name: string): boolean {
  return Object.hasOwn(map, name);
}

function mustKnow(
  policy: Policy,
  kind: "services" | "providers" | "notifiers",
  name: string,
  path: string,
  say: Say,
): void {
  if (!known(policy[kind], name)) say(path, `must be one of the policy's ${kind}`);
}

function mustKnowLimit(policy: Policy, name: string | undefined, path: string, say: Say): void {
  if (name !== undefined && !known(policy.security.rateLimits, name)) {
    say(path, "must be one of the limits in security.rateLimits");
  }
}

/** A region is one of the policy's own, or, in a policy without any, a location. */
function mustKnowRegion(policy: Policy, name: string | undefined, path: string, say: Say): void {
  if (name === undefined) return;
  if (Object.keys(policy.regions).length > 0) {
    if (!known(policy.regions, name)) say(path, "must be one of the policy's regions");
  } else if (!LOCATIONS.some((location) => location === name)) {
    say(path, `must be a location (${LOCATIONS.join(", ")}) where the policy has no regions`);
  }
}

// --- services and routes ---

function checkServices(policy: Policy, say: Say): void {
  for (const [name, service] of Object.entries(policy.services)) {
    const path = joinPath("services", name);
    const discovered = service.discovery !== false && service.discovery.kind !== "static";
    if (service.instances.length === 0 && !discovered) say(`${path}.instances`, "must not be empty without discovery");
    service.instances.forEach((instance, index) => {
      mustKnowRegion(policy, instance.region, `${path}.instances[${index}].region`, say);
    });
    if (service.discovery !== false && service.discovery.kind !== "static") {
      mustKnowRegion(policy, service.discovery.region, `${path}.discovery.region`, say);
    }
    service.fallback.forEach((other, index) => {
      const at = `${path}.fallback[${index}]`;
      if (other === name) say(at, "must be another service");
      else if (service.fallback.indexOf(other) < index) say(at, "is listed already");
      else mustKnow(policy, "services", other, at, say);
    });
  }
}

function checkRoute(policy: Policy, route: RoutePolicy, path: string, say: Say): void {
  mustKnow(policy, "services", route.service, `${path}.service`, say);
  mustKnowLimit(policy, route.rateLimit, `${path}.rateLimit`, say);
  if (route.canary !== undefined) {
    const at = `${path}.canary.service`;
    if (route.canary.service === route.service) say(at, "must be another service than the route's");
    else mustKnow(policy, "services", route.canary.service, at, say);
  }
  if (route.permissions.length > 0 && route.auth !== "required") {
    say(`${path}.permissions`, 'needs "auth": "required"');
  }
  checkFieldNames(route.match.headers, `${path}.match.headers`, say);
  for (const side of ["requestHeaders", "responseHeaders"] as const) {
    const edits = route.rewrite[side];
    checkFieldNames(edits?.set, `${path}.rewrite.${side}.set`, say);
    checkFieldNames(edits?.add, `${path}.rewrite.${side}.add`, say);
  }
  checkPrefix(route, path, say);
}

function checkFieldNames(fields: Readonly<Record<string, unknown>> | undefined, path: string, say: Say): void {
  if (fields !== undefined) differByMoreThanCase(Object.keys(fields), path, say);
}

function checkPrefix(route: RoutePolicy, path: string, say: Say): void {
  const inner = route.rewrite.path.stripPrefix;
  if (inner !== undefined && route.stripPrefix !== undefined) {
    say(`${path}.stripPrefix`, "must not be given beside rewrite.path.stripPrefix");
    return;
  }
  const prefix = inner ?? route.stripPrefix;
  if (prefix === undefined) return;
  // A prefix that no matching path can begin with is a mistake: nothing would ever be stripped.
  const star = route.match.path.indexOf("*");
  const literal = star < 0 ? `${route.match.path}/` : route.match.path.slice(0, star);
  const whole = `${prefix}/`;
  if (!literal.startsWith(whole) && !whole.startsWith(literal)) {
    say(inner === undefined ? `${path}.stripPrefix` : `${path}.rewrite.path.stripPrefix`, "is no prefix of match.path");
  }
}

// --- security ---

function checkSecurity(policy: Policy, say: Say): void {
  const { direct, addresses, admin } = policy.security;
  if (direct !== false) mustKnowLimit(policy, direct.rateLimit, "security.direct.rateLimit", say);
  mustKnowLimit(policy, policy.ai.rateLimit, "ai.rateLimit", say);
  if (policy.ai.permissions.length > 0 && policy.ai.auth !== "required") {
    say("ai.permissions", 'needs "auth": "required"');
  }
  checkRanges(addresses.allow, "security.addresses.allow", say);
  checkRanges(addresses.deny, "security.addresses.deny", say);
  checkRanges(admin.addresses, "security.admin.addresses", say);
}

function checkRanges(ranges: readonly string[] | undefined, path: string, say: Say): void {
  ranges?.forEach((range, index) => {
    if (parseRange(range) === undefined) say(`${path}[${index}]`, "must be an IP address or CIDR block");
  });
}

// --- AI ---

/** Adapters without a public address of their own. */
const NEEDS_BASE_URL: ReadonlySet<string> = new Set(["azure", "custom", "ollama", "vllm"]);

function checkProviders(policy: Policy, say: Say): void {
  for (const [name, provider] of Object.entries(policy.providers)) {
    const path = joinPath("providers", name);
    if (provider.baseUrl === undefined && NEEDS_BASE_URL.has(provider.adapter)) {
      say(`${path}.baseUrl`, "is required by this adapter");
    }
    if (provider.adapter === "azure" && provider.azure === undefined)
      say(`${path}.azure`, "is required by this adapter");
    if (provider.adapter === "bedrock" && provider.bedrock === undefined) {
      say(`${path}.bedrock`, "is required by this adapter");
    }
    if (
      provider.adapter === "workers-ai" &&
      provider.cloudflareAccount === undefined &&
      provider.baseUrl === undefined
    ) {
      say(`${path}.cloudflareAccount`, "is required by this adapter");
    }
    if (provider.adapter === "custom" && provider.declaration === undefined) {
      say(`${path}.declaration`, "is required by this adapter");
    }
    mustKnowRegion(policy, provider.region, `${path}.region`, say);
  }
}

function checkModels(policy: Policy, say: Say): void {
  for (const [name, model] of Object.entries(policy.models)) {
    const path = joinPath("models", name);
    model.targets.forEach((target, index) => {
      const written = typeof target === "string" ? target : target.target;
      const at = `${path}.targets[${index}]${typeof target === "string" ? "" : ".target"}`;
      mustKnow(policy, "providers", written.slice(0, written.indexOf("/")), at, say);
    });
    mustKnowLimit(policy, model.rateLimit, `${path}.rateLimit`, say);
    const writer = model.condense === false ? undefined : model.condense.summaryModel;
    if (writer !== undefined) checkSummaryModel(policy, writer, `${path}.condense.summaryModel`, say);
  }
}

function checkSummaryModel(policy: Policy, writer: string, path: string, say: Say): void {
  const slash = writer.indexOf("/");
  if (slash < 0 ? !known(policy.models, writer) : !known(policy.providers, writer.slice(0, slash))) {
    say(path, "must be one of the policy's models, or 'provider/model'");
  }
}

// --- alerts and chaos ---

function checkAlerts(policy: Policy, say: Say): void {
  policy.alerts.forEach((alert, index) => {
    const path = `alerts[${index}]`;
    alert.notify.forEach((name, at) => mustKnow(policy, "notifiers", name, `${path}.notify[${at}]`, say));
    if (alert.scope !== undefined) checkScope(policy, alert.scope, `${path}.scope`, say);
  });
}

interface Scope {
  readonly service?: string | undefined;
  readonly instance?: string | undefined;
  readonly provider?: string | undefined;
  readonly region?: string | undefined;
}

function checkScope(policy: Policy, scope: Scope, path: string, say: Say): void {
  if (scope.service !== undefined) mustKnow(policy, "services", scope.service, `${path}.service`, say);
  if (scope.provider !== undefined) mustKnow(policy, "providers", scope.provider, `${path}.provider`, say);
  mustKnowRegion(policy, scope.region, `${path}.region`, say);
  const service = scope.service === undefined ? undefined : policy.services[scope.service];
  // Discovered instances come and go, so only a service that lists its own can be held to them.
  if (scope.instance === undefined || service === undefined || service.discovery !== false) return;
  if (!service.instances.some((instance) => instance.id === scope.instance)) {
    say(`${path}.instance`, "must be one of the service's instances");
  }
}

function checkChaos(policy: Policy, say: Say): void {
  if (policy.chaos === false) return;
  policy.chaos.services?.forEach((name, index) => {
    mustKnow(policy, "services", name, `chaos.services[${index}]`, say);
  });
  for (const [name, experiment] of Object.entries(policy.chaos.experiments)) {
    const path = joinPath("chaos.experiments", name);
    if (experiment.durationSeconds > policy.chaos.maxDurationSeconds) {
      say(`${path}.durationSeconds`, "must be at most chaos.maxDurationSeconds");
    }
    experiment.faults.forEach((fault, index) => {
      checkScope(policy, fault.target, `${path}.faults[${index}].target`, say);
    });
  }
}
