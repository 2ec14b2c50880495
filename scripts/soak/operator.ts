// The operator of the soak: changes the policy every second and rolls it back, makes and revokes keys, purges, acknowledges alerts and
// commands instances, through whichever region's gateway chance names, whatever state that is in; and, when all is calm, asks
// for everything that was acknowledged.
import { setTimeout as sleep } from "node:timers/promises";
import { draw, type Chance } from "../../worker/core/stats/chance.ts";
import { isAcknowledged, type Admin, type AdminAnswer } from "./admin.ts";
import { clock } from "./client.ts";
import type { History, Promised } from "./history.ts";
import { Ledger, lostGenerations, lostKeys, wrongPolicy, type Command } from "./ledger.ts";

/** Generations that the gateway keeps. */
const GENERATIONS_KEPT = 200;
const COMMANDS: readonly Command[] = ["drain", "open", "close", "reset"];
const LOOK_EVERY_MS = 100;

export interface OperatorSettings {
  readonly admin: Admin;
  readonly history: History;
  readonly chance: Chance;
  readonly regions: number;
  /** The document of a variant. */
  readonly policy: (variant: number) => unknown;
  /** Paths of what is cached and may be purged. */
  readonly cached: readonly string[];
  /** `spare` instances. */
  readonly instances: readonly string[];
}

export class Operator {
  readonly ledger = new Ledger();
  readonly #of: OperatorSettings;
  #variant = 0;

  constructor(settings: OperatorSettings) {
    this.#of = settings;
  }

  get #region(): number {
    return draw(this.#of.chance, this.#of.regions);
  }

