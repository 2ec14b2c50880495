// Suggestions from real traffic (SEEDS P10, P11): each kind found, applied, measured against its holdout and kept; one that traffic proves wrong
// taken back by itself; all of it over a SIGKILL. Traffic goes on in the background; the test waits for states, never for times.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { service } from "../support/policies.ts";
import { startRig, type Rig } from "../support/rig.ts";
import { startUpstream, type Exchange, type Reply, type Upstream } from "../support/upstream.ts";

const WITHIN_MS = 150_000;

interface Suggestion {
  id: string;
  kind: string;
  state: string;
  route: string;
  service: string;
  change: { path: string; before: unknown; after: Record<string, unknown> & number };
  effect: { measure: string; expected: number; real: number | null };
  expected: Record<string, number>;
  confidence: number;
  measured: { verdict: string; changed: { requests: number }; holdout: { requests: number } } | null;
  decidedBy: string;
  outcome: string;
}

let upstreams: Upstream[] = [];
let rig: Rig;
/** The origin of `/wrong` gives another answer each time from now on. */
let isFickle = false;
let asked = 0;

/** What one upstream does, by path: so that every instance is the same program. */
function behave(slowMs: number) {
  let held = 0;
  return (exchange: Exchange): Reply | Promise<void> => {
    asked++;
    const { request } = exchange;
    const { path } = request;
    // The origins of rules to be found say nothing of caching; the others forbid it.
    const silent = (body: string): Reply => ({ delayMs: 15, body });
    const wait = (delayMs: number): Reply => ({ delayMs, headers: { "cache-control": "no-store" }, body: "well" });
    if (path.startsWith("/items/")) return silent(`the answer of ${path}`);
    if (path === "/mine") return silent(`${request.header("authorization")}'s own`);
    if (path.startsWith("/wrong/")) return silent(isFickle ? `answer ${asked}` : "the same");
    if (path === "/reports") return wait(request.method === "GET" ? slowMs : 3);
    if (path === "/far") return wait(slowMs * 3);
    if (path === "/hangs") return ++held % 3 === 0 ? exchange.hold() : wait(3);
    if (path === "/useless") return { status: 503, body: "never" };
    return wait(60);
  };
}

const ROUTES = ["items", "mine", "wrong", "reports", "far", "hangs", "useless", "steady"] as const;

function policy(apply: "manual" | "automatic", headersMs = 4_000) {
  const [quick, slow] = upstreams as [Upstream, Upstream];
  const at = { latitude: 50, longitude: 8 };
  const route = (name: string) => ({
    name,
    match: { path: `/${name}${["items", "wrong"].includes(name) ? "/*" : ""}` },
    service: name,
  });
  const plain = (name: string) => service(name, quick);
  return {
    expose: true,
    regions: {
      weur: { ...at, capacity: 20 },
      enam: { latitude: 40, longitude: -75, capacity: 20 },
    },
    services: {
      items: plain("items"),
      mine: plain("mine"),
      wrong: plain("wrong"),
      reports: service("reports", [quick, slow]),
      far: {
        ...service("far", []),
        instances: [
          { id: "near", url: slow.origin, region: "weur" },
          { id: "away", url: quick.origin, region: "enam" },
        ],
        routing: { algorithm: "geographic_proximity", regions: { spillAtLoad: 0.5, preferredSeconds: 0 } },
      },
      hangs: service("hangs", [quick, slow], {
        attempts: { max: 2, retryBudget: 1, retryFloor: 100 },
        timeouts: { headersMs },
      }),
      useless: service("useless", [quick, slow], {
        attempts: { max: 3, retryBudget: 1, retryFloor: 100, backoffMs: 1 },
      }),
      steady: service("steady", quick, {
        breaker: {
          ...{ slowMs: 30, minimumRequests: 5, windowMs: 1_000, fastWindowMs: 500 },
          ...{ openMs: 100, maxOpenMs: 200, localOpenMs: 100, rampMs: 100 },
        },
      }),
    },
    routes: ROUTES.map(route),
    cache: { tiers: ["memory"] },
    telemetry: {
      suggestions: {
        ...{ apply, everySeconds: 2, minimumRequests: 30, minimumConfidence: 0.6, holdoutShare: 0.4 },
        ...{ hashShare: 1, trialSeconds: 60, maxTrials: 16 },
      },
    },
  };
}

