// The experiments that run, as this isolate has heard of them; off the path there is an empty list, and a request pays a comparison.
// An experiment ends by this isolate's own clock, whatever becomes of those who would say so, and never lasts longer than its
// spec says from the moment it was first heard of: a clock that is wrong cannot keep it alive.
import type { ChaosOrder } from "../core/chaos/order.ts";
import { strikes, type Strike, type Targeted } from "../core/chaos/strike.ts";
import { evenChance, type Chance } from "../core/stats/chance.ts";
import type { Orders } from "./orders.ts";

export class Chaos {
  /** Those that are not over as far as is known. */
  running: readonly ChaosOrder[] = [];
  #chance: Chance;

  constructor(orders: Orders, now: () => number = Date.now, chance: Chance = evenChance(Math.random())) {
    // Even draws: who asks for 30 % gets 30 %, not what chance makes of it.
    this.#chance = chance;
    const heard = new Map<string, ChaosOrder>();
    orders.subscribe("chaos", (entries, lostBelow) => {
      // Orders that went by unheard may have been ends.
      if (lostBelow > 0) heard.clear();
      for (const { key, text } of entries) {
        const order = JSON.parse(text) as ChaosOrder;
        const latest = now() + order.spec.durationSeconds * 1_000;
        heard.set(key, { ...order, endsAt: Math.min(order.endsAt, heard.get(key)?.endsAt ?? latest) });
      }
      for (const [key, { endsAt, stopped }] of heard) if (stopped !== undefined || endsAt <= now()) heard.delete(key);
      this.running = [...heard.values()];
    });
  }

  /** What befalls a request; undefined when nothing targets it. */
  strikes(request: Targeted, now: number): Strike[] | undefined {
    return strikes(this.running, request, now, this.#chance);
  }
}
