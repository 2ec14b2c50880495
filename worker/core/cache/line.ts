// All variants of one key as one blob, the form in which levels outside the isolate hold them: a mark, the length of the
// metadata, the metadata as JSON, then the bodies that are small enough to come along. A larger body lies in a blob of its own,
// named by a reference that is new with every answer, so that metadata never meets the body of another.
//
// What comes back from a level is not trusted: anything but a line of this key is no line.
import { isEntryMeta, type EntryMeta } from "./entry.ts";

/** One variant. `body` at hand, or `reference` to where it lies. */
export type LineEntry =
  | { readonly meta: EntryMeta; readonly body: Uint8Array<ArrayBuffer>; readonly reference?: undefined }
  | { readonly meta: EntryMeta; readonly body?: undefined; readonly reference: string };

/** "SLC1" */
const MARK = 0x534c4331;
const HEADER_BYTES = 8;
const MOST_ENTRIES = 16;
const REFERENCE = /^[0-9a-z-]{1,64}$/;

interface Written {
  readonly meta: EntryMeta;
  /** Bytes of the body in this blob, one after the other; absent where it lies elsewhere. */
  readonly bytes?: number;
  readonly reference?: string;
}

export function encodeLine(entries: readonly LineEntry[]): Uint8Array<ArrayBuffer> {
  const written = entries.map(({ meta, body, reference }): Written =>
    reference === undefined ? { meta, bytes: body.byteLength } : { meta, reference },
  );
  const json = new TextEncoder().encode(JSON.stringify(written));
  const bodies = entries.reduce((sum, { body }) => sum + (body?.byteLength ?? 0), 0);
  const line = new Uint8Array(HEADER_BYTES + json.byteLength + bodies);
  const view = new DataView(line.buffer);
  view.setUint32(0, MARK);
  view.setUint32(4, json.byteLength);
  line.set(json, HEADER_BYTES);
  let at = HEADER_BYTES + json.byteLength;
  for (const { body } of entries) {
    if (body === undefined) continue;
    line.set(body, at);
    at += body.byteLength;
  }
  return line;
}

/** Undefined for anything that is not a whole line of `key`. */
export function parseLine(bytes: Uint8Array<ArrayBuffer>, key: string): LineEntry[] | undefined {
  if (bytes.byteLength < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const jsonEnd = HEADER_BYTES + view.getUint32(4);
  if (view.getUint32(0) !== MARK || jsonEnd > bytes.byteLength) return undefined;
  const written = parseJson(bytes.subarray(HEADER_BYTES, jsonEnd));
  if (!Array.isArray(written) || written.length > MOST_ENTRIES) return undefined;
  const entries: LineEntry[] = [];
  let at = jsonEnd;
  for (const each of written as unknown[]) {
    if (typeof each !== "object" || each === null) return undefined;
    const { meta, bytes: length, reference } = each as Partial<Record<keyof Written, unknown>>;
    if (!isEntryMeta(meta, key)) return undefined;
    if (typeof reference === "string" && REFERENCE.test(reference)) entries.push({ meta, reference });
    else {
      if (!Number.isSafeInteger(length) || (length as number) < 0) return undefined;
      const end = at + (length as number);
      if (end > bytes.byteLength || meta.bodyBytes !== length) return undefined;
      entries.push({ meta, body: bytes.slice(at, end) });
      at = end;
    }
  }
  return at === bytes.byteLength ? entries : undefined;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    // Not ours: the caller counts it.
    return undefined;
  }
}

const HOUR_MS = 3_600_000;
const LONGEST_KEEP_MS = 30 * 24 * HOUR_MS;

/** Epoch ms until which an entry may still be of use: fresh, stale within what was allowed, or to be validated. */
export function usefulUntil(meta: EntryMeta, now: number): number {
  const { bornAt, lifetimeMs, revalidateMs, errorMs, etag, lastModified } = meta;
  const stale = Math.max(0, revalidateMs, errorMs, etag !== "" || lastModified !== "" ? HOUR_MS : 0);
  return Math.min(bornAt + lifetimeMs + stale, now + LONGEST_KEEP_MS);
}
