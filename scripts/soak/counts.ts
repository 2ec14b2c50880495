// What the gateway counted of one service, against what clients sent to it: rollups by the second, kept by their moment, so that a run may last
// longer than the seconds are kept.
import type { Admin } from "./admin.ts";

interface HistoryAnswer {
  readonly items: readonly {
    readonly at: number;
    readonly series: Readonly<Record<string, { readonly requests?: number }>>;
  }[];
}

export class Counts {
  readonly #admin: Admin;
  readonly #series: string;
  readonly #seconds = new Map<number, number>();

  constructor(admin: Admin, service: string) {
    this.#admin = admin;
    this.#series = `service ${service}`;
  }

  /** Requests counted since the soak began; undefined while nobody can say. */
  async read(region: number): Promise<number | undefined> {
    const answer = await this.#admin.ask(
      region,
      `history?grain=second&rows=300&series=${encodeURIComponent(this.#series)}`,
    );
    if (answer.status !== 200) return undefined;
    for (const { at, series } of (JSON.parse(answer.text) as HistoryAnswer).items)
      this.#seconds.set(at, series[this.#series]?.requests ?? 0);
    return [...this.#seconds.values()].reduce((sum, one) => sum + one, 0);
  }
}
