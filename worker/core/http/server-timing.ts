// Server-Timing (W3C): where the time went, for a browser's developer tools. One member per phase; the upstream's own
// members stay in front.

/** A member: `name;dur=12.3`, and `;desc="…"` where a description is given. `name` is a token. */
export function serverTiming(name: string, durationMs: number, description?: string): string {
  const member = `${name};dur=${tenths(durationMs)}`;
  return description === undefined ? member : `${member};desc="${description.replace(/["\\]/g, "\\$&")}"`;
}

/** Milliseconds to a tenth. Out of whole numbers: writing a fraction costs as much as the rest of the field. */
function tenths(ms: number): string {
  const all = Math.max(0, Math.round(ms * 10));
  const tenth = all % 10;
  return tenth === 0 ? `${all / 10}` : `${(all - tenth) / 10}.${tenth}`;
}
