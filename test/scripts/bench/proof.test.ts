// The floor is only honest while it does the gateway's header work, no less and no more: whoever gives the gateway another
// field has to give it to scripts/bench/workers/floor.ts as well, and this test says so.
import { describe, expect, it } from "vitest";
import { startUpstream } from "../../../scripts/bench/programs.ts";
import { differences, faults, prove } from "../../../scripts/bench/proof.ts";
import type { Seen } from "../../../scripts/bench/proof.ts";
import { scratchFolder, startWorkerd } from "../../../scripts/bench/runtime.ts";
import type { Runtime } from "../../../scripts/bench/runtime.ts";
import { sourceOf } from "../../../scripts/bench/workers.ts";

const dressed = `x-correlation-id traceparent via server-timing cache-status
  x-sluice-service x-sluice-instance x-sluice-attempts x-sluice-generation`;
const forwarded = `x-forwarded-for x-forwarded-host x-forwarded-proto forwarded via cdn-loop traceparent
  x-proxy-correlation-id x-proxy-request-id`;
const named = (names: string): [string, string][] => names.split(/\s+/).map((name) => [name, "ours"]);
const sent: [string, string][] = [
  ["authorization", "Bearer passes"],
  ["x-passes", "yes"],
  ["accept-encoding", "gzip"],
];

const good: Seen = {
  status: 200,
  answer: new Map(named(dressed)),
  request: new Map([...named(forwarded), ...sent]),
};
const without = (map: ReadonlyMap<string, string>, name: string) => new Map([...map].filter(([key]) => key !== name));

describe("faults", () => {
  it("finds none in a proxy that does all of it", () => {
    expect(faults(good)).toEqual([]);
  });

  it.each<[string, Seen, string]>([
    ["another status", { ...good, status: 503 }, "status 503"],
    ["a field the client misses", { ...good, answer: without(good.answer, "via") }, "the client gets no via"],
    [
      "a field the upstream misses",
      { ...good, request: without(good.request, "forwarded") },
      "the upstream gets no forwarded",
    ],
    [
      "a field that got through",
      { ...good, request: new Map([...good.request, ["x-original-url", "smuggled"]]) },
      "the upstream gets the client's x-original-url",
    ],
    [
      "a field that was lost",
      { ...good, request: without(good.request, "x-passes") },
      "the upstream does not get the client's x-passes",
    ],
  ])("names %s", (_, seen, fault) => {
    expect(faults(seen)).toEqual([fault]);
  });
});

describe("differences", () => {
  it("names each field that one of the two shows alone", () => {
    const other = {
      ...good,
      answer: new Map([...good.answer, ["x-more", "1"]]),
      request: without(good.request, "via"),
    };
    expect(differences(good, good)).toEqual([]);
    expect(differences(good, other)).toEqual([
      "the upstream gets via from the floor alone",
      "the client gets x-more from the gateway alone",
    ]);
  });
});

describe("on raw workerd", () => {
  it("floor and gateway show the same fields to upstream and client", { timeout: 60_000 }, async () => {
    const scratch = scratchFolder();
    const upstream = await startUpstream();
    const runtimes: Runtime[] = [];
    try {
      for (const name of ["floor", "gateway"] as const) {
        runtimes.push(await startWorkerd(await sourceOf(name, upstream), scratch));
      }
      const [floor, gateway] = runtimes.map(({ port }) => port);
      await expect(prove({ floor: floor!, gateway: gateway! })).resolves.toBeUndefined();
      // A proxy that adds nothing is found out.
      await expect(prove({ floor: Number(new URL(upstream.origin).port) })).rejects.toThrow("the client gets no via");
    } finally {
      await Promise.all([...runtimes.map((runtime) => runtime.stop()), upstream.stop()]);
    }
  });
});
