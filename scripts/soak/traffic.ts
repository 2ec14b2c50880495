// The clients of the soak: steady loops in every region that ask for everything there is, some of whom leave or stall, and crowds that come all
// at once. Every answer is judged as it comes. Each request carries canaries where secrets travel; none of them may come back.
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { draw, type Chance } from "../../worker/core/stats/chance.ts";
import { Client, type Question, type Seen } from "./client.ts";
import type { History } from "./history.ts";
import { judge, type Kind } from "./verdict.ts";

export interface TrafficSettings {
  readonly origins: readonly string[];
  readonly history: History;
  readonly chance: Chance;
  /** A secret of clients, sent wherever one may stand. */
  readonly canary: string;
  readonly cached: readonly string[];
  /** A key that is good everywhere; undefined while there is none. */
  readonly key: () => string | undefined;
  /** Whether a workerd that region `index` needs was killed, or was not back, at any time in between. */
  readonly killed: (index: number, from: number, to: number) => boolean;
  /** Sees all that is said. */
  readonly onText: (what: string, text: string) => void;
  /** By policy the longest, with what the machine may add: of what is well, and of everything else. */
  readonly patienceMs: { readonly well: number; readonly rough: number };
}

/** How many of each in a hundred. */
const MIX: readonly (readonly [Kind, number])[] = [
  ["steady", 24],
  ["rough", 24],
  ["odd", 8],
  ["upload", 8],
  ["events", 6],
  ["cached", 12],
  ["keyed", 6],
  ["wrong-key", 4],
  ["ai", 4],
  ["ai-stream", 4],
];
const ROUGH: readonly Kind[] = ["rough", "odd", "upload", "events", "ai", "ai-stream"];
const LEAVERS = 0.06;
const STALLERS = 0.03;
const CROWD = 40;

interface Asked {
  readonly kind: Kind;
  readonly question: Question;
  /** What the answer must repeat. */
  readonly sent: string;
}

export class Traffic {
  readonly #of: TrafficSettings;
  readonly #clients: readonly Client[];
  #asked = 0;

  constructor(settings: TrafficSettings) {
    this.#of = settings;
    this.#clients = settings.origins.map((origin) => new Client(origin));
  }

