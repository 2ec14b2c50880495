// One deployment, step by step. Law: whatever can be found wrong is found before anything is changed, and all of it is told
// at once; after that every step says what it did, and the first that fails ends it. wrangler does what touches the account.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { unstable_readConfig } from "wrangler";
import { parsePolicy } from "../../worker/core/policy/parse.ts";
import { pendingSections } from "../../worker/core/policy/pending.ts";
import type { Policy } from "../../worker/core/policy/schema.ts";
import { checkTarget } from "../../worker/core/policy/targets.ts";
import { Gateway } from "../policy/gateway.ts";
import { analyticsNote, missingBindings, missingSecrets, wantedSecrets, writtenSecrets } from "./checks.ts";
import type { Config, Missing } from "./checks.ts";
import { until } from "./smoke.ts";
import type { Progress } from "./stages.ts";
import { wordsOf, type Answer, type Wrangler } from "./wrangler.ts";

export interface Settings {
  readonly environment: string | undefined;
  /** wrangler.toml */
  readonly config: string;
  readonly policy: { readonly file: string; readonly text: string } | undefined;
  /** To be set with this deployment. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly newToken: boolean;
  readonly token: string | undefined;
  readonly url: string | undefined;
  /** Percent of the traffic; undefined for all of it at once. */
  readonly gradual: number | undefined;
  readonly dryRun: boolean;
  readonly waitMs: number;
  readonly yes: boolean;
}

export interface Surroundings {
  readonly wrangler: Wrangler;
  readonly progress: Progress;
  /** Absent where nobody can be asked. */
  readonly confirm?: (question: string) => Promise<boolean>;
  readonly password?: (what: string) => Promise<string | undefined>;
}

interface Deployed {
  readonly kind: "deployed";
  readonly worker: string;
  readonly version?: string | undefined;
  /** Percent of the traffic that goes to it, where that is not all. */
  readonly share?: number | undefined;
  readonly addresses: readonly string[];
  readonly policy?: { readonly generation: number; readonly outcome: string } | undefined;
  readonly newToken?: string | undefined;
}

export type Outcome = (
  | { readonly kind: "missing"; readonly missing: readonly Missing[] }
  | { readonly kind: "failed"; readonly step: string; readonly reason: string }
  | { readonly kind: "tried"; readonly worker: string }
  | Deployed
) & { readonly notes: readonly string[] };

/** What is known once all checks have passed. */
interface Plan {
  readonly worker: string;
  readonly secrets: Readonly<Record<string, string>>;
  readonly token: string | undefined;
  readonly newToken: string | undefined;
  /** The version in force; undefined for a Worker that is not there yet. */
  readonly current: string | undefined;
}

const LOG_IN =
  'npm run wrangler -- login, or CLOUDFLARE_API_TOKEN (dash.cloudflare.com/profile/api-tokens, template "Edit Cloudflare Workers") and, with several accounts, CLOUDFLARE_ACCOUNT_ID';

export async function deploy(settings: Settings, around: Surroundings): Promise<Outcome> {
  const { progress } = around;
  const notes: string[] = [];
  const missing: Missing[] = [];
  const plan = await prepare(settings, around, missing, notes);
  if (plan === undefined || missing.length > 0) {
    progress.end(false);
    return { kind: "missing", missing, notes };
  }
  if (settings.dryRun) {
    progress.end(true);
    return { kind: "tried", worker: plan.worker, notes };
  }
  const to = settings.gradual === undefined ? "" : ` (${settings.gradual} % of the traffic)`;
  if (!settings.yes && !(await agreed(around, `Deploy ${plan.worker}${to}?`))) {
    progress.end(false);
    const why = around.confirm === undefined ? "nobody can be asked here" : "it was not wanted";
    return { kind: "missing", missing: [{ what: `a yes: ${why}`, how: "--yes deploys without asking" }], notes };
  }
  const outcome = await carryOut(settings, around, plan, notes);
  progress.end(outcome.kind === "deployed");
  return outcome;
}

async function agreed({ confirm, progress }: Surroundings, question: string): Promise<boolean> {
  progress.end(true);
  return confirm === undefined ? false : confirm(question);
}

// --- before anything is changed ---

