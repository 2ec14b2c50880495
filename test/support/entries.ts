// Metadata of a stored answer for tests: fresh for a minute, in everything but what a test says the same.
import { ENTRY_FORMAT, type EntryMeta } from "../../worker/core/cache/entry.ts";

/** When they came. */
export const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

export function entryMeta(changes: Partial<EntryMeta> = {}): EntryMeta {
  return {
    format: ENTRY_FORMAT,
    key: "GET https://example.com/\n/*",
    variant: "",
    vary: [],
    method: "GET",
    url: "https://example.com/",
    path: "/",
    rule: "",
    tags: [],
    tiers: undefined,
    status: 200,
    statusText: "OK",
    headers: [],
    etag: "",
    lastModified: "",
    requestedAt: NOW,
    receivedAt: NOW,
    dateAt: NOW,
    bornAt: NOW,
    lifetimeMs: 60_000,
    lifetimeFrom: "explicit",
    mustValidate: false,
    neverStale: false,
    revalidateMs: 0,
    errorMs: -1,
    bodyBytes: 0,
    range: undefined,
    upstreamMs: 0,
    ...changes,
  };
}
