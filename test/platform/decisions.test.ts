// Decisions on record, and choices explained: what they say, and that asking moves nothing.
import { describe, expect, it } from "vitest";
import { likeClass, methodBit } from "../../worker/core/routing/strategy.ts";
import { RECORD_EVERY } from "../../worker/platform/decisions.ts";
import { explainChoice, type Described } from "../../worker/platform/explain-choice.ts";
import { Standing } from "./standing.ts";

const GET: Described = {
  like: likeClass(methodBit("GET"), 0),
  affinityHash: -1,
  method: methodBit("GET"),
  payloadBytes: 0,
  security: 1,
  complexity: 0,
};
const instances = (count: number, more: object = {}) =>
  Array.from({ length: count }, (_, n) => ({ id: `web-${n + 1}`, url: `http://127.0.0.${n + 1}`, ...more }));
const NOW = Date.now();

describe("a sample of decisions", () => {
  it("holds the first and every hundredth, with who was taken, why, and who else there was", () => {
    const service = new Standing({ web: { instances: instances(5) } }).service("web");
    for (let n = 0; n < 1 + 2 * RECORD_EVERY; n++) service.take([], true, false, undefined, NOW);
    expect(service.decisions.items).toHaveLength(3);
    for (const decision of service.decisions.items) {
      expect(decision).toMatchObject({ algorithm: "intelligent_adaptive", at: NOW, explored: expect.any(Boolean) });
      expect(decision.alternatives).toHaveLength(3);
      expect(decision.confidence).toBeGreaterThan(0);
      expect(decision.tookMs).toBeGreaterThanOrEqual(0);
      expect(decision.factors).toMatchObject({ performance: 0.7, successRate: 0.8 });
    }
  });

  it("is bounded, and goes on over a new policy", () => {
    const standing = new Standing({ web: { instances: instances(2) } });
    for (let n = 0; n < 40 * RECORD_EVERY; n++) standing.service("web").take([], true, false, undefined, NOW);
    expect(standing.service("web").decisions.items).toHaveLength(32);
  });
});

describe("a choice explained", () => {
  it("says what each candidate is worth and why one is refused", () => {
    const standing = new Standing({
      web: { instances: [...instances(2), { id: "small", url: "http://127.0.0.9", metadata: { methods: ["POST"] } }] },
    });
    const until = NOW + 5_000;
    standing.hear({ verdicts: { web: { "web-1": { state: "open", reason: "rate", until, generation: 1 } } } });
    const told = explainChoice(standing.service("web"), standing.fleet.news, GET, undefined, NOW);
    expect(told.candidates).toMatchObject([
      { id: "web-1", refused: "its breaker is open", breaker: { stands: "open", region: { reason: "rate", until } } },
      { id: "web-2", refused: null, ramp: 1, inFlight: 0 },
      { id: "small", refused: "it does not take such a request", factors: { compatibility: 0 } },
    ]);
    expect(told.choice).toMatchObject({ instance: "web-2", alternatives: [] });
    expect(told).toMatchObject({ algorithm: "intelligent_adaptive", refused: null, probe: null, suspect: null });
  });

  it("says why nobody is taken", () => {
    const standing = new Standing({ web: { instances: instances(1) } });
    const until = NOW + 5_000;
    standing.hear({ verdicts: { web: { "web-1": { state: "open", reason: "manual", until, generation: 1 } } } });
    const told = explainChoice(standing.service("web"), standing.fleet.news, GET, undefined, NOW);
    expect(told).toMatchObject({ choice: null, refused: "none_available" });
    expect(told.candidates[0]).toMatchObject({ refused: "an operator holds it open" });
  });

  it("moves nothing", () => {
    const standing = new Standing({ web: { instances: instances(3), routing: { algorithm: "round_robin" } } });
    const service = standing.service("web");
    service.take([], true, false, undefined, NOW);
    const before = structuredClone([service.candidates, service.gates, service.input.state, service.decisions.items]);
    for (let n = 0; n < 10; n++) explainChoice(service, standing.fleet.news, GET, undefined, NOW + n);
    expect([service.candidates, service.gates, service.input.state, service.decisions.items]).toEqual(before);
  });
});
