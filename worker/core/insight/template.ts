// Titles and descriptions of alerts: `{metrics.error_rate}`, `{threshold}`, `{labels.team}` and their kin replaced by values. A name
// that is not known stays as it is written, so that a mistake is seen; values are cut, and there is nothing to call.
const LONGEST_VALUE = 256;
const LONGEST = 4_096;

export function fillTemplate(template: string, values: Readonly<Record<string, string | number>>): string {
  const filled = template.replace(/\{([A-Za-z][\w.]{0,127})\}/g, (written, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) return written;
    return typeof value === "number" ? readable(value) : value.slice(0, LONGEST_VALUE);
  });
  return filled.slice(0, LONGEST);
}

/** Four significant digits, without an exponent where people would not write one. */
export function readable(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(4)));
}