  /** Until `signal` says stop; what is under way is finished. */
  async run(loops: number, thinkMs: number, signal: AbortSignal): Promise<void> {
    const walk = async (region: number): Promise<void> => {
      while (!signal.aborted) {
        await this.#one(region, this.#draw());
        await sleep(draw(this.#of.chance, 2 * thinkMs));
      }
    };
    await Promise.all(this.#clients.flatMap((_, region) => Array.from({ length: loops }, () => walk(region))));
  }

  /** Many who come at once, for the same and for all kinds of things. */
  async crowd(): Promise<void> {
    const region = draw(this.#of.chance, this.#clients.length);
    const kind: Kind = this.#of.chance() < 0.5 ? "steady" : "cached";
    await Promise.all(Array.from({ length: CROWD }, () => this.#one(region, this.#asking(kind))));
    this.#of.history.count("crowds");
  }

  /** One after the other over all regions, each counted once by whoever counts; how many were sent, and how many answered. */
  async counted(requests: number, target: string): Promise<{ sent: number; answered: number }> {
    let answered = 0;
    let sent = 0;
    const some = Array.from({ length: requests }, async (_, index) => {
      await sleep(index * 5);
      const region = index % this.#clients.length;
      const seen = await this.#clients[region]!.ask({ target, patienceMs: this.#of.patienceMs.well });
      sent += seen.tries;
      if (seen.status === 200) answered++;
    });
    await Promise.all(some);
    return { sent, answered };
  }

  /** A plain question outside the mix. */
  ask(region: number, question: Omit<Question, "patienceMs">): Promise<Seen> {
    return this.#clients[region]!.ask({ ...question, patienceMs: this.#of.patienceMs.well });
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  #draw(): Asked {
    let left = draw(this.#of.chance, 100);
    for (const [kind, share] of MIX) if ((left -= share) < 0) return this.#asking(kind);
    return this.#asking("steady");
  }

  #asking(kind: Kind): Asked {
    const { chance, canary } = this.#of;
    const patienceMs = ROUGH.includes(kind) ? this.#of.patienceMs.rough : this.#of.patienceMs.well;
    const number = ++this.#asked;
    const size = [200, 1_000, 20_000, 150_000][draw(chance, 4)]!;
    const framing = chance() < 0.5 ? "bytes" : "chunked";
    const headers: Record<string, string> = { cookie: `session=${canary}`, "x-session-token": canary };
    const plain = (target: string): Asked => ({ kind, question: { target, headers, patienceMs }, sent: "" });
    switch (kind) {
      case "steady":
        return plain(`/steady/${number}/${framing}/${size}`);
      case "rough":
        return plain(`/rough/${number}/${framing}/${size}`);
      case "odd":
        return plain(`/odd/${number}/${framing}/${size}`);
      case "events":
        return plain(`/rough/${number}/events`);
      case "cached":
        // A cookie would keep it out of the cache.
        return {
          kind,
          question: { target: this.#of.cached[draw(chance, this.#of.cached.length)]!, patienceMs },
          sent: "",
        };
      case "keyed": {
        const key = this.#of.key();
        if (key === undefined) return this.#asking("steady");
        const question = { target: `/keyed/${number}/bytes/${size}`, headers: { "x-api-key": key }, patienceMs };
        return { kind, question, sent: "" };
      }
      case "wrong-key": {
        const target = `/keyed/${number}/bytes/${size}`;
        const ways: Omit<Question, "patienceMs">[] = [
          { target, headers: { "x-api-key": `sk_${canary}.${canary}` } },
          { target, headers: { authorization: `Bearer ${canary}` } },
          { target: `${target}?api_key=${canary}` },
        ];
        return { kind, question: { ...ways[draw(chance, ways.length)]!, patienceMs }, sent: "" };
      }
      case "upload": {
        const body = Buffer.alloc(size, number % 251);
        const sent = JSON.stringify({ bytes: size, sha256: createHash("sha256").update(body).digest("hex") });
        const idempotency: Record<string, string> = chance() < 0.5 ? { "idempotency-key": `soak-${number}` } : {};
        const question = {
          method: "POST",
          target: `/rough/${number}/echo`,
          headers: { ...headers, ...idempotency },
          body,
          patienceMs,
        };
        return { kind, question, sent };
      }
      case "ai":
      case "ai-stream": {
        const sent = `question-${number}`;
        const asked = { model: "words", stream: kind === "ai-stream", messages: [{ role: "user", content: sent }] };
        const question = {
          method: "POST",
          target: "/v1/chat/completions",
          headers: { "content-type": "application/json", "x-session-token": canary },
          body: JSON.stringify(asked),
          // It may be answered by a second provider when the first has taken its time.
          patienceMs: 4 * patienceMs,
        };
        return { kind, question, sent };
      }
    }
  }

  async #one(region: number, asked: Asked): Promise<void> {
    const { history, chance } = this.#of;
    const luck = chance();
    const question: Question = {
      ...asked.question,
      ...(luck < LEAVERS ? { leaveAfterMs: draw(chance, 300) } : {}),
      ...(luck >= LEAVERS && luck < LEAVERS + STALLERS ? { stallMs: 500 + draw(chance, 1_500) } : {}),
    };
    const seen = await this.#clients[region]!.ask(question);
    const killed = this.#of.killed(region, seen.startedAt, seen.endedAt);
    const end = seen.end === "answered" ? `${Math.floor(seen.status / 100)}xx` : seen.end;
    history.count("requests");
    history.count(`${asked.kind}: ${end}`);
    history.count(`end: ${end}`);
    if (seen.tries > 1) history.count("sent again on another connection");
    if (asked.kind === "steady" && seen.status === 200 && !killed)
      history.sample("steady ms", seen.endedAt - seen.startedAt);
    this.#of.onText(
      `${asked.kind} ${question.target}`,
      `${JSON.stringify(seen.headers)} ${seen.body.toString("latin1")}`,
    );
    for (const { promise, words } of judge(asked.kind, question.target, asked.sent, seen, { killed }))
      history.violate(promise, `${this.#clients[region]!.origin} ${words}`);
  }
}
