// What a service's object knows of the policy: the service's own section, as its region handed it over. Kept, so that checks
// and discovery go on after a restart. What was stored by an older build and no longer fits is dropped; the region hands
// its settings over again with its first batch after a restart of its own, and whenever they change.
import * as v from "valibot";
import { service as servicePolicy } from "../core/policy/schema.ts";
import type { ServicePolicy } from "../core/policy/schema.ts";
import type { ServiceSettings as Handed } from "../core/protocol/objects.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS settings (id INTEGER PRIMARY KEY CHECK (id = 1), text TEXT NOT NULL, probe_ms INTEGER NOT NULL);`;

export class ServiceSettings {
  /** Undefined before the first were handed over. */
  policy: ServicePolicy | undefined;
  probeMs = 0;
  #sql: SqlStorage;
  #text = "";

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(SCHEMA);
    const [kept] = sql
      .exec<{ text: string; probeMs: number }>("SELECT text, probe_ms AS probeMs FROM settings")
      .toArray();
    if (kept !== undefined) this.#use(kept);
  }

  /** False where nobody is judged: the policy says so, or is not known. */
  get breaker(): ServicePolicy["breaker"] {
    return this.policy?.breaker ?? false;
  }

  /** Whether they changed anything. */
  take(settings: Handed): boolean {
    if (settings.text === this.#text && settings.probeMs === this.probeMs) return false;
    if (!this.#use(settings)) return false;
    const row = [settings.text, settings.probeMs];
    this.#sql.exec("INSERT OR REPLACE INTO settings (id, text, probe_ms) VALUES (1, ?, ?)", ...row);
    return true;
  }

  #use({ text, probeMs }: Handed): boolean {
    const parsed = v.safeParse(servicePolicy, JSON.parse(text));
    if (!parsed.success) return false;
    this.policy = parsed.output;
    this.probeMs = probeMs;
    this.#text = text;
    return true;
  }
}
