// What the objects know, read out for an operator. A region that does not answer within a second is shown as
// unreachable beside the others: a partial picture is better than none.
import * as v from "valibot";
import type { RegionReading } from "../core/protocol/objects.ts";
import type { Asked } from "./context.ts";
import { cut, nextOf, numberedPage, page, wrong } from "./paging.ts";
import { auditQuestion } from "./questions.ts";
import { unavailable } from "./refuse.ts";

/** Regions of the policy, and the one this isolate reports to. */
export function regionNames(c: Asked): string[] {
  const { policies, region } = c.get("isolate");
  const names = new Set(Object.keys(policies.current?.policy.regions ?? {}));
  if (region.name !== "") names.add(region.name);
  return [...names];
}

/**
 * Every region asks at once what was just stored, and this isolate obeys before it answers; others hear with their next
 * report, or when they next ask. By region, whether it heard: one that did not asks within a second of traffic.
 */
export async function tellRegions(c: Asked): Promise<Record<string, boolean>> {
  const { objects, news } = c.get("isolate");
  const heard = regionNames(c).map(async (region) => {
    const answer = await objects.attend(region);
    return [region, answer.ok && answer.value] as const;
  });
  const regions = Object.fromEntries(await Promise.all(heard));
  await news.refresh(c.executionCtx, true);
  return regions;
}

export async function getRegions(c: Asked): Promise<Response> {
  const asked = page(c);
  if (!asked.ok) return asked.error;
  const { objects, policies } = c.get("isolate");
  const readings = await Promise.all(
    regionNames(c).map(async (name): Promise<[string, RegionReading | undefined]> => {
      const reading = await objects.region(name);
      return [name, reading.ok ? reading.value : undefined];
    }),
  );
  const shown = cut(readings, ([name]) => name, asked.value);
  const items = shown.items.map(([name, reading]) => {
    const written = policies.current?.policy.regions[name];
    const seenFrom = readings.flatMap(([from, each]) => {
      const seen = each?.regions[name];
      return seen === undefined ? [] : [[from, seen] as const];
    });
    // What it carries is what everybody sends there; how it does is best known on the spot.
    const inFlight = seenFrom.reduce((sum, [, { ownInFlight }]) => sum + ownInFlight, 0);
    const itself = reading?.regions[name];
    return {
      name,
      latitude: written?.latitude ?? null,
      longitude: written?.longitude ?? null,
      location: written?.location ?? null,
      endpoint: written?.endpoint ?? null,
      capacity: written?.capacity ?? null,
      inFlight,
      load: written?.capacity === undefined ? null : inFlight / written.capacity,
      latencyMs: itself?.latencyMs ?? null,
      healthy: itself?.healthy ?? null,
      reachable: reading !== undefined,
      ...(reading === undefined ? {} : { reading: { ...reading, regions: undefined } }),
      // Its instances and its endpoint, as each region sees them.
      seenFrom: Object.fromEntries(seenFrom),
    };
  });
  return c.json({ items, next: shown.next });
}

export async function getAudit(c: Asked): Promise<Response> {
  const asked = numberedPage(c);
  if (!asked.ok) return asked.error;
  const { before, limit } = asked.value;
  const wanted = v.safeParse(auditQuestion, c.req.query());
  if (!wanted.success) {
    const [issue] = wanted.issues;
    return wrong(c, v.getDotPath(issue) ?? "", `must be ${issue.expected ?? "something else"}`);
  }
  const audit = await c.get("isolate").objects.askControl((control) => control.audit(before, limit, wanted.output));
  if (!audit.ok) return unavailable(c);
  const items = audit.value;
  return c.json({ items, next: nextOf(items, limit, ({ id }) => id) });
}