// --- traffic ---

const over = new AbortController();
const callers: Promise<void>[] = [];

/** `width` callers in a closed loop, with a pause between their requests. */
function call(width: number, pauseMs: number, request: (n: number) => [target: string, init?: RequestInit]): void {
  for (let caller = 0; caller < width; caller++) {
    callers.push(
      (async () => {
        for (let n = caller; ; n++) {
          if (over.signal.aborted) return;
          const [target, init] = request(n);
          try {
            await (await fetch(rig.g1 + target, init)).arrayBuffer();
          } catch {
            // It is being killed.
          }
          await sleep(pauseMs);
        }
      })(),
    );
  }
}

beforeAll(async () => {
  upstreams = await Promise.all([startUpstream(behave(5)), startUpstream(behave(500))]);
  rig = await startRig({ policy: policy("manual") });
  call(1, 100, (n) => [`/items/${100 + (n % 3)}`]);
  call(1, 100, (n) => ["/mine", { headers: { authorization: `Bearer user-${n % 2}` } }]);
  call(1, 100, (n) => [`/wrong/${100 + (n % 2)}`]);
  call(3, 100, (n) => ["/reports", n % 4 === 0 ? { method: "POST", body: "x" } : {}]);
  call(16, 20, () => ["/far"]);
  call(12, 100, () => ["/hangs"]);
  call(1, 100, () => ["/useless"]);
  call(2, 60, () => ["/steady"]);
});
afterAll(async () => {
  over.abort();
  await Promise.all(callers);
  await rig?.close();
  await Promise.all(upstreams.map((each) => each.close()));
});

// --- what is suggested ---

async function suggestions(): Promise<Suggestion[]> {
  const answer = await rig.admin("suggestions");
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { items: Suggestion[] }).items.filter(({ kind }) => kind !== "mix");
}

const TARGETS = [
  ["items", "cache_rule"],
  ["mine", "cache_rule"],
  ["wrong", "cache_rule"],
  ["reports", "instance_weight"],
  ["far", "region_spill"],
  ["hangs", "headers_timeout"],
  ["useless", "retries"],
  ["steady", "breaker_slow"],
] as const;

const of = (all: readonly Suggestion[], route: string, kind: string): Suggestion | undefined =>
  all.find((each) => each.route === route && each.kind === kind);

/** Until `met` says so of what is suggested; the last look is shown when it never does. */
async function until(what: string, met: (all: readonly Suggestion[]) => boolean): Promise<Suggestion[]> {
  const end = Date.now() + WITHIN_MS;
  for (;;) {
    const all = await suggestions();
    if (met(all)) return all;
    if (Date.now() > end) {
      const shown = all.map((each) => [each.route, each.kind, each.state, each.outcome, JSON.stringify(each.measured)]);
      throw new Error(`not ${what}:\n${shown.map((line) => line.join(" | ")).join("\n")}`);
    }
    await sleep(250);
  }
}

const decide = (id: string, what: "apply" | "rollback") => rig.admin(`suggestions/${id}:${what}`, { method: "POST" });

