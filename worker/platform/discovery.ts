// Where a service's instances come from beside the policy's own list, asked from one region by its `ServiceObject`. Every
// kind of registry stands behind one contract, `Source`; the last good list is kept, over restarts too, while a registry is
// away or says something that cannot be true. Nothing here is on a request's path.
import { addressProblem } from "../core/policy/targets.ts";
import type { ServicePolicy } from "../core/policy/schema.ts";
import type { DiscoveryReading } from "../core/protocol/objects.ts";
import type { HealthStatus, Registry } from "../core/protocol/reports.ts";
import { ok, refuse, type Result } from "../core/result/result.ts";
import { consulUrl, longestWaitMs, nextIndex, readConsul } from "../core/routing/consul.ts";
import { DNS_JSON, dnsUrl, readDns } from "../core/routing/dns.ts";
import { adopt, type Found } from "../core/routing/registry.ts";
import { secretOf } from "./call-headers.ts";
import type { Env } from "./env.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS registry (
    id INTEGER PRIMARY KEY CHECK (id = 1), source TEXT NOT NULL, answered_at INTEGER NOT NULL, registry TEXT NOT NULL, health TEXT NOT NULL
  );`;

const MOST_BYTES = 8_388_608;
const STORE_EVERY_MS = 60_000;
/** After a held query's answer: a registry that changes all the time is asked once a second. */
const SOONEST_MS = 1_000;

export type DiscoveryOptions = Exclude<ServicePolicy["discovery"], false>;
type Remote = Exclude<DiscoveryOptions, { kind: "static" }>;

/**
 * A registry. `read` asks it once and says what it found, or in words for an operator why there is nothing to take; it
 * never throws, ends when `signal` says so, and may be held by the registry until something changes. `pauseMs` is how long
 * to wait after it.
 */
interface Source {
  read(signal: AbortSignal): Promise<Result<Found, string>>;
  pauseMs(answered: boolean): number;
}

export class Discovery {
  registry: Registry | undefined;
  /** What the registry last said of health, by instance id; undefined when it knows nothing of that. */
  health: Readonly<Record<string, HealthStatus>> | undefined;
  answeredAt = 0;
  #env: Env;
  #sql: SqlStorage;
  #kind = "static";
  #source: Source | undefined;
  /** The options of `#source`, as text. */
  #written = "";
  #problem: string | undefined;
  #storedAt = 0;
  #asking: AbortController | undefined;

  constructor(env: Env, sql: SqlStorage, options: DiscoveryOptions | false) {
    this.#env = env;
    this.#sql = sql;
    sql.exec(SCHEMA);
    this.configure(options);
    const rows = sql.exec<{ answeredAt: number; registry: string; health: string }>(
      "SELECT answered_at AS answeredAt, registry, health FROM registry WHERE source = ?",
      this.#written,
    );
    const [kept] = rows.toArray();
    if (kept === undefined) return;
    this.answeredAt = kept.answeredAt;
    this.registry = (JSON.parse(kept.registry) as Registry | null) ?? undefined;
    this.health = (JSON.parse(kept.health) as Record<string, HealthStatus> | null) ?? undefined;
  }

  /** Another registry, or another question to it: the instances of the old one stand until the new one has answered. */
  configure(options: DiscoveryOptions | false): boolean {
    const remote = options === false || options.kind === "static" ? undefined : options;
    const written = JSON.stringify(remote ?? null);
    if (written === this.#written) return false;
    this.#written = written;
    this.#asking?.abort();
    this.#kind = remote?.kind ?? "static";
    this.#problem = undefined;
    this.#source = remote === undefined ? undefined : sourceOf(remote, this.#env);
    if (remote === undefined) this.registry = this.health = undefined;
    return true;
  }

  get active(): boolean {
    return this.#source !== undefined;
  }

  /** Asks the registry once; how long to wait before the next time, and whether there is news. */
  async ask(): Promise<{ pauseMs: number; changed: boolean }> {
    const source = this.#source;
    // The one question under way goes on; whoever asked it comes again.
    if (source === undefined || this.#asking !== undefined) return { pauseMs: SOONEST_MS, changed: false };
    this.#asking = new AbortController();
    const answer = await source.read(this.#asking.signal);
    this.#asking = undefined;
    // Meanwhile the policy may have named another registry.
    if (source !== this.#source) return { pauseMs: 0, changed: false };
    const changed = answer.ok && this.#take(answer.value);
    if (!answer.ok) this.#problem = answer.error;
    return { pauseMs: source.pauseMs(answer.ok), changed };
  }

  #take(found: Found): boolean {
    const now = Date.now();
    this.answeredAt = now;
    const before = { registry: this.registry, health: JSON.stringify(this.health) };
    const empty = found.instances.length === 0 && this.registry !== undefined;
    this.#problem = empty ? "an empty list: the last one stands" : undefined;
    this.registry = adopt(this.registry, found, now);
    if (!empty) this.health = found.health;
    const changed = this.registry !== before.registry || JSON.stringify(this.health) !== before.health;
    if (changed || now - this.#storedAt >= STORE_EVERY_MS) this.#store(now);
    return changed;
  }

  #store(now: number): void {
    this.#storedAt = now;
    const row = [this.#written, now, JSON.stringify(this.registry ?? null), JSON.stringify(this.health ?? null)];
    const columns = "id, source, answered_at, registry, health";
    this.#sql.exec(`INSERT OR REPLACE INTO registry (${columns}) VALUES (1, ?, ?, ?, ?)`, ...row);
  }

  reading(): DiscoveryReading | undefined {
    if (this.#source === undefined) return undefined;
    return {
      kind: this.#kind,
      generation: this.registry?.generation ?? 0,
      answeredAt: this.answeredAt,
      instances: this.registry?.instances ?? [],
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }
}

function sourceOf(options: Remote, env: Env): Source {
  switch (options.kind) {
    case "consul":
      return new ConsulSource(options, env);
    case "dns":
      return new DnsSource(options, env);
  }
}

type Of<Kind extends Remote["kind"]> = Extract<Remote, { kind: Kind }>;

/** Held queries: after the first answer the next one comes when something has changed, or after `waitSeconds`. */
class ConsulSource implements Source {
  #options: Of<"consul">;
  #env: Env;
  #index = 0;

  constructor(options: Of<"consul">, env: Env) {
    this.#options = options;
    this.#env = env;
  }

  async read(signal: AbortSignal): Promise<Result<Found, string>> {
    const options = this.#options;
    const headers = new Headers({ accept: "application/json" });
    if (options.token !== undefined) {
      const token = secretOf(options.token, this.#env);
      if (token === undefined) return refuse(`secret ${options.token.secret} is not set`);
      headers.set("x-consul-token", token);
    }
    const heldMs = this.#index > 0 ? longestWaitMs(options.waitSeconds) : 0;
    const answer = await getJson(
      consulUrl(options, this.#index),
      headers,
      options.timeoutMs + heldMs,
      signal,
      this.#env,
    );
    // After a failure the next question is not held: what was missed meanwhile is told at once.
    this.#index = answer.ok ? nextIndex(this.#index, answer.value.headers.get("x-consul-index")) : 0;
    return answer.ok ? readConsul(answer.value.json, options) : answer;
  }

  pauseMs(answered: boolean): number {
    const { intervalSeconds, waitSeconds } = this.#options;
    return answered && this.#index > 0 && waitSeconds > 0 ? SOONEST_MS : intervalSeconds * 1_000;
  }
}

class DnsSource implements Source {
  #options: Of<"dns">;
  #env: Env;

  constructor(options: Of<"dns">, env: Env) {
    this.#options = options;
    this.#env = env;
  }

  async read(signal: AbortSignal): Promise<Result<Found, string>> {
    const options = this.#options;
    const answer = await getJson(
      dnsUrl(options),
      new Headers({ accept: DNS_JSON }),
      options.timeoutMs,
      signal,
      this.#env,
    );
    return answer.ok ? readDns(answer.value.json, options) : answer;
  }

  pauseMs(): number {
    return this.#options.intervalSeconds * 1_000;
  }
}

async function getJson(
  url: string,
  headers: Headers,
  timeoutMs: number,
  signal: AbortSignal,
  env: Env,
): Promise<Result<{ json: unknown; headers: Headers }, string>> {
  const address = addressProblem(url, "local", { allowPrivate: env.ALLOW_PRIVATE === "true" });
  if (address !== undefined) return refuse(`its address ${address}`);
  try {
    const both = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const answer = await fetch(url, { headers, redirect: "manual", signal: both });
    if (answer.status !== 200) {
      await answer.body?.cancel();
      return refuse(`status ${answer.status}`);
    }
    if (Number(answer.headers.get("content-length") ?? 0) > MOST_BYTES) return refuse("an answer of more than 8 MiB");
    const text = await answer.text();
    if (text.length > MOST_BYTES) return refuse("an answer of more than 8 MiB");
    return ok({ json: JSON.parse(text) as unknown, headers: answer.headers });
  } catch (error) {
    if (error instanceof SyntaxError) return refuse("an answer that is not JSON");
    const late = error instanceof Error && error.name === "TimeoutError";
    return refuse(late ? `no answer within ${timeoutMs} ms` : "unreachable");
  }
}
