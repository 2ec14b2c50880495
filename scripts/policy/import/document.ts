// A configuration of another gateway as it is read here: every value of it must be taken or told of. Law: nothing is left out
// in silence, and no value is ever shown, for it may be a key.
import { joinPath } from "../../../worker/core/protocol/json.ts";

export type Step = string | number;

export interface Note {
  readonly path: string;
  readonly message: string;
}

export type JsonObject = Readonly<Record<string, unknown>>;
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const pathOf = (steps: readonly Step[]): string => steps.reduce<string>((path, step) => joinPath(path, step), "");

export class Foreign {
  readonly notes: Note[] = [];
  #root: unknown;
  #left = new Map<string, readonly Step[]>();

  constructor(root: unknown) {
    this.#root = root;
    this.#remember(root, []);
  }

  #remember(value: unknown, steps: readonly Step[]): void {
    const entries: [Step, unknown][] = Array.isArray(value)
      ? value.map((each: unknown, index) => [index, each])
      : isObject(value)
        ? Object.entries(value)
        : [];
    if (entries.length === 0) {
      if (value !== undefined && value !== null) this.#left.set(pathOf(steps), steps);
    } else for (const [step, each] of entries) this.#remember(each, [...steps, step]);
  }

  /** Looks without taking. */
  at(...steps: readonly Step[]): unknown {
    return steps.reduce<unknown>(
      (value, step) =>
        typeof value === "object" && value !== null ? (value as Record<Step, unknown>)[step] : undefined,
      this.#root,
    );
  }

  /** The value, and whatever is below it, counts as taken over. */
  take(...steps: readonly Step[]): unknown {
    const value = this.at(...steps);
    for (const [path, own] of this.#left) {
      if (steps.every((step, index) => own[index] === step)) this.#left.delete(path);
    }
    return value;
  }

  text(...steps: readonly Step[]): string | undefined {
    const value = this.take(...steps);
    return typeof value === "string" && value !== "" ? value : undefined;
  }

  number(...steps: readonly Step[]): number | undefined {
    const value = this.take(...steps);
    const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
    if (typeof number === "number" && Number.isFinite(number)) return number;
    if (value !== undefined && value !== null) this.note(steps, "is no number: left out");
    return undefined;
  }

  /** Taken over differently, or not at all. */
  note(steps: readonly Step[], message: string): void {
    this.notes.push({ path: pathOf(steps), message });
  }

  /** All notes; what nobody took is among them. */
  finish(): readonly Note[] {
    const left = [...this.#left.keys()].map((path) => ({ path, message: "has no counterpart here: left out" }));
    return [...this.notes, ...left];
  }
}
