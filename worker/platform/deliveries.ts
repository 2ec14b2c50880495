// Notices on their way to notifiers: stored before the first try, tried again under the same id until they are taken or their tries
// are used up, and kept for a while to be seen. When the other side is away the alert stands all the same; what it answers is
// never read further than its status.
import { bodiesOf, wants, type Notice, type Notifier } from "../core/insight/notices.ts";
import type { Alert } from "../core/insight/alerts.ts";
import type { DeliveryReading } from "../core/protocol/insight.ts";
import { addressProblem } from "../core/policy/targets.ts";
import { signWebhook } from "../core/security/webhooks.ts";
import { headersFor, secretOf } from "./call-headers.ts";
import type { Env } from "./env.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS deliveries (
    id TEXT PRIMARY KEY, notifier TEXT NOT NULL, body TEXT NOT NULL, alerts TEXT NOT NULL, made_at INTEGER NOT NULL,
    tries INTEGER NOT NULL, next_at INTEGER NOT NULL, state TEXT NOT NULL, problem TEXT NOT NULL
  );`;

const KEPT = 1_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 300_000;
const AT_ONCE = 4;

export class Deliveries {
  #env: Env;
  #sql: SqlStorage;

  constructor(env: Env, sql: SqlStorage) {
    this.#env = env;
    this.#sql = sql;
    sql.exec(SCHEMA);
  }

  /** When the next one is due; undefined when none waits. */
  get nextAt(): number | undefined {
    const { at } = this.#sql
      .exec<{ at: number | null }>("SELECT min(next_at) AS at FROM deliveries WHERE state = 'waiting'")
      .one();
    return at ?? undefined;
  }

  /** Writes down what each notifier is to be told of alerts that turned together. */
  add(
    notifiers: Readonly<Record<string, Notifier>>,
    turn: Notice["turn"],
    turned: readonly Turned[],
    now: number,
  ): void {
    const names = new Set(turned.flatMap(({ notify }) => notify));
    for (const name of names) {
      const notifier = Object.hasOwn(notifiers, name) ? notifiers[name] : undefined;
      if (notifier === undefined) continue;
      const alerts = turned
        .filter(({ notify, alert }) => notify.includes(name) && wants(notifier, alert, turn))
        .map(({ alert }) => alert);
      if (alerts.length === 0) continue;
      for (const body of bodiesOf(notifier, { turn, alerts, at: now }))
        this.#insert(name, body, alerts.map(({ id }) => id).join(" "), now);
    }
    this.#sql.exec(
      "DELETE FROM deliveries WHERE id NOT IN (SELECT id FROM deliveries ORDER BY made_at DESC LIMIT ?)",
      KEPT,
    );
  }

  #insert(notifier: string, body: string, alerts: string, now: number): void {
    this.#sql.exec(
      `INSERT INTO deliveries (id, notifier, body, alerts, made_at, tries, next_at, state, problem)
       VALUES (?, ?, ?, ?, ?, 0, ?, 'waiting', '')`,
      ...[`msg_${crypto.randomUUID()}`, notifier, body, alerts, now, now],
    );
  }

  /** Tries all that are due. */
  async send(notifiers: Readonly<Record<string, Notifier>>, now: number): Promise<void> {
    const due = this.#sql
      .exec<{ id: string; notifier: string; body: string; tries: number }>(
        "SELECT id, notifier, body, tries FROM deliveries WHERE state = 'waiting' AND next_at <= ? ORDER BY made_at LIMIT 64",
        now,
      )
      .toArray();
    const work = async (): Promise<void> => {
      for (let next = due.shift(); next !== undefined; next = due.shift()) {
        const { id, notifier: name, body, tries } = next;
        const notifier = Object.hasOwn(notifiers, name) ? notifiers[name] : undefined;
        const problem =
          notifier === undefined ? "there is no such notifier any more" : await this.#try(notifier, id, body);
        this.#settle(id, tries + 1, notifier?.attempts ?? 0, problem);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  #settle(id: string, tries: number, most: number, problem: string | undefined): void {
    const over = problem === undefined || tries >= most;
    const state = problem === undefined ? "sent" : over ? "failed" : "waiting";
    const nextAt = over ? 0 : Date.now() + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (tries - 1));
    this.#sql.exec(
      "UPDATE deliveries SET tries = ?, next_at = ?, state = ?, problem = ? WHERE id = ?",
      ...[tries, nextAt, state, problem ?? "", id],
    );
  }

  /** Why it was not taken; undefined when it was. */
  async #try(notifier: Notifier, id: string, body: string): Promise<string | undefined> {
    const url = typeof notifier.url === "string" ? notifier.url : secretOf(notifier.url, this.#env);
    if (url === undefined) return `secret ${(notifier.url as { secret: string }).secret} is not set`;
    const address = addressProblem(url, "local", { allowPrivate: this.#env.ALLOW_PRIVATE === "true" });
    if (address !== undefined) return `its address ${address}`;
    const headers = new Headers({ "content-type": "application/json", "user-agent": "sluice-alerts" });
    let sent = body;
    switch (notifier.kind) {
      case "webhook": {
        const own = headersFor(notifier.headers, this.#env);
        if (!own.ok) return own.error;
        own.value.forEach((value, name) => headers.set(name, value));
        headers.set("webhook-id", id);
        if (notifier.secret === undefined) break;
        const secret = secretOf(notifier.secret, this.#env);
        if (secret === undefined) return `secret ${notifier.secret.secret} is not set`;
        const signed = await signWebhook(secret, id, Math.floor(Date.now() / 1_000), body);
        for (const [name, value] of Object.entries(signed)) headers.set(name, value);
        break;
      }
      case "pagerduty": {
        const key = secretOf(notifier.routingKey, this.#env);
        if (key === undefined) return `secret ${notifier.routingKey.secret} is not set`;
        sent = JSON.stringify({ ...(JSON.parse(body) as object), routing_key: key });
        break;
      }
      case "email": {
        const key = notifier.key === undefined ? undefined : secretOf(notifier.key, this.#env);
        if (notifier.key !== undefined && key === undefined) return `secret ${notifier.key.secret} is not set`;
        if (key !== undefined) headers.set("authorization", `Bearer ${key}`);
        break;
      }
      case "slack":
        break;
    }
    return post(url, headers, sent, notifier.timeoutMs);
  }

  /** Newest first. */
  list(limit: number): DeliveryReading[] {
    const columns = "id, notifier, alerts, made_at AS madeAt, tries, next_at AS nextAt, state, problem";
    return this.#sql
      .exec<Omit<DeliveryReading, "alerts"> & { alerts: string } & Record<string, SqlStorageValue>>(
        `SELECT ${columns} FROM deliveries ORDER BY made_at DESC, id LIMIT ?`,
        limit,
      )
      .toArray()
      .map((row) => ({ ...row, alerts: row.alerts.split(" ") }));
  }
}

/** An alert that turned, and whom its rule notifies. */
export interface Turned {
  readonly alert: Alert;
  readonly notify: readonly string[];
}

async function post(url: string, headers: Headers, body: string, timeoutMs: number): Promise<string | undefined> {
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers,
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    await answer.body?.cancel();
    return answer.ok ? undefined : `answered ${answer.status}`;
  } catch (error) {
    const late = error instanceof Error && error.name === "TimeoutError";
    return late ? `no answer within ${timeoutMs} ms` : "unreachable";
  }
}
