import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Refusal } from "../../worker/core/http/problem.ts";
import type { WrittenPolicy } from "../../worker/core/policy/schema.ts";
import { Attempts } from "../../worker/platform/attempts.ts";
import type { Answer, Exchange } from "../../worker/platform/exchange.ts";
import type { InstanceState } from "../../worker/platform/instances.ts";
import type { ServiceState } from "../../worker/platform/services.ts";
import type { NoAnswer } from "../../worker/platform/upstream.ts";
import { Standing } from "./standing.ts";

beforeEach(() => void vi.useFakeTimers({ now: 2_000_000_000_000 }));
afterEach(() => void vi.useRealTimers());

type WrittenService = NonNullable<WrittenPolicy["services"]>[string];

const service = (count: number, more: WrittenService = {}): WrittenService => ({
  instances: Array.from({ length: count }, (_, index) => ({ id: `i${index + 1}`, url: `http://i${index + 1}.test` })),
  routing: { algorithm: "round_robin" },
  ...more,
});

interface Sent {
  readonly to: string;
  readonly deadlineMs: number;
  readonly abort: AbortController | undefined;
  answer(given: Answer | NoAnswer | Refusal): void;
}

/** One request, whose sends the test answers. */
class Request implements Exchange<Answer> {
  readonly sends: Sent[] = [];
  readonly leaving = new AbortController();
  readonly tails: Promise<unknown>[] = [];
  readonly background = { waitUntil: (promise: Promise<unknown>) => void this.tails.push(promise) };
  repeatable = true;
  streams = false;
  priority = 1;
  headersMs = 30_000;
  deadlineAt = Date.now() + 30_000;
  readonly now = Date.now();
  /** How often somebody wanted to know when the client leaves: that costs. */
  watched = 0;

  constructor(more: Partial<Pick<Request, "repeatable" | "streams" | "priority" | "headersMs" | "deadlineAt">> = {}) {
    Object.assign(this, more);
  }

  get client(): AbortSignal {
    this.watched++;
    return this.leaving.signal;
  }

  describe(): number {
    return -1;
  }

  send(to: InstanceState, deadlineMs: number, abort: AbortController | undefined) {
    return new Promise<Answer | NoAnswer | Refusal>((resolve) => {
      setTimeout(resolve, deadlineMs, "timeout");
      this.sends.push({ to: to.compiled.id, deadlineMs, abort, answer: resolve });
    });
  }

  async sent(count: number): Promise<Sent> {
    await vi.advanceTimersByTimeAsync(0);
    while (this.sends.length < count) await vi.advanceTimersByTimeAsync(1);
    return this.sends[count - 1]!;
  }
}

class Given implements Answer {
  readonly status: number;
  readonly headers: Headers;
  cancelled = false;
  readonly body = { cancel: async () => void (this.cancelled = true) } as unknown as ReadableStream;
  constructor(status: number, headers: Record<string, string> = {}) {
    this.status = status;
    this.headers = new Headers(headers);
  }
}

const inFlight = (state: ServiceState): number[] => state.candidates.map((one) => one.inFlight);

function begin(standing: Standing, request: Request, name = "web") {
  const attempts = new Attempts(standing.fleet, standing.service(name), request);
  return { attempts, answer: attempts.answer() };
}