async function prepare(
  settings: Settings,
  { wrangler, progress }: Surroundings,
  missing: Missing[],
  notes: string[],
): Promise<Plan | undefined> {
  progress.step("configuration and policy");
  const { environment } = settings;
  const config = readConfig(settings, missing);
  if (config === undefined) return undefined;
  const policy = readPolicy(settings, config, missing, notes);
  const wanted = wantedSecrets(policy);
  missing.push(...missingBindings(config, policy, environment), ...writtenSecrets(config, wanted));

  notes.push(...analyticsNote(config, policy));

  progress.step("trial build (wrangler deploy --dry-run)");
  const folder = mkdtempSync(path.join(os.tmpdir(), "sluice-deploy-"));
  const trial = await wrangler(["deploy", "--dry-run", "--outdir", folder, ...common(settings)]);
  rmSync(folder, { recursive: true, force: true });
  if (trial.code === 0) {
    const size = /gzip: ([\d.]+ \w+)/.exec(trial.stdout)?.[1];
    if (size !== undefined) progress.done(`${size} gzip`);
  } else missing.push({ what: `the trial build failed: ${wordsOf(trial)}`, how: "mend what it says" });

  progress.step("account and secrets");
  const given = { ...settings.secrets };
  let newToken: string | undefined;
  if (settings.newToken) given["ADMIN_TOKEN"] = newToken = randomBytes(32).toString("base64url");
  const worker = config.name ?? "sluice";
  const account = await wrangler(["whoami", "--json"]);
  if (account.code !== 0 || !isLoggedIn(account)) {
    if (settings.dryRun) notes.push(`no account was asked, so secrets were not looked at; for a deployment: ${LOG_IN}`);
    else {
      missing.push({ what: "a Cloudflare account to deploy to", how: LOG_IN });
      // Which secrets an account holds nobody knows without it: those that are wanted are told all the same.
      const list = missingSecrets(wanted, new Set(Object.keys(given)), environment);
      if (list.length > 0) {
        const names = list.map(({ what }) => what.split(" ")[1]).join(", ");
        notes.push(
          `secrets it will want, too: ${names}; each by npm run wrangler -- secret put NAME, or --secrets FILE`,
        );
      }
    }
    return { worker, secrets: given, token: newToken ?? settings.token, newToken, current: undefined };
  }
  const there = await secretNames(wrangler, settings);
  missing.push(...missingSecrets(wanted, new Set([...there, ...Object.keys(given)]), environment));
  const current = settings.gradual === undefined ? undefined : await currentVersion(wrangler, settings);
  if (settings.gradual !== undefined && current === undefined) {
    missing.push({ what: "a version to share the traffic with", how: "the first deployment goes without --gradual" });
  }
  return { worker, secrets: given, token: newToken ?? settings.token, newToken, current };
}

/** wrangler is told the environment always: without one it would only warn that there are several. */
const common = ({ config, environment }: Settings): string[] => ["--config", config, "--env", environment ?? ""];

