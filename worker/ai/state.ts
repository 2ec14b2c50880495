// What one isolate remembers of its AI calls: how targets did, which credentials rest, where conversations were answered, and
// how far estimates are off. Lost with the isolate, and nothing is wrong then: it is known anew after a few calls.
import type { Secret } from "../core/protocol/fields.ts";
import { history, type History } from "../core/providers/history.ts";
import { calibration, type Calibration } from "../core/providers/estimate.ts";
import { secretOf } from "../platform/call-headers.ts";
import type { Gateway } from "../platform/gateway.ts";
import type { Provider } from "./compiled.ts";

/** A credential that was refused is left alone for so long. */
const REST_MS = 60_000;
const MOST_TARGETS = 2_000;
const MOST_CONVERSATIONS = 10_000;

interface Bound {
  readonly target: string;
  readonly at: number;
}

export interface Credential {
  readonly secret: Secret;
  readonly value: string;
}

export class AiState {
  /** By `provider/model`. */
  #histories = new Map<string, History>();
  #calibrations = new Map<string, Calibration>();
  /** Secret's name to the epoch ms until which it rests. */
  #resting = new Map<string, number>();
  /** Calls of each model, and of each provider's credentials, for turns. */
  #turns = new Map<string, number>();
  /** By hash; the oldest is forgotten first. */
  #conversations = new Map<number, Bound>();

  history(key: string): History {
    return remembered(this.#histories, key, history);
  }

  calibration(key: string): Calibration {
    return remembered(this.#calibrations, key, calibration);
  }

  /** Counts. */
  turn(name: string): number {
    const turn = this.#turns.get(name) ?? 0;
    if (this.#turns.size < MOST_TARGETS || this.#turns.has(name)) this.#turns.set(name, turn + 1);
    return turn;
  }

  bound(conversation: number, now: number, seconds: number): string | undefined {
    const known = this.#conversations.get(conversation);
    return known !== undefined && now - known.at < seconds * 1000 ? known.target : undefined;
  }

  bind(conversation: number, target: string, now: number): void {
    this.#conversations.delete(conversation);
    this.#conversations.set(conversation, { target, at: now });
    if (this.#conversations.size <= MOST_CONVERSATIONS) return;
    const [oldest] = this.#conversations.keys();
    if (oldest !== undefined) this.#conversations.delete(oldest);
  }

  /** The provider's next credential that does not rest; when all rest, the one that is up first. Undefined when none is set. */
  credential(provider: Provider, gateway: Gateway, now: number): Credential | undefined {
    const { keys } = provider;
    const from = keys.length > 1 ? this.turn(`keys ${provider.name}`) : 0;
    let soonest: Credential | undefined;
    let soonestAt = Infinity;
    for (let at = 0; at < keys.length; at++) {
      const secret = keys[(from + at) % keys.length]!;
      const value = secretOf(secret, gateway.env);
      if (value === undefined) continue;
      const until = this.#resting.get(secret.secret) ?? 0;
      if (until <= now) return { secret, value };
      if (until < soonestAt) {
        soonest = { secret, value };
        soonestAt = until;
      }
    }
    return soonest;
  }

  /** It was refused. True when another one could be asked with. */
  rest(provider: Provider, { secret }: Credential, now: number): boolean {
    this.#resting.set(secret.secret, now + REST_MS);
    return provider.keys.some((key) => (this.#resting.get(key.secret) ?? 0) <= now);
  }
}

function remembered<T>(known: Map<string, T>, key: string, make: () => T): T {
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = make();
  if (known.size < MOST_TARGETS) known.set(key, made);
  return made;
}

const states = new WeakMap<Gateway, AiState>();

export function stateOf(gateway: Gateway): AiState {
  const known = states.get(gateway);
  if (known !== undefined) return known;
  const made = new AiState();
  states.set(gateway, made);
  return made;
}
