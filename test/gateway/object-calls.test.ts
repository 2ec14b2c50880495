// How many calls to objects traffic costs: at 200 requests a second an isolate makes at most ten per thousand, whether the
// policy has one service or twenty. What its region passes on is counted as well, for somebody has to pay for it.
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { get } from "../support/client.ts";
import { service } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const PER_SECOND = 200;
const SECONDS = 8;
const MOST_PER_THOUSAND = 10;

let upstream: Upstream;
let rig: Rig;
afterEach(async () => {
  await rig?.close();
  await upstream?.close();
});

/** As the isolate that answers counts them; `readings` and `control` are an operator's own. */
async function countedBy(gateway: Rig): Promise<{ calls: number; requests: number }> {
  const text = (await get(gateway.g1, "/_sluice/metrics")).text;
  const sum = (pattern: RegExp): number =>
    [...text.matchAll(pattern)].reduce((all, [, value]) => all + Number(value), 0);
  return {
    calls: sum(/^sluice_offpath_calls_total\{(?!.*dependency="(?:readings|control)").*\} (\d+)$/gm),
    requests: sum(/^sluice_requests_total\{.*\} (\d+)$/gm),
  };
}

async function regionCalls(): Promise<{ reports: number; passedOn: number }> {
  const { items } = (await (await rig.admin("regions")).json()) as {
    items: { reading: { reports: { taken: number }; serviceCalls: number } }[];
  };
  const [{ reading } = { reading: undefined }] = items;
  return { reports: reading?.reports.taken ?? 0, passedOn: reading?.serviceCalls ?? 0 };
}

describe.each([1, 20])("with %i services", (services) => {
  it(`an isolate with ${PER_SECOND} requests a second makes at most ${MOST_PER_THOUSAND} calls per thousand`, async () => {
    upstream = await startUpstream({});
    const names = Array.from({ length: services }, (_, n) => `s${n + 1}`);
    rig = await startRig({
      policy: {
        expose: true,
        cache: false,
        // Breakers as they are by default: they are what is told.
        services: Object.fromEntries(names.map((name) => [name, service(name, upstream, { breaker: {} })])),
        routes: names.map((name) => ({ match: { path: `/${name}/*` }, service: name })),
      },
    });
    await get(rig.g1, "/s1/");
    await sleep(1_500); // what a start costs is not counted
    const [before, regionBefore] = [await countedBy(rig), await regionCalls()];
    const startMs = performance.now();
    const under: Promise<unknown>[] = [];
    for (let sent = 0; sent < PER_SECOND * SECONDS; sent++) {
      const earlyMs = startMs + (sent * 1_000) / PER_SECOND - performance.now();
      if (earlyMs > 0) await sleep(earlyMs);
      under.push(get(rig.g1, `/${names[sent % services]}/`));
    }
    await Promise.all(under);
    const [after, regionAfter] = [await countedBy(rig), await regionCalls()];

    const requests = after.requests - before.requests;
    expect(requests).toBe(PER_SECOND * SECONDS);
    const perThousand = ((after.calls - before.calls) / requests) * 1_000;
    const seconds = (performance.now() - startMs) / 1_000;
    const passedOn = (regionAfter.passedOn - regionBefore.passedOn) / seconds;
    const said = `${perThousand.toFixed(1)} per thousand; the region passes on ${passedOn.toFixed(1)} a second`;
    console.info(`${services} services: ${said}`);
    expect(perThousand, said).toBeLessThanOrEqual(MOST_PER_THOUSAND);
    // One batch a service and second at most, however many isolates report; an urgent one now and then.
    expect(passedOn, said).toBeLessThanOrEqual(services * 1.3 + 1);
  }, 40_000);
});