describe("one attempt", () => {
  it("costs a send without an AbortController, and nobody watches the client", async () => {
    const standing = new Standing({ web: service(2) });
    const request = new Request();
    const { attempts, answer } = begin(standing, request);
    const sent = await request.sent(1);
    expect(sent).toMatchObject({ deadlineMs: 30_000, abort: undefined });
    const given = new Given(200);
    sent.answer(given);
    expect(await answer).toBe(given);
    expect(attempts.sent).toBe(1);
    expect(attempts.attempt?.open).toBe(true);
    expect(inFlight(standing.service("web"))).toContain(1);
    attempts.attempt?.end();
    expect(inFlight(standing.service("web"))).toEqual([0, 0]);
    expect(request.watched).toBe(0);
    expect(request.tails).toEqual([]);
  });

  it.each<[NoAnswer, string]>([
    ["timeout", "upstream_timeout"],
    ["unreachable", "upstream_unreachable"],
    ["invalid", "upstream_invalid"],
  ])("%s is %s", async (given, code) => {
    const standing = new Standing({ web: service(1, { attempts: { max: 1 } }) });
    const request = new Request();
    const { attempts, answer } = begin(standing, request);
    (await request.sent(1)).answer(given);
    expect(await answer).toEqual({ code });
    expect(attempts.abandoned).toBe(given === "timeout");
    expect(inFlight(standing.service("web"))).toEqual([0]);
  });

  it("that the client is to blame for is no attempt of the instance's", async () => {
    const standing = new Standing({ web: service(1) });
    const request = new Request();
    const { answer } = begin(standing, request);
    (await request.sent(1)).answer({ code: "body_too_large" });
    expect(await answer).toEqual({ code: "body_too_large" });
    expect(standing.ended).toEqual(["web/i1 cancelled"]);
    expect(request.sends).toHaveLength(1);
  });

  it("that is lost while its body streams is held against nobody", async () => {
    const standing = new Standing({ web: service(1) });
    for (let n = 0; n < 10; n++) {
      const request = new Request({ repeatable: false, streams: true });
      const { answer } = begin(standing, request);
      (await request.sent(1)).answer("unreachable");
      expect(await answer).toEqual({ code: "upstream_unreachable" });
    }
    expect(standing.service("web").gates[0]!.local.state).toBe("closed");
  });
});

describe("further attempts", () => {
  it("go to another instance, and the answer that is replaced is not read", async () => {
    const standing = new Standing({ web: service(2) });
    const request = new Request();
    const { attempts, answer } = begin(standing, request);
    const busy = new Given(503);
    const first = await request.sent(1);
    first.answer(busy);
    const second = await request.sent(2);
    expect(second.to).not.toBe(first.to);
    expect(inFlight(standing.service("web")).reduce((sum, each) => sum + each)).toBe(1);
    const good = new Given(200);
    second.answer(good);
    expect(await answer).toBe(good);
    expect(busy.cancelled).toBe(true);
    expect(attempts.attempt?.instance.compiled.id).toBe(second.to);
  });

  it("give the last answer there was when they bring none", async () => {
    const standing = new Standing({ web: service(2, { attempts: { max: 2 } }) });
    const request = new Request();
    const { attempts, answer } = begin(standing, request);
    const busy = new Given(503);
    const first = await request.sent(1);
    first.answer(busy);
    (await request.sent(2)).answer("unreachable");
    expect(await answer).toBe(busy);
    expect(busy.cancelled).toBe(false);
    expect(attempts.attempt?.instance.compiled.id).toBe(first.to);
  });

  it("abort one that took too long, for the request goes on without it", async () => {
    const standing = new Standing({ web: service(2) });
    const request = new Request({ headersMs: 1_000 });
    const { attempts, answer } = begin(standing, request);
    const first = await request.sent(1);
    expect(first.deadlineMs).toBe(1_000);
    const second = await request.sent(2);
    expect(first.abort?.signal.aborted).toBe(true);
    second.answer(new Given(200));
    expect(await answer).toMatchObject({ status: 200 });
    expect(attempts.abandoned).toBe(false);
  });

  it("keep to the deadline of all of them together", async () => {
    const standing = new Standing({ web: service(2) });
    const request = new Request({ headersMs: 1_000, deadlineAt: Date.now() + 1_500 });
    const { answer } = begin(standing, request);
    const second = await request.sent(2);
    expect(second.deadlineMs).toBeLessThanOrEqual(500);
    await vi.advanceTimersByTimeAsync(500);
    expect(await answer).toEqual({ code: "upstream_timeout" });
    expect(request.sends).toHaveLength(2);
  });

  it("go to the services that stand in, each with breakers of its own", async () => {
    const standing = new Standing({ web: service(1, { fallback: ["spare"] }), spare: service(1) });
    const request = new Request();
    const { attempts, answer } = begin(standing, request);
    (await request.sent(1)).answer("unreachable");
    (await request.sent(2)).answer(new Given(200));
    expect(await answer).toMatchObject({ status: 200 });
    expect(attempts.service.compiled.name).toBe("spare");
    expect(standing.ended).toEqual(["web/i1 failed", "spare/i1 ok"]);
  });
});

