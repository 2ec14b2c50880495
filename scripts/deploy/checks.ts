// What a deployment needs and whether it is there: thought out from wrangler's configuration, the policy and the names of
// secrets, without asking anybody. Each thing that is missing comes with how to get it.
import { namedBindings } from "../../worker/core/policy/bindings.ts";
import type { Policy } from "../../worker/core/policy/schema.ts";
import { namedSecrets } from "../../worker/core/policy/secrets.ts";

export interface Missing {
  readonly what: string;
  /** A command or the lines to write. */
  readonly how: string;
}

/** The parts of wrangler's configuration that are looked at; wrangler's own type fits. */
export interface Config {
  readonly name?: string | undefined;
  readonly vars: Readonly<Record<string, unknown>>;
  readonly kv_namespaces: readonly { readonly binding: string }[];
  readonly durable_objects: { readonly bindings: readonly { readonly name: string; readonly class_name?: string }[] };
  readonly exports?: Readonly<Record<string, unknown>> | undefined;
  readonly compatibility_flags: readonly string[];
  readonly services?: readonly { readonly binding: string }[] | undefined;
  readonly mtls_certificates?: readonly { readonly binding: string }[] | undefined;
  readonly vpc_services?: readonly { readonly binding: string }[] | undefined;
  readonly vpc_networks?: readonly { readonly binding: string }[] | undefined;
  readonly analytics_engine_datasets?: readonly { readonly binding: string }[] | undefined;
}

const OBJECTS: Readonly<Record<string, string>> = {
  SERVICE: "ServiceObject",
  REGION: "RegionObject",
  CONTROL: "ControlObject",
  INSIGHT: "InsightObject",
  LIMITER: "LimiterObject",
  BATCH: "BatchObject",
};
const FLAGS = ["enable_request_signal", "request_signal_passthrough"];

/** Bindings the gateway cannot do without, and those that the policy sends requests through. */
export function missingBindings(
  config: Config,
  policy: Policy | undefined,
  environment: string | undefined,
): Missing[] {
  const table = (name: string): string => (environment === undefined ? name : `env.${environment}.${name}`);
  const missing: Missing[] = [];
  const say = (what: string, how: string): void => void missing.push({ what, how });
  if (!config.kv_namespaces.some(({ binding }) => binding === "KV")) {
    say("binding KV", `[[${table("kv_namespaces")}]] with binding = "KV" (no id: the first deploy provisions it)`);
  }
  for (const [name, className] of Object.entries(OBJECTS)) {
    const bound = config.durable_objects.bindings.find((each) => each.name === name);
    if (bound?.class_name !== className) {
      say(
        `binding ${name}`,
        `in ${table("durable_objects")}.bindings: { name = "${name}", class_name = "${className}" }`,
      );
    }
    if (config.exports?.[className] === undefined) {
      say(`object class ${className}`, `[exports.${className}] with type = "durable-object" and storage = "sqlite"`);
    }
  }
  for (const flag of FLAGS) {
    if (!config.compatibility_flags.includes(flag)) say(`flag ${flag}`, `compatibility_flags must list "${flag}"`);
  }
  if (policy === undefined) return missing;
  for (const { name, path } of unboundOf(config, policy)) {
    say(
      `binding ${name}, which the policy names (${path})`,
      `one of [[${table("services")}]], [[${table("mtls_certificates")}]], [[${table("vpc_services")}]] with binding = "${name}"`,
    );
  }
  return missing;
}

/** Works without, and then records go nowhere: nobody should have to find out by their absence. */
export function analyticsNote(config: Config, policy: Policy | undefined): string[] {
  const wanted = policy?.telemetry.analyticsEngine === true;
  if (!wanted || config.analytics_engine_datasets?.some(({ binding }) => binding === "ANALYTICS")) return [];
  return ["the policy wants records in Analytics Engine, and no dataset is bound as ANALYTICS: none will be written"];
}

function unboundOf(config: Config, policy: Policy) {
  const lists = [config.services, config.mtls_certificates, config.vpc_services, config.vpc_networks];
  const bound = new Set(lists.flatMap((list) => list ?? []).map(({ binding }) => binding));
  const named = new Map(namedBindings(policy).map((each) => [each.name, each]));
  return [...named.values()].filter(({ name }) => !bound.has(name));
}

export interface WantedSecret {
  readonly name: string;
  /** Who wants it. */
  readonly by: string;
}

/** The admin token, and every secret the policy names; each once. */
export function wantedSecrets(policy: Policy | undefined): WantedSecret[] {
  const wanted = new Map<string, string>([["ADMIN_TOKEN", "the admin API refuses without it"]]);
  for (const { name, path } of policy === undefined ? [] : namedSecrets(policy)) {
    if (!wanted.has(name)) wanted.set(name, path);
  }
  return [...wanted].map(([name, by]) => ({ name, by }));
}

/** A secret written into the configuration is in the repository, and everybody who reads the Worker's settings sees it. */
export function writtenSecrets(config: Config, wanted: readonly WantedSecret[]): Missing[] {
  return wanted
    .filter(({ name }) => Object.hasOwn(config.vars, name))
    .map(({ name }) => ({
      what: `${name} stands in the configuration's vars, where everybody can read it`,
      how: "take it out of wrangler.toml, change it where it came from, and set it as a secret",
    }));
}

export function missingSecrets(
  wanted: readonly WantedSecret[],
  there: ReadonlySet<string>,
  environment: string | undefined,
): Missing[] {
  const suffix = environment === undefined ? "" : ` --env ${environment}`;
  return wanted
    .filter(({ name }) => !there.has(name))
    .map(({ name, by }) => ({
      what: `secret ${name} (${by})`,
      how: `npm run wrangler -- secret put ${name}${suffix}, or a line ${name}=… in a file given as --secrets FILE`,
    }));
}