  #acknowledged(what: string, answer: AdminAnswer): boolean {
    const good = isAcknowledged(answer);
    this.#of.history.count(good ? "writes acknowledged" : "writes refused or unanswered");
    if (good) {
      this.#of.history.count(`acknowledged: ${what}`);
      this.#of.history.sample("write ms", answer.tookMs);
    }
    return good;
  }

  async push(): Promise<boolean> {
    const variant = ++this.#variant;
    this.ledger.doubtful++;
    const answer = await this.#of.admin.ask(this.#region, "policy", "PUT", this.#of.policy(variant));
    return this.#stored(answer, "policy", variant);
  }

  async rollBack(): Promise<boolean> {
    const kept = [...this.ledger.generations].filter(([generation]) => generation > this.ledger.newest - 50);
    const [generation, variant] = kept[draw(this.#of.chance, kept.length)] ?? [];
    if (generation === undefined || variant === undefined) return false;
    this.ledger.doubtful++;
    const answer = await this.#of.admin.ask(this.#region, "policy/rollback", "POST", { generation });
    return this.#stored(answer, "rollback", variant);
  }

  #stored(answer: AdminAnswer, what: string, variant: number): boolean {
    if (!this.#acknowledged(what, answer)) {
      // A refusal of its own makes no generation; silence and 503 may have made one.
      if (answer.status >= 400 && answer.status < 500) this.ledger.doubtful--;
      return false;
    }
    this.ledger.policyStored((JSON.parse(answer.text) as { generation: number }).generation, variant);
    return true;
  }

  async makeKey(): Promise<boolean> {
    const answer = await this.#of.admin.ask(this.#region, "keys", "POST", { name: "soak" });
    if (!this.#acknowledged("key", answer)) return false;
    const { id, key } = JSON.parse(answer.text) as { id: string; key: string };
    this.ledger.keys.set(id, { key, state: "live" });
    return true;
  }

  async revokeKey(): Promise<boolean> {
    const live = [...this.ledger.keys].filter(([, { state }]) => state === "live");
    if (live.length < 4) return this.makeKey();
    const [id, known] = live[draw(this.#of.chance, live.length)]!;
    known.state = "doubtful";
    const answer = await this.#of.admin.ask(this.#region, `keys/${id}`, "DELETE");
    if (!this.#acknowledged("revocation", answer)) return false;
    known.state = "revoked";
    return true;
  }

  async purge(): Promise<boolean> {
    const path = this.#of.cached[draw(this.#of.chance, this.#of.cached.length)]!;
    const askedAt = clock();
    const answer = await this.#of.admin.ask(this.#region, "cache/purge", "POST", { url: path });
    if (!this.#acknowledged("purge", answer)) return false;
    this.ledger.purges.set(path, askedAt);
    return true;
  }

  async acknowledge(): Promise<boolean> {
    const listed = await this.#of.admin.ask(this.#region, "alerts?limit=200");
    if (listed.status !== 200) return false;
    const { items } = JSON.parse(listed.text) as { items: { id: string; acknowledgedAt: number }[] };
    const open = items.find(({ acknowledgedAt }) => acknowledgedAt === 0);
    if (open === undefined) return false;
    const answer = await this.#of.admin.ask(this.#region, `alerts/${open.id}:ack`, "POST");
    if (!this.#acknowledged("alert", answer)) return false;
    this.ledger.alerts.add(open.id);
    return true;
  }

  async command(): Promise<boolean> {
    const { instances, chance } = this.#of;
    const instance = instances[draw(chance, instances.length)]!;
    const command = COMMANDS[draw(chance, COMMANDS.length)]!;
    this.ledger.commands.set(instance, undefined);
    const answer = await this.#of.admin.ask(this.#region, `services/spare/instances/${instance}:${command}`, "POST");
    if (!this.#acknowledged("instance", answer)) return false;
    this.ledger.commands.set(instance, command);
    return true;
  }

  /** One of the writes that are not the policy's. */
  other(): Promise<boolean> {
    const ways = [
      () => this.makeKey(),
      () => this.revokeKey(),
      () => this.purge(),
      () => this.acknowledge(),
      () => this.command(),
    ];
    return ways[draw(this.#of.chance, ways.length)]!();
  }

  /** Everything that was acknowledged, asked for at one gateway; `calm` says whether that is still worth waiting for. */
  async audit(withinMs: number): Promise<void> {
    const { admin, history } = this.#of;
    const region = this.#region;
    const { ledger } = this;
    await this.#until("lost", withinMs, async () => {
      const listed = await admin.list<{ generation: number }>(region, "policy/history");
      if (listed === undefined) return "the policy's history cannot be read";
      const lost = lostGenerations(
        ledger,
        listed.map(({ generation }) => generation),
        GENERATIONS_KEPT,
      );
      return lost.length === 0 ? undefined : `generations ${lost.join(", ")} are gone`;
    });
    await this.#until("lost", withinMs, async () => {
      const answer = await admin.ask(region, "policy");
      if (answer.status !== 200) return `the policy cannot be read: ${answer.status}`;
      return wrongPolicy(ledger, Number(answer.etag.replaceAll('"', "")));
    });
    await this.#until("lost", withinMs, async () => {
      const listed = await admin.list<{ id: string; revokedAt: unknown }>(region, "keys");
      return listed === undefined ? "the keys cannot be read" : lostKeys(ledger, listed).join("; ") || undefined;
    });
    await this.#until("lost", withinMs, async () => {
      const answer = await admin.ask(region, "alerts?limit=200");
      if (answer.status !== 200) return `the alerts cannot be read: ${answer.status}`;
      const { items } = JSON.parse(answer.text) as { items: { id: string; acknowledgedAt: number }[] };
      const open = items.filter(({ id, acknowledgedAt }) => ledger.alerts.has(id) && acknowledgedAt === 0);
      return open.length === 0 ? undefined : `alerts ${open.map(({ id }) => id).join(", ")} are acknowledged no more`;
    });
    await this.#until("lost", withinMs, () => this.#commandsStand(region));
    history.count("audits");
  }

  async #commandsStand(region: number): Promise<string | undefined> {
    const answer = await this.#of.admin.ask(region, "services/spare");
    if (answer.status !== 200) return `the service cannot be read: ${answer.status}`;
    const { instances } = JSON.parse(answer.text) as {
      instances: { id: string; breaker?: { state: string; reason: string; drained: boolean } | null }[];
    };
    for (const { id, breaker } of instances) {
      const command = this.ledger.commands.get(id);
      const drained = breaker?.drained ?? false;
      const held = breaker?.state === "open" && breaker.reason === "manual";
      if (command === "drain" && !drained) return `${id} was drained and is not: ${JSON.stringify(breaker)}`;
      if (command === "open" && !held) return `${id} was opened and is not: ${JSON.stringify(breaker)}`;
      if ((command === "close" || command === "reset") && (drained || held))
        return `${id} was told to ${command} and is out of service: ${JSON.stringify(breaker)}`;
    }
    return undefined;
  }

  /** Looks until nothing is wrong; what is still wrong at the end breaks the promise. */
  async #until(promise: Promised, withinMs: number, look: () => Promise<string | undefined>): Promise<void> {
    const end = clock() + withinMs;
    for (;;) {
      const wrong = await look();
      if (wrong === undefined) return;
      if (clock() > end) return this.#of.history.violate(promise, wrong);
      await sleep(LOOK_EVERY_MS);
    }
  }
}
