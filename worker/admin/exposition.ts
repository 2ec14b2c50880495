// Prometheus text format, version 0.0.4: one HELP and TYPE a family, samples together, values escaped.
// https://prometheus.io/docs/instrumenting/exposition_formats/

export type Labels = Readonly<Record<string, string>>;
type FamilyType = "counter" | "gauge" | "histogram";

export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const escapeLabel = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");

function number(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return String(value);
}

function labelled(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** Collects families in the order they are opened; one without samples is left out. */
export class Exposition {
  #lines: string[] = [];
  #head: string[] = [];
  #name = "";

  family(name: string, type: FamilyType, help: string): this {
    this.#name = name;
    this.#head = [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`];
    return this;
  }

  sample(labels: Labels, value: number, suffix = ""): this {
    this.#lines.push(...this.#head, `${this.#name}${suffix}${labelled(labels)} ${number(value)}`);
    this.#head = [];
    return this;
  }

  /** `counts` by bucket, not cumulative, one more than there are `bounds`. */
  histogram(labels: Labels, bounds: readonly number[], counts: readonly number[], sum: number): this {
    let below = 0;
    counts.forEach((count, index) => {
      below += count;
      this.sample({ ...labels, le: index < bounds.length ? number(bounds[index]!) : "+Inf" }, below, "_bucket");
    });
    return this.sample(labels, sum, "_sum").sample(labels, below, "_count");
  }

  toString(): string {
    return this.#lines.map((line) => `${line}\n`).join("");
  }
}