describe("a hedge", () => {
  const hedged = service(2, { attempts: { max: 2, hedgeAfter: 100 } });

  it("is sent beside a slow first try; the loser is aborted, and a late answer of its never read", async () => {
    const standing = new Standing({ web: hedged });
    const request = new Request();
    const { attempts, answer } = begin(standing, request);
    const second = await request.sent(2);
    const first = request.sends[0]!;
    expect(second.to).not.toBe(first.to);
    second.answer(new Given(200));
    expect(await answer).toMatchObject({ status: 200 });
    expect(attempts.attempt?.instance.compiled.id).toBe(second.to);
    expect(first.abort?.signal.aborted).toBe(true);
    expect(second.abort?.signal.aborted).toBe(false);
    expect(inFlight(standing.service("web")).reduce((sum, each) => sum + each)).toBe(1);
    const late = new Given(200);
    first.answer(late);
    await vi.advanceTimersByTimeAsync(0);
    expect(late.cancelled).toBe(true);
  });

  it("is not sent beside a quick one", async () => {
    const standing = new Standing({ web: hedged });
    const request = new Request();
    const { answer } = begin(standing, request);
    (await request.sent(1)).answer(new Given(200));
    expect(await answer).toMatchObject({ status: 200 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(request.sends).toHaveLength(1);
  });

  it("that fails leaves the first try its time", async () => {
    const standing = new Standing({ web: hedged });
    const request = new Request();
    const { answer } = begin(standing, request);
    (await request.sent(2)).answer("unreachable");
    await vi.advanceTimersByTimeAsync(5_000);
    const good = new Given(200);
    request.sends[0]!.answer(good);
    expect(await answer).toBe(good);
  });

  it("lets a probe that it has overtaken go on to its end", async () => {
    const standing = new Standing({ web: hedged });
    const web = standing.service("web");
    const until = Date.now();
    standing.hear({
      verdicts: { web: { i1: { state: "half_open", reason: "consecutive", until: 0, generation: 3 } } },
    });
    standing.hear({
      verdicts: { web: { i1: { state: "half_open", reason: "consecutive", until: 0, generation: 3 } } },
      leases: { "web/i1": until + 10_000 },
    });
    const request = new Request();
    const { answer } = begin(standing, request);
    const second = await request.sent(2);
    const probe = request.sends[0]!;
    expect(probe.to).toBe("i1");
    second.answer(new Given(200));
    await answer;
    expect(probe.abort?.signal.aborted).toBe(false);
    probe.answer(new Given(200));
    await Promise.all(request.tails);
    expect(web.instances[0]!.probe).toBe("passed");
    expect(standing.hurried).toBeGreaterThan(0);
  });
});

describe("places", () => {
  const limited = (more: object = {}): WrittenService =>
    service(1, { attempts: { max: 1 }, concurrency: { algorithm: "fixed", max: 1, ...more } });

  it("are refused when there is none, honestly", async () => {
    const standing = new Standing({ web: limited() });
    const holder = new Request();
    begin(standing, holder);
    await holder.sent(1);
    const refused = await begin(standing, new Request()).answer;
    expect(refused).toMatchObject({ code: "overloaded" });
    expect((refused as { retryAfterMs: number }).retryAfterMs).toBeGreaterThanOrEqual(1_000);
  });

  it("come back at once when the client leaves", async () => {
    const standing = new Standing({ web: limited() });
    const holder = new Request();
    begin(standing, holder);
    await holder.sent(1);
    holder.leaving.abort();
    expect(inFlight(standing.service("web"))).toEqual([0]);
    const next = new Request();
    begin(standing, next);
    await next.sent(1);
    expect(standing.ended).toEqual(["web/i1 cancelled"]);
  });

  it("are handed on through the queue, the more important first", async () => {
    const standing = new Standing({ web: limited({ queue: 2 }) });
    const holder = new Request();
    const held = begin(standing, holder);
    (await holder.sent(1)).answer(new Given(200));
    await held.answer;
    const plain = new Request({ priority: 1 });
    const urgent = new Request({ priority: 3 });
    begin(standing, plain);
    const second = begin(standing, urgent);
    await vi.advanceTimersByTimeAsync(10);
    held.attempts.attempt!.end();
    (await urgent.sent(1)).answer(new Given(200));
    await second.answer;
    expect(plain.sends).toHaveLength(0);
    second.attempts.attempt!.end();
    await plain.sent(1);
  });

  it("are given up by who has waited long enough", async () => {
    const standing = new Standing({ web: limited({ queue: 1, queueMs: 500 }) });
    begin(standing, new Request());
    const waiting = begin(standing, new Request()).answer;
    await vi.advanceTimersByTimeAsync(499);
    expect(await Promise.race([waiting, Promise.resolve("waits")])).toBe("waits");
    await vi.advanceTimersByTimeAsync(2);
    expect(await waiting).toMatchObject({ code: "overloaded" });
  });

  it("go to the next when the client of the one that was woken leaves before it can use it", async () => {
    const standing = new Standing({ web: limited({ queue: 2 }) });
    const holder = begin(standing, new Request());
    const leaver = new Request();
    const patient = new Request();
    begin(standing, leaver);
    begin(standing, patient);
    await vi.advanceTimersByTimeAsync(10);
    holder.attempts.attempt!.leave();
    // In the same tick: it holds the place already, and none of its code has run.
    leaver.leaving.abort();
    expect((await patient.sent(1)).to).toBe("i1");
  });
});

describe("a region that is to be asked", () => {
  const shut = { web: { i1: { state: "half_open", reason: "consecutive", until: 0, generation: 3 } } } as const;

  it("gives the lease that one request waits for, and the others are refused at once", async () => {
    const standing = new Standing({ web: service(1) });
    standing.service("web");
    standing.hear({ verdicts: shut });
    standing.reply = () => ({
      at: Date.now(),
      epochs: { policy: 1, purge: 0, keys: 0, chaos: 0, trials: 0 },
      newsAgeMs: 0,
      verdicts: shut,
      leases: { "web/i1": Date.now() + 10_000 },
      health: {},
      nextReportMs: 1_000,
    });
    const requests = Array.from({ length: 5 }, () => new Request());
    const answers = requests.map((request) => begin(standing, request).answer);
    await vi.advanceTimersByTimeAsync(10);
    expect(standing.asked).toBe(1);
    const probing = requests.findIndex((request) => request.sends.length === 1);
    const refused = answers.filter((_, index) => index !== probing);
    for (const answer of refused) expect(await answer).toMatchObject({ code: "breaker_open" });
    // It does not outlive its lease, and its client is watched.
    const probe = requests[probing]!;
    expect(probe.sends[0]!.deadlineMs).toBeLessThanOrEqual(10_000);
    expect(probe.watched).toBeGreaterThan(0);
    probe.leaving.abort();
    expect(standing.service("web").instances[0]!.probe).toBe("back");
  });

  it("and does not answer is waited for once, 250 ms", async () => {
    const standing = new Standing({ web: service(1) });
    standing.service("web");
    standing.hear({ verdicts: shut });
    standing.reply = undefined;
    const startedAt = Date.now();
    const request = new Request();
    begin(standing, request);
    await request.sent(1);
    // The isolate's own probe, for nobody else can be asked.
    expect(Date.now() - startedAt).toBe(250);
    const refused = begin(standing, new Request()).answer;
    expect(await refused).toMatchObject({ code: "breaker_open" });
    expect(standing.asked).toBe(1);
  });

  it("and has never answered is not waited for at all", async () => {
    const standing = new Standing({ web: service(1) });
    standing.service("web");
    standing.proven = false;
    await vi.advanceTimersByTimeAsync(60_000);
    const requests = Array.from({ length: 5 }, () => new Request());
    for (const request of requests) begin(standing, request);
    await vi.advanceTimersByTimeAsync(0);
    for (const request of requests) expect(request.sends).toHaveLength(1);
    expect(standing.asked).toBe(0);
  });
});
