// The cache in /_sluice/metrics: what this isolate's levels were asked and answered, how they failed, and what keeping warm costs and
// brings. Every read of a costly level on a request's way is counted here.
import { precision } from "../core/cache/warmth.ts";
import type { Isolate } from "../platform/isolate.ts";
import type { Exposition } from "./exposition.ts";

export function writeCache(out: Exposition, { id, cache }: Isolate): void {
  if (cache === undefined) return;
  const mine = { isolate: id };
  const { store, levels, purges, warm, crowds, outdated } = cache;
  const below = levels?.levels.below ?? [];
  out.family("sluice_cache_memory_bytes", "gauge", "Bytes of the entries in this isolate's memory.");
  out.sample(mine, store.memory.bytes);
  out.family("sluice_cache_memory_keys", "gauge", "Keys in this isolate's memory.");
  out.sample(mine, store.memory.keys);
  out.family("sluice_cache_repeats_total", "counter", "Hits given again as they were, without going the long way.");
  out.sample(mine, store.memory.repeats.given);
  out.family("sluice_cache_level_lookups_total", "counter", "Lookups in levels below memory, by what they found.");
  for (const { name: level, hits, misses } of below) {
    out.sample({ ...mine, level, outcome: "hit" }, hits);
    out.sample({ ...mine, level, outcome: "miss" }, misses);
  }
  out.family(
    "sluice_cache_level_problems_total",
    "counter",
    "Calls to a level that brought nothing for its own fault.",
  );
  for (const { name: level, reads, writes, lies } of below) {
    out.sample({ ...mine, level, kind: "timeout" }, reads.timeouts + writes.timeouts);
    out.sample({ ...mine, level, kind: "failed" }, reads.failures + writes.failures);
    out.sample({ ...mine, level, kind: "resting" }, reads.skipped + writes.skipped);
    out.sample({ ...mine, level, kind: "lie" }, lies);
  }
  out.family("sluice_cache_level_stored_total", "counter", "Entries written to a level.");
  for (const { name: level, stored } of below) out.sample({ ...mine, level }, stored);
  out.family(
    "sluice_cache_reads_spared_total",
    "counter",
    "Reads of costly levels that the presence filter made needless.",
  );
  out.sample(mine, levels?.spared ?? 0);
  out.family("sluice_cache_shared_misses_total", "counter", "Misses that met other isolates', by what came of it.");
  for (const outcome of ["led", "shared", "alone", "away"] as const) {
    out.sample({ ...mine, outcome }, crowds.counts[outcome]);
  }
  out.family(
    "sluice_cache_invalidations_total",
    "counter",
    "URLs made outdated by unsafe requests, told to other isolates or not, for there were too many.",
  );
  out.sample({ ...mine, outcome: "told" }, outdated.told);
  out.sample({ ...mine, outcome: "dropped" }, outdated.dropped);
  out.family("sluice_cache_purges", "gauge", "Purges that this isolate holds entries against.");
  out.sample(mine, purges.count);
  out.family("sluice_cache_prefetches_total", "counter", "Fetches ahead of a request, by what became of them.");
  for (const outcome of ["fetched", "used", "unused", "refused"] as const) {
    out.sample({ ...mine, outcome }, warm[outcome]);
  }
  out.family("sluice_cache_prefetch_precision", "gauge", "Share of what was fetched ahead of late that was asked for.");
  out.sample(mine, precision(warm));
}