function readConfig({ config, environment }: Settings, missing: Missing[]): Config | undefined {
  try {
    return unstable_readConfig(
      { config, ...(environment === undefined ? {} : { env: environment }) },
      { hideWarnings: true },
    ) as Config;
  } catch (error) {
    const [first = "", second = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    missing.push({
      what: `${config} cannot be used: ${`${first} ${second.trim().replace(/^- /, "")}`.trim()}`,
      how: environment === undefined ? "mend the file, or name another with --config" : "see [env.…] in that file",
    });
    return undefined;
  }
}

function readPolicy({ policy }: Settings, config: Config, missing: Missing[], notes: string[]): Policy | undefined {
  if (policy === undefined) {
    notes.push("no policy was published: name one with --policy FILE; a gateway without any answers 503");
    return undefined;
  }
  const parsed = parsePolicy(policy.text);
  const problems = parsed.ok
    ? checkTarget(parsed.value, "cloudflare", { allowPrivate: config.vars["ALLOW_PRIVATE"] === "true" })
    : parsed.error;
  for (const problem of problems) {
    const where = problem.path === "" ? "the document" : problem.path;
    missing.push({
      what: `${policy.file}: ${where} ${problem.message}`,
      how: "npm run policy -- check FILE --target cloudflare",
    });
  }
  if (!parsed.ok) return undefined;
  for (const { section, reason } of pendingSections(parsed.value)) notes.push(`not acted on: ${section} (${reason})`);
  return parsed.value;
}

const jsonOf = ({ stdout }: Answer): unknown => {
  try {
    return JSON.parse(stdout);
  } catch {
    // Words where JSON was asked for: nothing to read.
    return undefined;
  }
};

function isLoggedIn(account: Answer): boolean {
  const told = jsonOf(account);
  return typeof told === "object" && told !== null && "loggedIn" in told && told.loggedIn === true;
}

/** Of a Worker that is not there yet, none. */
async function secretNames(wrangler: Wrangler, settings: Settings): Promise<string[]> {
  const told = jsonOf(await wrangler(["secret", "list", "--format", "json", ...common(settings)]));
  return Array.isArray(told)
    ? told.flatMap((each: { name?: unknown }) => (typeof each.name === "string" ? each.name : []))
    : [];
}

/** The version that has most of the traffic. */
async function currentVersion(wrangler: Wrangler, settings: Settings): Promise<string | undefined> {
  const told = jsonOf(await wrangler(["deployments", "status", "--json", ...common(settings)])) as
    | { versions?: { version_id?: string; percentage?: number }[] }
    | undefined;
  const versions = [...(told?.versions ?? [])].sort((a, b) => (b.percentage ?? 0) - (a.percentage ?? 0));
  return versions[0]?.version_id;
}

// --- from here on something changes ---

async function carryOut(settings: Settings, around: Surroundings, plan: Plan, notes: string[]): Promise<Outcome> {
  const { progress } = around;
  const failed = (step: string, reason: string): Outcome => ({ kind: "failed", step, reason, notes });
  progress.step(settings.gradual === undefined ? "deploying" : "uploading a version");
  const uploaded = await upload(settings, around.wrangler, plan);
  if (uploaded.code !== 0) return failed("wrangler", wordsOf(uploaded));
  const event = uploaded.events.findLast(({ type }) => type === "deploy" || type === "version-upload") ?? {};
  const version = typeof event["version_id"] === "string" ? event["version_id"] : undefined;
  if (settings.gradual !== undefined) {
    progress.step(`giving it ${settings.gradual} % of the traffic`);
    const shares = [`${version}@${settings.gradual}%`, `${plan.current}@${100 - settings.gradual}%`];
    const shared = await around.wrangler(["versions", "deploy", ...shares, "--yes", ...common(settings)]);
    if (shared.code !== 0) return failed("wrangler versions deploy", wordsOf(shared));
  }
  const addresses = settings.url === undefined ? addressesOf(event["targets"]) : [settings.url];
  const done: Deployed = {
    kind: "deployed",
    worker: plan.worker,
    version,
    share: settings.gradual,
    addresses,
    newToken: plan.newToken,
  };
  const [url] = addresses;
  if (url === undefined) {
    notes.push("not looked at: wrangler named no address of it; say --url URL");
    return { ...done, notes };
  }
  progress.step(`waiting for ${url}`);
  const lives = await until(`${url}/_sluice/health`, settings.waitMs, ({ status }) => status === 200);
  if (!lives.ok) return failed(`deployed, but ${url}/_sluice/health does not answer`, lives.reason);
  const published = await publish(settings, around, plan, url, notes);
  if (published !== undefined && "reason" in published)
    return failed("deployed, but the policy was not published", published.reason);
  progress.step("smoke test");
  const wants = published?.generation ?? 0;
  const ready = await until(`${url}/_sluice/ready`, settings.waitMs, (answer) => readiness(answer, wants));
  if (!ready.ok) return failed(`deployed, but ${url}/_sluice/ready is not well`, ready.reason);
  notes.push(...complaintsOf(ready.body));
  return { ...done, policy: published, notes };
}

async function upload(settings: Settings, wrangler: Wrangler, plan: Plan): Promise<Answer> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "sluice-secrets-"));
  try {
    const file = path.join(folder, "secrets.json");
    const some = Object.keys(plan.secrets).length > 0;
    if (some) writeFileSync(file, JSON.stringify(plan.secrets), { mode: 0o600 });
    const command = settings.gradual === undefined ? ["deploy"] : ["versions", "upload"];
    return await wrangler([...command, ...common(settings), ...(some ? ["--secrets-file", file] : [])]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `https://sluice.example.workers.dev`, `api.example.com (custom domain)`; routes with a path or a wildcard name no host to ask. */
export function addressesOf(targets: unknown): string[] {
  if (!Array.isArray(targets)) return [];
  return targets.flatMap((target) => {
    const [written = ""] = String(target).split(" ");
    const url = URL.parse(written.includes("://") ? written : `https://${written}`);
    return url === null || written.includes("*") || !url.hostname.includes(".") ? [] : [url.origin];
  });
}

async function publish(
  settings: Settings,
  { progress, password }: Surroundings,
  plan: Plan,
  url: string,
  notes: string[],
): Promise<{ generation: number; outcome: string } | { reason: string } | undefined> {
  const { policy } = settings;
  if (policy === undefined) return undefined;
  const token = plan.token ?? (await password?.("Admin token, to publish the policy (empty: leave it)"));
  if (token === undefined) {
    notes.push(
      `the policy was not published, for that takes the admin token: npm run policy -- push ${policy.file} --url ${url} --token …`,
    );
    return undefined;
  }
  progress.step("publishing the policy");
  const gateway = new Gateway(url, token);
  const current = await gateway.policy();
  if (!current.ok && current.error.kind !== "missing") return { reason: current.error.words };
  const only = current.ok ? { generation: current.value.generation } : "none";
  const put = await gateway.put(policy.text, only, "deployment");
  return put.ok ? put.value : { reason: put.error.words };
}

interface Seen {
  readonly status: number;
  readonly body: unknown;
}

interface Ready {
  readonly policy?: { readonly generation?: number | null; readonly error?: string | null };
  readonly dependencies?: Readonly<Record<string, { readonly state?: string; readonly names?: readonly string[] }>>;
}

/** Ready, and no older generation in force than the one that was published. */
const readiness = ({ status, body }: Seen, generation: number): boolean =>
  status === 200 && ((body as Ready | undefined)?.policy?.generation ?? 0) >= generation;

function complaintsOf(body: unknown): string[] {
  const { policy, dependencies } = (body ?? {}) as Ready;
  const bad = Object.entries(dependencies ?? {}).filter(([, { state }]) => state === "failing" || state === "unbound");
  return [
    ...(policy?.error == null ? [] : [`ready says of the policy: ${policy.error}`]),
    ...bad.map(
      ([name, { state, names }]) =>
        `ready says ${name} is ${state}${names === undefined ? "" : `: ${names.join(", ")}`}`,
    ),
  ];
}
