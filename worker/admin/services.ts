// Services and their instances as an operator reads and commands them. Each region judges for itself, so an instance shows
// how it is seen from each of them, and above that the worst of it. What an operator says is stored by `ControlObject`,
// which also writes it down, and then told to every region at once; one that cannot be reached hears it when it asks, which
// it does once a second while it has traffic.
import type { CompiledInstance, CompiledService } from "../core/policy/compiled.ts";
import type { OperationCommand, RegionTotals, ServiceReading } from "../core/protocol/objects.ts";
import { worstBreaker, worstHealth } from "../core/protocol/service.ts";
import { RECORD_EVERY } from "../platform/decisions.ts";
import type { Asked } from "./context.ts";
import { cut, page } from "./paging.ts";
import { refusal, unavailable } from "./refuse.ts";
import { regionNames, tellRegions } from "./state.ts";

const COMMANDS: readonly string[] = ["drain", "open", "close", "reset"] satisfies OperationCommand[];
const LONGEST_NOTE = 1_000;
/** Services asked about at once: each costs a call to every region. */
const AT_ONCE = 20;

/** What each region answered, undefined for one that did not. */
type Seen = ReadonlyMap<string, ServiceReading | undefined>;

export async function getServices(c: Asked): Promise<Response> {
  const asked = page(c);
  if (!asked.ok) return asked.error;
  const { objects, policies, region } = c.get("isolate");
  const policy = policies.current;
  if (policy === undefined) return refusal(c, { code: "policy_missing", retryAfterMs: 1_000 });
  const totals = await objects.totals(region.name);
  const counted = totals.ok ? totals.value.services : {};
  const { items: services, next } = cut([...policy.services.values()], ({ name }) => name, asked.value);
  const items: unknown[] = [];
  for (let at = 0; at < services.length; at += AT_ONCE) {
    const some = services.slice(at, at + AT_ONCE).map(async (service) => ({
      name: service.name,
      instances: instancesOf(service, await readingsOf(c, service.name), counted[service.name]),
    }));
    items.push(...(await Promise.all(some)));
  }
  return c.json({ generation: policy.generation, region: region.name, reachable: totals.ok, items, next });
}

export async function getService(c: Asked): Promise<Response> {
  const { objects, policies, region } = c.get("isolate");
  const service = policies.current?.services.get(c.req.param("name") ?? "");
  if (service === undefined) return refusal(c, { code: "not_found" });
  const [seen, totals] = await Promise.all([readingsOf(c, service.name), objects.totals(region.name)]);
  const counted = totals.ok ? totals.value.services[service.name] : undefined;
  return c.json({
    name: service.name,
    generation: policies.current?.generation ?? 0,
    routing: service.options.routing,
    regions: [...seen].map(([region, reading]) => ({
      region,
      reachable: reading !== undefined,
      ...(reading === undefined ? {} : { isolates: reading.isolates }),
      ...(reading?.discovery === undefined ? {} : { discovery: { ...reading.discovery, instances: undefined } }),
    })),
    instances: instancesOf(service, seen, counted),
    decisions: decisionsOf(c, service),
  });
}

/** A sample of the choices of the isolate that answers; another one has made others. */
function decisionsOf(c: Asked, service: CompiledService) {
  const { policies, id } = c.get("isolate");
  const items = c.get("fleet").service(policies.current!, service).decisions.items;
  return { isolate: id, oneIn: RECORD_EVERY, items: items.toReversed() };
}

async function readingsOf(c: Asked, service: string): Promise<Seen> {
  const { objects } = c.get("isolate");
  const readings = regionNames(c).map(async (region): Promise<[string, ServiceReading | undefined]> => {
    const reading = await objects.service(service, region);
    return [region, reading.ok ? reading.value : undefined];
  });
  return new Map(await Promise.all(readings));
}

interface Shown {
  readonly id: string;
  readonly url: string;
  /** Binding its requests go through. */
  readonly via?: string;
  readonly region: string;
  readonly weight: number;
  readonly metadata: CompiledInstance["metadata"];
  readonly from: string;
}

/** Those the policy lists, and those that some region has discovered. */
function membersOf(service: CompiledService, seen: Seen): Shown[] {
  const listed = service.instances.map(({ id, origin, basePath, via, region, weight, metadata }) => ({
    ...{ id, url: origin + basePath, region, weight, metadata },
    ...(via === "" ? {} : { via }),
    from: "policy",
  }));
  const members = new Map(listed.map((each): [string, Shown] => [each.id, each]));
  for (const reading of seen.values()) {
    for (const { id, url, region = "", weight, metadata } of reading?.discovery?.instances ?? []) {
      if (!members.has(id)) members.set(id, { id, url, region, weight, metadata, from: reading!.discovery!.kind });
    }
  }
  return [...members.values()];
}

function instancesOf(service: CompiledService, seen: Seen, counted: RegionTotals["services"][string] | undefined) {
  return membersOf(service, seen).map((member) => {
    const views = [...seen].flatMap(([region, reading]) => {
      const load = reading?.instances[member.id];
      const breaker = reading?.breakers[member.id];
      const health = reading?.health[member.id];
      const known = load !== undefined || breaker !== undefined || health !== undefined;
      return known ? [{ region, view: { ...load, breaker, health } }] : [];
    });
    return {
      ...member,
      breaker: worstBreaker(views.flatMap(({ view }) => view.breaker ?? [])),
      health: worstHealth(views.flatMap(({ view }) => view.health ?? [])),
      totals: counted?.[member.id] ?? null,
      // As each region sees it; absent where nothing is known of it.
      seenFrom: Object.fromEntries(views.map(({ region, view }) => [region, view])),
    };
  });
}

/** `POST …/instances/{i}:drain`, `:open`, `:close`, `:reset`. */
export async function operate(c: Asked): Promise<Response> {
  const { objects, policies } = c.get("isolate");
  const service = policies.current?.services.get(c.req.param("name") ?? "");
  const action = c.req.param("action") ?? "";
  const colon = action.lastIndexOf(":");
  const [instance, command] = [action.slice(0, colon), action.slice(colon + 1)];
  if (service === undefined || colon < 1 || !COMMANDS.includes(command)) return refusal(c, { code: "not_found" });
  const listed = service.instances.some(({ id }) => id === instance);
  if (!listed && !membersOf(service, await readingsOf(c, service.name)).some(({ id }) => id === instance)) {
    return refusal(c, { code: "not_found" });
  }
  const operation = { service: service.name, instance, command: command as OperationCommand };
  const change = { actor: c.get("actor"), note: (c.req.query("note") ?? "").slice(0, LONGEST_NOTE) };
  const stored = await objects.askControl((control) => control.operate(operation, change));
  if (!stored.ok) return unavailable(c);
  return c.json({ ...operation, number: stored.value.number, heard: await tellRegions(c) });
}
