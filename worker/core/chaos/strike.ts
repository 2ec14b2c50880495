// Whom an experiment befalls (SEEDS A8, A9). Decided once a request, by one draw an experiment: its faults strike the same requests,
// so that the share that is struck is the greatest of their probabilities, and retries do not draw again. The control group is
// taken from those that are not struck. An instance's fault strikes only attempts at that instance.
import type { Chance } from "../stats/chance.ts";
import { endOf, type ChaosOrder, type Fault } from "./order.ts";

/** A request as targets see it. */
export interface Targeted {
  readonly service: string;
  readonly route: string;
  readonly region: string;
  /** Of the API key it came with; "" without one. */
  readonly keyId: string;
  readonly provider: string;
  header(name: string): string | null;
}

export type Group = "faulted" | "control" | "neither";

/** What an experiment does to one request. */
export interface Strike {
  readonly order: ChaosOrder;
  readonly group: Group;
  /** In the order they are written; none unless the group is `faulted`. */
  readonly faults: readonly Fault[];
}

/** One strike for each experiment that targets the request; undefined when none does. */
export function strikes(
  orders: readonly ChaosOrder[],
  request: Targeted,
  now: number,
  chance: Chance,
): Strike[] | undefined {
  let struck: Strike[] | undefined;
  for (const order of orders) {
    if (now < order.startedAt || now >= endOf(order)) continue;
    const targeting = order.spec.faults.filter((fault) => isTarget(fault, request) && isActive(fault, order, now));
    if (targeting.length === 0) continue;
    const { controlShare } = order.spec;
    const draw = chance();
    const faults = targeting.filter(({ probability }) => draw < Math.min(probability, 1 - controlShare));
    const group = faults.length > 0 ? "faulted" : draw >= 1 - controlShare ? "control" : "neither";
    struck ??= [];
    struck.push({ order, group, faults });
  }
  return struck;
}

/** A fault may end before its experiment does. */
const isActive = ({ durationSeconds }: Fault, { startedAt }: ChaosOrder, now: number): boolean =>
  durationSeconds === undefined || now < startedAt + durationSeconds * 1_000;

/** All that is named must hold; the instance is asked about at each attempt. */
function isTarget({ target }: Fault, request: Targeted): boolean {
  const { service, route, region, provider, keys, header } = target;
  if (service !== undefined && service !== request.service) return false;
  if (provider !== undefined && provider !== request.provider) return false;
  if (route !== undefined && route !== request.route) return false;
  if (region !== undefined && region !== request.region) return false;
  if (keys !== undefined && !keys.includes(request.keyId)) return false;
  if (header === undefined) return true;
  const value = request.header(header.name);
  return value !== null && (header.value === undefined || header.value === value);
}

/** The faults that befall an attempt at this instance of this service or provider. */
export function faultsAt(struck: readonly Strike[], service: string, instance: string): Fault[] {
  return struck.flatMap(({ faults }) =>
    faults.filter(({ target }) => {
      const at = target.service ?? target.provider;
      return (at === undefined || at === service) && (target.instance === undefined || target.instance === instance);
    }),
  );
}

/** Whether breakers are to count what the faults did. */
export const countsForBreaker = (struck: readonly Strike[]): boolean =>
  struck.every(({ group, order }) => group !== "faulted" || order.spec.countsForBreaker);

/** As `X-Sluice-Fault` tells it: experiment and kinds, `exp_1;error,delay`; "" when nothing struck. */
export function markOf(struck: readonly Strike[]): string {
  return struck
    .filter(({ group }) => group === "faulted")
    .map(({ order, faults }) => `${order.id};${faults.map(({ kind }) => kind).join(",")}`)
    .join(" ");
}
