// When which workerd was away because it was killed: what clients saw then is excused where they needed it.

interface Away {
  readonly name: string;
  readonly from: number;
  to: number;
}

export class Kills {
  readonly #away: Away[] = [];
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  begin(names: readonly string[]): void {
    for (const name of names) this.#away.push({ name, from: this.#now(), to: Number.POSITIVE_INFINITY });
  }

  end(names: readonly string[]): void {
    for (const away of this.#away) if (names.includes(away.name)) away.to = Math.min(away.to, this.#now());
  }

  /** Whether `name` was away at any time in between. */
  touched(name: string, from: number, to: number): boolean {
    return this.#away.some((away) => away.name === name && away.from <= to && away.to >= from);
  }
}
