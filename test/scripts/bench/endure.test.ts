import { describe, expect, it } from "vitest";
import { enduranceText, flatnessOf, type Endurance } from "../../../scripts/bench/endure.ts";
import { flameSvg, framesOf } from "../../../scripts/bench/flame.ts";
import type { CpuProfile } from "../../../scripts/bench/profile.ts";
import { enduranceSvg } from "../../../scripts/bench/svg.ts";
import { EXCHANGES, SPREAD, requestBytes, requestsOf } from "../../../scripts/bench/traffic.ts";
import { benchPolicy, endurancePolicy } from "../../../scripts/bench/workers.ts";
import { parsePolicy } from "../../../worker/core/policy/parse.ts";

const ORIGIN = "http://127.0.0.1:9000";
const MIB = 2 ** 20;

describe("policies of the benchmark", () => {
  it("the large one has 1,000 routes and more, and 300 services", () => {
    const parsed = parsePolicy(JSON.stringify(benchPolicy(ORIGIN, "large")));
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error.slice(0, 3)));
    expect(parsed.value.routes.length).toBeGreaterThanOrEqual(SPREAD.routes);
    expect(Object.keys(parsed.value.services)).toHaveLength(SPREAD.services);
  });

  it("the one for endurance too", () => {
    const parsed = parsePolicy(JSON.stringify(endurancePolicy(ORIGIN)));
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error.slice(0, 3)));
    expect(parsed.value.routes).toHaveLength(SPREAD.routes);
  });

  it("has an AI door where a chat is asked for, and else none", () => {
    expect(parsePolicy(JSON.stringify(benchPolicy(ORIGIN, "gateway", ["chat"]))).ok).toBe(true);
    expect(benchPolicy(ORIGIN, "gateway", ["chat"]).models).toBeDefined();
    expect(benchPolicy(ORIGIN, "gateway", ["get-1k"]).models).toBeUndefined();
  });
});

describe("what is asked", () => {
  it("a chat as JSON, with its length", () => {
    const [head = "", body = ""] = requestBytes(EXCHANGES.chat).toString("latin1").split("\r\n\r\n");
    expect(head).toContain(`Content-Length: ${body.length}`);
    expect((JSON.parse(body) as { model: string }).model).toBe("bench");
  });

  it("spread over all services, all URLs and all callers", () => {
    const next = requestsOf("spread-1k", undefined);
    const [services, urls, callers] = [new Set<string>(), new Set<string>(), new Set<string>()];
    for (let sent = 0; sent < SPREAD.identities; sent++) {
      const [, service = "", url = "", caller = ""] =
        /^GET \/(s\d+)\/cached\/(\d+)\/[\s\S]*\r\nAuthorization: (.*)\r\n/.exec(next().toString("latin1")) ?? [];
      services.add(service);
      urls.add(url);
      callers.add(caller);
    }
    expect([services.size, urls.size, callers.size]).toEqual([SPREAD.services, SPREAD.identities, SPREAD.identities]);
  });
});

describe("memory over time", () => {
  const seriesOf = (...mebibytes: number[]): Endurance["series"] =>
    mebibytes.map((bytes, index) => ({ seconds: index + 1, bytes: bytes * MIB }));

  it("may grow at first, and not afterwards", () => {
    expect(flatnessOf(seriesOf(50, 120, 200, 210, 205, 215, 212, 208, 214, 210)).flat).toBe(true);
    expect(flatnessOf(seriesOf(50, 100, 150, 200, 250, 300, 350, 400, 450, 500)).flat).toBe(false);
    expect(flatnessOf(seriesOf(50, 120, 200, 264, 205, 200, 212, 208, 214, 200)).flat).toBe(true);
    expect(flatnessOf(seriesOf(50, 120, 200, 265, 205, 200, 212, 208, 214, 200)).flat).toBe(false);
  });

  it("is told as text and as a picture", () => {
    const series = seriesOf(50, 60, 60, 60);
    const run = { at: "", commit: "", machine: {}, minutes: 1, requests: 10, perSecond: 1, cpuMicros: 100, series };
    const measured = { ...run, verdict: flatnessOf(series) };
    expect(enduranceText(measured)).toContain("flat (±32 MiB)");
    expect(enduranceSvg(measured)).toContain("flat");
  });
});

describe("a flame graph", () => {
  const node = (id: number, functionName: string, children: number[] = [], lineNumber = id, url = "worker.js") => ({
    ...{ id, children },
    callFrame: { functionName, url, lineNumber },
  });
  const profile: CpuProfile = {
    nodes: [
      node(1, "(root)", [2, 5], 0, ""),
      node(2, "serve", [3, 4]),
      node(3, "route"),
      node(4, "forward<T>"),
      node(5, "(idle)", [], 0, ""),
    ],
    samples: [3, 4, 4, 5, 2],
    timeDeltas: [10, 20, 30, 1_000, 40],
    startTime: 0,
    endTime: 1_100,
  };
  const all = framesOf(profile, (line) => `worker/room-${line}/file.ts`);

  it("adds up what each called, and leaves idle time out", () => {
    expect(all.micros).toBe(100);
    const serve = all.callees.get("serve worker/room-2/file.ts")!;
    expect(serve.micros).toBe(100);
    expect([...serve.callees.values()].map(({ name, micros }) => [name, micros])).toEqual([
      ["route", 10],
      ["forward<T>", 50],
    ]);
  });

  it("draws each as wide as it took, and escapes names", () => {
    const picture = flameSvg(all, "gateway");
    expect(picture).toContain("forward&lt;T&gt; (worker/room-4/file.ts): 50.00 %");
    expect(picture).toContain('width="600.0"');
  });
});
