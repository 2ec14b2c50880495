// What the objects know, read out for an operator. A region that does not answer within a second is shown as
// unreachable beside the others: a partial picture is better than none.
import type { Asked } from "./context.ts";
import { page } from "./body.ts";
import { refusal, unavailable } from "./refuse.ts";

/** Regions of the policy, and the one this isolate reports to. */
export function regionNames(c: Asked): string[] {
  const { policies, region } = c.get("isolate");
  const names = new Set(Object.keys(policies.current?.policy.regions ?? {}));
  if (region.name !== "") names.add(region.name);
  return [...names];
}

export async function getRegions(c: Asked): Promise<Response> {
  const { objects, policies } = c.get("isolate");
  const items = await Promise.all(
    regionNames(c).map(async (name) => {
      const written = policies.current?.policy.regions[name];
      const reading = await objects.region(name);
      return {
        name,
        latitude: written?.latitude ?? null,
        longitude: written?.longitude ?? null,
        capacity: written?.capacity ?? null,
        reachable: reading.ok,
        ...(reading.ok ? { reading: reading.value } : {}),
      };
    }),
  );
  return c.json({ items });
}

export async function getServices(c: Asked): Promise<Response> {
  const isolate = c.get("isolate");
  const policy = isolate.policies.current;
  if (policy === undefined) return refusal(c, { code: "policy_missing", retryAfterMs: 1_000 });
  const totals = await isolate.objects.totals(isolate.region.name);
  const items = [...policy.services.values()].map(({ name, instances }) => {
    const counted = totals.ok ? (totals.value.services[name] ?? {}) : {};
    return {
      name,
      instances: instances.map(({ id, origin, basePath, region, weight }) => ({
        id,
        url: origin + basePath,
        region,
        weight,
        totals: counted[id] ?? null,
      })),
    };
  });
  return c.json({ generation: policy.generation, region: isolate.region.name, reachable: totals.ok, items });
}

export async function getService(c: Asked): Promise<Response> {
  const { objects, policies } = c.get("isolate");
  const service = policies.current?.services.get(c.req.param("name") ?? "");
  if (service === undefined) return refusal(c, { code: "not_found" });
  const readings = await Promise.all(
    regionNames(c).map(async (region) => ({ region, reading: await objects.service(service.name, region) })),
  );
  return c.json({
    name: service.name,
    generation: policies.current?.generation ?? 0,
    routing: service.options.routing,
    regions: readings.map(({ region, reading }) => ({
      region,
      reachable: reading.ok,
      ...(reading.ok ? { isolates: reading.value.isolates } : {}),
    })),
    instances: service.instances.map(({ id, origin, basePath, region, weight, metadata }) => ({
      id,
      url: origin + basePath,
      region,
      weight,
      metadata,
      // As each region sees it; absent where nothing was sent to it.
      seenFrom: Object.fromEntries(
        readings.flatMap(({ region: from, reading }) => {
          const seen = reading.ok ? reading.value.instances[id] : undefined;
          return seen === undefined ? [] : [[from, seen]];
        }),
      ),
    })),
  });
}

export async function getAudit(c: Asked): Promise<Response> {
  const asked = page(c);
  if (!asked.ok) return asked.error;
  const { before, limit } = asked.value;
  const audit = await c.get("isolate").objects.askControl((control) => control.audit(before, limit));
  if (!audit.ok) return unavailable(c);
  const items = audit.value;
  return c.json({ items, next: items.length === limit ? (items.at(-1)?.id ?? null) : null });
}
