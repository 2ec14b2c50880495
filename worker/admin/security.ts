// The security report: who came with wrong or misused credentials, or asked for more than they may, from all isolates of all
// regions; how many keys there are; and where keys of issuers come from, as this isolate has them. What this isolate has
// not told yet is told first, others have within a second of the request.
import type { SecurityReading } from "../core/protocol/security.ts";
import type { Asked } from "./context.ts";
import { regionNames } from "./state.ts";

const SHOWN = 200;
const MOST_SHOWN = 1_000;
/** For this isolate's own news to arrive. */
const PATIENCE_MS = 500;

export async function getSecurity(c: Asked): Promise<Response> {
  const isolate = c.get("isolate");
  await isolate.ask(c.executionCtx, PATIENCE_MS);
  const [keys, limiters, ...readings] = await Promise.all([
    isolate.objects.askControl((control) => control.keyCount()),
    isolate.objects.limiters(),
    ...regionNames(c).map(async (region): Promise<[string, SecurityReading | undefined]> => {
      const reading = await isolate.objects.security(region);
      return [region, reading.ok ? reading.value : undefined];
    }),
  ]);
  const counts: Record<string, number> = {};
  for (const [, reading] of readings) {
    for (const [kind, count] of Object.entries(reading?.counts ?? {})) counts[kind] = (counts[kind] ?? 0) + count;
  }
  const events = readings
    .flatMap(([region, reading]) => (reading?.events ?? []).map((event) => ({ ...event, region })))
    .toSorted((a, b) => b.at - a.at)
    .slice(0, limitOf(c));
  const limited = limiters
    .flatMap((reading) => reading.limited)
    .toSorted((a, b) => b.at - a.at)
    .slice(0, limitOf(c));
  return c.json({
    events,
    counts,
    limited,
    keys: { count: keys.ok ? keys.value : null },
    keySets: c.get("identity").readings(),
    regions: Object.fromEntries(readings.map(([region, reading]) => [region, { reachable: reading !== undefined }])),
  });
}

function limitOf(c: Asked): number {
  const asked = Number(c.req.query("limit") ?? SHOWN);
  return Number.isSafeInteger(asked) && asked >= 0 ? Math.min(asked, MOST_SHOWN) : SHOWN;
}
