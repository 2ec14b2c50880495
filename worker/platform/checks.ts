// Active health checks of one service, made from one region by its `ServiceObject`: a sick path between here and there is
// found here and nowhere else. They are requests of the gateway's own: no traffic is counted, no breaker hears of them.
// Each round asks every instance once, in a random order and a few at a time. What was found is kept over a restart;
// when it was found is told with it, so that old news counts for less.
import { addressProblem } from "../core/policy/targets.ts";
import type { ServicePolicy } from "../core/policy/schema.ts";
import type { CheckReading } from "../core/protocol/objects.ts";
import { CHECKED_BYTES, checkProblem } from "../core/resilience/check.ts";
import { healthStep, UNCHECKED } from "../core/routing/health.ts";
import type { Health } from "../core/routing/health.ts";
import { headersFor } from "./call-headers.ts";
import { carrierOf } from "./carriers.ts";
import type { Env } from "./env.ts";
import { share } from "./share.ts";

const SCHEMA = `CREATE TABLE IF NOT EXISTS checks (id INTEGER PRIMARY KEY CHECK (id = 1), state TEXT NOT NULL);`;

/** The runtime gives one event six connections. */
const AT_ONCE = 6;
const STORE_EVERY_MS = 60_000;
/** Deployed, `fetch` would answer from the edge's own cache. */
const CACHE_KEEPS_OUT = { cacheTtlByStatus: { "100-599": -1 } };

type Options = Exclude<ServicePolicy["healthCheck"], false>;

export interface CheckTarget {
  readonly id: string;
  /** Origin and base path. */
  readonly url: string;
  /** Binding that carries its requests, "" for none. */
  readonly via: string;
}

interface Checked extends Health {
  tookMs: number;
  problem?: string;
}

export class Checks {
  #env: Env;
  #sql: SqlStorage;
  #checked = new Map<string, Checked>();
  #storedAt = 0;
  #round: Promise<boolean> | undefined;

  constructor(env: Env, sql: SqlStorage) {
    this.#env = env;
    this.#sql = sql;
    sql.exec(SCHEMA);
    const [kept] = sql.exec<{ state: string }>("SELECT state FROM checks").toArray();
    if (kept !== undefined) this.#checked = new Map(JSON.parse(kept.state) as [string, Checked][]);
  }

  /** Checks each target once; whether any status changed. While a round is under way, that round. */
  round(targets: readonly CheckTarget[], options: Options): Promise<boolean> {
    this.#round ??= share(
      this.#checkAll(targets, options).finally(() => {
        this.#round = undefined;
      }),
    );
    return this.#round;
  }

  async #checkAll(targets: readonly CheckTarget[], options: Options): Promise<boolean> {
    const gone = [...this.#checked.keys()].filter((id) => !targets.some((target) => target.id === id));
    for (const id of gone) this.#checked.delete(id);
    const waiting = targets.map((target) => ({ target, turn: Math.random() })).sort((a, b) => a.turn - b.turn);
    let changed = gone.length > 0;
    const work = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const before = this.#checked.get(next.target.id) ?? UNCHECKED;
        const after = await this.#check(next.target, before, options);
        changed ||= after.status !== before.status;
        this.#checked.set(next.target.id, after);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    this.#store(changed);
    return changed;
  }

  async #check(target: CheckTarget, before: Readonly<Health>, options: Options): Promise<Checked> {
    const startedAt = Date.now();
    const problem = await this.#problem(target, options);
    const at = Date.now();
    const after = healthStep(before, { passed: problem === undefined, tookMs: at - startedAt, at }, options);
    return { ...after, tookMs: at - startedAt, ...(problem === undefined ? {} : { problem }) };
  }

  async #problem({ url, via }: CheckTarget, options: Options): Promise<string | undefined> {
    const allowPrivate = via !== "" || this.#env.ALLOW_PRIVATE === "true";
    const address = addressProblem(url, "local", { allowPrivate });
    if (address !== undefined) return `its address ${address}`;
    const headers = headersFor(options.headers, this.#env);
    if (!headers.ok) return headers.error;
    if (!headers.value.has("user-agent")) headers.value.set("user-agent", "sluice-health-check");
    try {
      const carrier = carrierOf(this.#env, via) ?? globalThis;
      const answer = await carrier.fetch(url + options.path, {
        method: options.method,
        headers: headers.value,
        redirect: "manual",
        signal: AbortSignal.timeout(options.timeoutMs),
        cf: CACHE_KEEPS_OUT,
      });
      const body = options.expectBody === undefined ? "" : await beginningOf(answer);
      await answer.body?.cancel();
      return checkProblem(answer.status, body, options);
    } catch (error) {
      const late = error instanceof Error && error.name === "TimeoutError";
      return late ? `no answer within ${options.timeoutMs} ms` : "unreachable";
    }
  }

  #store(changed: boolean): void {
    const now = Date.now();
    if (!changed && now - this.#storedAt < STORE_EVERY_MS) return;
    this.#storedAt = now;
    const state = JSON.stringify([...this.#checked]);
    this.#sql.exec("INSERT OR REPLACE INTO checks (id, state) VALUES (1, ?)", state);
  }

  /** Undefined for an instance that no round has come to yet. */
  reading(id: string): CheckReading | undefined {
    const checked = this.#checked.get(id);
    if (checked === undefined) return undefined;
    const { status, checkedAt, tookMs, problem } = checked;
    return { status, checkedAt, tookMs, ...(problem === undefined ? {} : { problem }) };
  }
}

/** The first 64 KiB as text; the rest stays unread. */
async function beginningOf(answer: Response): Promise<string> {
  if (answer.body === null) return "";
  const decoder = new TextDecoder();
  const reader = answer.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  let text = "";
  for (let bytes = 0; bytes < CHECKED_BYTES;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.byteLength;
    text += decoder.decode(value, { stream: true });
  }
  reader.releaseLock();
  return text;
}
