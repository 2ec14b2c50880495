// Stored parts of a representation (RFC 9111 §3.3-3.4): a part is kept as a part, two are put together where a strong validator
// says that they are of one version, and what is whole then is an answer like any other.
import type { EntryMeta } from "./entry.ts";
import { heldBy, isWhole, joined } from "./range.ts";
import { isStrong } from "./validation.ts";

export interface Part {
  readonly meta: EntryMeta;
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * What is to be stored of a new part, beside the one that is stored under its name; undefined for a part that does not
 * hold what it says. `mostBytes`: of what they are together.
 */
export function partWith({ meta, body }: Part, stored: Part | undefined, mostBytes: number): Part | undefined {
  const range = heldBy(meta.range!, body.byteLength);
  if (range === undefined) return undefined;
  const part = { ...meta, range };
  const before = stored?.meta.range;
  if (before === undefined || !isStrong(meta.etag) || stored!.meta.etag !== meta.etag) return { meta: part, body };
  const together = joined(before, range);
  if (together === undefined || together.last - together.first >= mostBytes) return { meta: part, body };
  const bytes = new Uint8Array(together.last - together.first + 1);
  bytes.set(stored!.body, before.first - together.first);
  bytes.set(body, range.first - together.first);
  if (!isWhole(together)) return { meta: { ...part, range: together }, body: bytes };
  const fields = meta.headers.filter(([name]) => name !== "content-range" && name !== "content-length");
  const headers = [...fields, ["content-length", String(bytes.byteLength)] as const];
  // The name of a part is that of the whole and a letter (core/cache/storing).
  const variant = meta.variant.slice(0, -1);
  return { meta: { ...part, variant, range: undefined, status: 200, statusText: "OK", headers }, body: bytes };
}
