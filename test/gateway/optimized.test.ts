// What requests share among each other once the code is hot. V8's optimizing compiler makes promises that have forgotten whose
// they are (DECISIONS, "Promises that others await or settle"): what is awaited then goes on in the wrong request, and its timers die with that one.
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { service } from "../support/policies.ts";
import { startRig, type Rig } from "../support/rig.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

const HEADERS_MS = 1_500;
/** Far past the deadline, and past the second that the watching request stays. */
const STUCK_MS = 10_000;
const WARM = 12_000;
const AT_ONCE = 40;
const ROUNDS = 5;

/** So that it is hot after seconds; it happens without them, after minutes of traffic. */
const HOT_SOON = "--invocation-count-for-turbofan=50 --no-lazy-feedback-allocation";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  vi.stubEnv("MINIFLARE_WORKERD_V8_FLAGS", HOT_SOON);
  upstream = await startUpstream((exchange) =>
    exchange.request.path.startsWith("/held") ? exchange.hold() : { body: "x" },
  );
  rig = await startRig({
    policy: {
      cache: false,
      services: {
        web: service("web", upstream, {
          breaker: false,
          attempts: { max: 2, retryBudget: 0, retryFloor: 0 },
          timeouts: { headersMs: HEADERS_MS },
        }),
      },
      routes: [{ match: { path: "/*" }, service: "web" }],
    },
  });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rig.close();
  await upstream.close();
});

const get = async (path: string): Promise<number> => {
  const answer = await fetch(rig.g1 + path, { signal: AbortSignal.timeout(STUCK_MS) });
  await answer.arrayBuffer();
  return answer.status;
};

it("meets every deadline, whoever watched it", async () => {
  let left = WARM;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await get("/quick");
    }),
  );
  for (let round = 0; round < ROUNDS; round++) {
    // Who watches is answered at once, and goes when its second is over; the others wait on.
    expect(await get("/quick")).toBe(200);
    const held = await Promise.allSettled(Array.from({ length: 10 }, () => get(`/held/${round}`)));
    expect(held.map((each) => (each.status === "fulfilled" ? each.value : "stuck"))).toEqual(Array(10).fill(504));
  }
}, 120_000);