it("each kind is found from traffic, with what it expects", async () => {
  const all = await until("all proposed", (seen) =>
    TARGETS.every(([route, kind]) => of(seen, route, kind) !== undefined),
  );
  for (const [route, kind] of TARGETS) {
    const found = of(all, route, kind)!;
    expect(found).toMatchObject({ state: "proposed", measured: null, effect: { real: null } });
    expect(found.effect.expected).toBeGreaterThan(0);
    expect(found.confidence).toBeGreaterThan(0.5);
  }
  expect(of(all, "items", "cache_rule")!.change).toMatchObject({
    path: "cache.rules",
    after: { match: "GET /items/*", conditions: { statuses: [200] } },
  });
  expect(of(all, "items", "cache_rule")!.change.after).not.toHaveProperty("varyBy");
  // Each caller is told something else: a rule that everybody shares is never suggested.
  expect(of(all, "mine", "cache_rule")!.change.after).toMatchObject({ varyBy: ["Authorization"] });
  expect(of(all, "reports", "instance_weight")!.change).toMatchObject({ before: 1, after: 0 });
  expect(of(all, "hangs", "headers_timeout")!.change.after).toBeLessThan(2_000);
  expect(of(all, "useless", "retries")!.change).toMatchObject({ before: 3, after: 1 });
  expect(of(all, "steady", "breaker_slow")!.change.after).toBeGreaterThan(60);
}, 200_000);

it("an operator applies one, and the policy's word has the others applied; each is measured and kept", async () => {
  const { id } = of(await suggestions(), "items", "cache_rule")!;
  const applied = await decide(id, "apply");
  expect(applied.status).toBe(200);
  expect(await applied.json()).toMatchObject({ id, state: "trial", holdoutShare: 0.4, heard: { weur: true } });
  expect(await (await rig.admin(`suggestions/${id}`)).json()).toMatchObject({ id, kind: "cache_rule", state: "trial" });
  const again = await decide(id, "apply");
  expect(again.status).toBe(409);
  expect(await again.text()).toContain("it is being tried");
  expect(await (await rig.admin("audit")).text()).toContain("suggestion.apply");

  await rig.publish(policy("automatic"));
  const right = TARGETS.filter(([route]) => route !== "wrong");
  await until("the wrong one is tried", (seen) => ["trial", "kept"].includes(of(seen, "wrong", "cache_rule")!.state));
  isFickle = true;
  const all = await until("all kept", (seen) =>
    right.every(([route, kind]) => of(seen, route, kind)?.state === "kept"),
  );
  for (const [route, kind] of right) {
    const kept = of(all, route, kind)!;
    expect(kept.measured?.changed.requests, route).toBeGreaterThanOrEqual(30);
    expect(kept.measured?.holdout.requests, route).toBeGreaterThanOrEqual(30);
    expect(kept.effect.real, route).toBeGreaterThan(0);
    expect(kept).toMatchObject({ decidedBy: "insight" });
  }
}, 200_000);

it("one that traffic proves wrong is taken back by itself", async () => {
  const all = await until(
    "the wrong one is taken back",
    (seen) => of(seen, "wrong", "cache_rule")?.state === "rolled_back",
  );
  expect(of(all, "wrong", "cache_rule")).toMatchObject({
    decidedBy: "insight",
    outcome: expect.stringContaining("other than a cache"),
  });
}, 200_000);

const isHit = async (target: string): Promise<boolean> => {
  for (let n = 0; n < 40; n++) {
    const answer = await fetch(rig.g1 + target);
    await answer.arrayBuffer();
    if (answer.headers.get("cache-status")?.includes("sluice; hit") === true) return true;
  }
  return false;
};

it("what is kept is in force after a SIGKILL, until an operator or the policy says otherwise", async () => {
  await rig.kill();
  await rig.restart();
  const kept = of(await suggestions(), "items", "cache_rule")!;
  expect(kept.state).toBe("kept");
  expect(await isHit("/items/100")).toBe(true);
  expect((await decide(kept.id, "rollback")).status).toBe(200);
  expect(await isHit("/items/100")).toBe(false);
  expect(of(await suggestions(), "items", "cache_rule")).toMatchObject({
    state: "rolled_back",
    decidedBy: "admin token",
  });

  await rig.publish(policy("automatic", 3_900));
  // The same may have been suggested anew meanwhile, and stand before it.
  const superseded = (seen: readonly Suggestion[]) =>
    seen.find(({ route, state }) => route === "hangs" && state === "superseded");
  const all = await until("superseded", (seen) => superseded(seen) !== undefined);
  expect(superseded(all)).toMatchObject({ kind: "headers_timeout" });
  expect(superseded(all)!.outcome).toContain("headersMs is 3900");
}, 200_000);
