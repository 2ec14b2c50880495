import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { TAKE_OVER_MS } from "../../worker/core/protocol/pace.ts";
import type { Reply, Report } from "../../worker/core/protocol/reports.ts";
import { ok, refuse, type Result } from "../../worker/core/result/result.ts";
import type { CallFailure } from "../../worker/platform/offpath.ts";
import { Reporter } from "../../worker/platform/reporter.ts";

type Answer = Result<Reply, CallFailure>;
const reply = (more: Partial<Reply> = {}): Answer =>
  ok({
    at: 1,
    epochs: { policy: 0, purge: 0, keys: 0, chaos: 0, trials: 0 },
    newsAgeMs: 0,
    verdicts: {},
    leases: {},
    health: {},
    nextReportMs: 1_000,
    ...more,
  });
const away: Answer = refuse({ kind: "timeout", message: "" });

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

function rig(answer: (report: Report) => Answer | Promise<Answer> = () => reply(), random = () => 0.5) {
  const seen: { at: number; report: Report }[] = [];
  const heard: Reply[] = [];
  const isolate = { requests: 0, restUntil: 0 };
  const reporter = new Reporter(
    "isolate-1",
    () => "weur",
    {
      gather: () => {
        const total = isolate.requests;
        isolate.requests = 0;
        return { generation: 1, services: {}, requests: { total, failed: 0, refused: 0 } };
      },
      send: async (report) => {
        seen.push({ at: Date.now(), report: structuredClone(report) });
        return answer(report);
      },
      heard: (news) => void heard.push(news),
      get restUntil() {
        return isolate.restUntil;
      },
    },
    Date.now,
    random,
  );
  /** A request: counted, and carrying a report when one is due. */
  const request = () => {
    isolate.requests++;
    if (reporter.due(Date.now())) void reporter.send();
  };
  /** Requests every 10 ms. */
  const traffic = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 10) {
      request();
      await vi.advanceTimersByTimeAsync(10);
    }
  };
  return {
    reporter,
    seen,
    heard,
    isolate,
    request,
    traffic,
    told: () => seen.map(({ report }) => report.requests.total),
  };
}

describe("a reporter", () => {
  it("reports once a second while there is traffic, and tells every request once", async () => {
    const { traffic, seen, told, heard } = rig();
    await traffic(10_000);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(seen.length).toBeGreaterThanOrEqual(9);
    expect(seen.length).toBeLessThanOrEqual(12);
    expect(told().reduce((sum, count) => sum + count, 0)).toBe(1_000);
    expect(seen.map(({ report }) => report.sequence)).toEqual(seen.map((_, index) => index + 1));
    expect(heard).toHaveLength(seen.length);
  });

  it("is taken over by a request that was just answered when its turn has nearly come, else it waits to the end", async () => {
    const { request, seen, told } = rig();
    request();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(seen).toHaveLength(1);
    const first = seen[0]!.at;
    // Carries the next one, whose turn is a second after the first.
    request();
    await vi.advanceTimersByTimeAsync(first + 950 - Date.now() - 1);
    expect(seen).toHaveLength(1);
    request();
    await vi.advanceTimersByTimeAsync(11);
    request();
    expect(seen).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2);
    expect(seen.map(({ at }) => at - first)).toEqual([0, 962]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(told()).toEqual([1, 3]);
    request();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(told()).toEqual([1, 3, 1]);
  });

  it("is told again once a turn, however many wait for it, while its region is away", async () => {
    const { traffic, seen } = rig(() => away);
    await traffic(10_000);
    const gaps = seen.slice(1).map(({ at }, index) => at - seen[index]!.at);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(900);
  });

  it("is silent without traffic, and tells the last requests before a pause", async () => {
    const { request, told } = rig();
    request();
    request();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(told()).toEqual([2]);
  });

  it("spreads its reports by a fifth to both sides", async () => {
    for (const [random, ms] of [
      [() => 0, 800],
      [() => 0.999_999, 1_200],
    ] as const) {
      const { traffic, seen } = rig(undefined, random);
      await traffic(2_500);
      // Requests come every 10 ms: one of the first that could take it over did.
      const early = ms - (seen[1]!.at - seen[0]!.at);
      expect(early).toBeGreaterThan(TAKE_OVER_MS - 15);
      expect(early).toBeLessThanOrEqual(TAKE_OVER_MS);
    }
  });

  it("tells of a request a second, and hears what is new, once a second", async () => {
    const { request, seen, told } = rig();
    for (let second = 0; second < 10; second++) {
      request();
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(told()).toEqual(Array<number>(10).fill(1));
    expect(seen.slice(1).map(({ at }, index) => at - seen[index]!.at)).toEqual(Array<number>(9).fill(1_000));
  });

  it("sends the same report under the same number until it is confirmed, then what happened meanwhile", async () => {
    let broken = true;
    const { traffic, seen, told, reporter } = rig(() => (broken ? away : reply()));
    await traffic(3_000);
    const first = seen[0]!.report;
    expect(seen.every(({ report }) => report.sequence === 1 && report.requests.total === first.requests.total)).toBe(
      true,
    );
    expect(seen.at(-1)!.report.spanMs).toBeGreaterThan(first.spanMs);
    // Each says how long ago it was sent first; the first time it says nothing.
    expect(seen.map(({ report }) => report.againAfterMs)).toEqual(
      seen.map(({ at }, index) => (index === 0 ? undefined : at - seen[0]!.at)),
    );
    expect(reporter.failed).toBe(seen.length);
    const before = seen.length;
    broken = false;
    await traffic(3_000);
    await vi.advanceTimersByTimeAsync(2_000);
    const confirmed = told().slice(before);
    expect(confirmed.reduce((sum, count) => sum + count, 0)).toBe(600);
    expect(seen.slice(before).map(({ report }) => report.sequence)).toEqual(confirmed.map((_, index) => index + 1));
  });

  it("keeps to the interval the region asks for, also to a long one", async () => {
    const { request, seen } = rig(() => reply({ nextReportMs: 50_000 }));
    for (let second = 0; second < 200; second++) {
      request();
      await vi.advanceTimersByTimeAsync(1_000);
    }
    const gaps = seen.slice(1).map(({ at }, index) => at - seen[index]!.at);
    expect(gaps.length).toBeGreaterThanOrEqual(3);
    for (const gap of gaps) expect(Math.abs(gap - 50_000)).toBeLessThanOrEqual(2_000);
  });

  it("reports a local trip at once, and not a second time for the wait it overtook", async () => {
    const { reporter, request, seen } = rig();
    request();
    await vi.advanceTimersByTimeAsync(50);
    reporter.hurry();
    request();
    await vi.advanceTimersByTimeAsync(1);
    expect(seen).toHaveLength(1);
    expect(seen[0]!.report).toMatchObject({ urgent: true, requests: { total: 2 } });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(seen).toHaveLength(1);
  });

  it("sends reports one by one: a trip during a call follows it at once", async () => {
    let answer: (value: Answer) => void = () => undefined;
    const { reporter, request, seen } = rig(() => new Promise((resolve) => (answer = resolve)));
    request();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(seen).toHaveLength(1);
    reporter.hurry();
    request();
    await vi.advanceTimersByTimeAsync(100);
    expect(seen).toHaveLength(1);
    answer(reply());
    await vi.advanceTimersByTimeAsync(1);
    expect(seen).toHaveLength(2);
    expect(seen[1]!.report).toMatchObject({ sequence: 2, urgent: true });
  });

  it("asks nothing of a region that is being left alone, not even for a trip", async () => {
    const { reporter, isolate, request, seen } = rig(() => {
      isolate.restUntil = Date.now() + 5_000;
      return away;
    });
    request();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(seen).toHaveLength(1);
    reporter.hurry();
    expect(reporter.due(Date.now() + 3_999)).toBe(false);
    expect(reporter.due(Date.now() + 5_000)).toBe(true);
  });

  it("is taken over by another request when the one that carried it was killed", async () => {
    const { reporter, seen, isolate } = rig();
    isolate.requests = 3;
    // Its timers die with it: the wait never ends.
    void reporter.send();
    vi.clearAllTimers();
    expect(reporter.due(Date.now() + 49)).toBe(false);
    await vi.advanceTimersByTimeAsync(50);
    expect(reporter.due(Date.now())).toBe(true);
    void reporter.send();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(seen[0]!.report.requests.total).toBe(3);
  });

  describe("asked by requests that wait", () => {
    const tails: Promise<unknown>[] = [];
    const background = { waitUntil: (promise: Promise<unknown>) => void tails.push(promise) };

    it("reports at once, one report for all, and settles with its reply", async () => {
      let answer: (value: Answer) => void = () => undefined;
      const { reporter, seen, heard } = rig(() => new Promise((resolve) => (answer = resolve)));
      const settled = vi.fn();
      const first = reporter.ask(background).then(settled);
      expect(seen).toHaveLength(1);
      expect(seen[0]!.report.urgent).toBe(true);
      await vi.advanceTimersByTimeAsync(100);
      expect(settled).not.toHaveBeenCalled();
      answer(reply());
      await first;
      expect(heard).toHaveLength(1);
      expect(seen).toHaveLength(1);
    });

    it("is answered by a report of its own when one was under way, together with whoever asked meanwhile", async () => {
      const answers: ((value: Answer) => void)[] = [];
      const { reporter, seen } = rig(() => new Promise((resolve) => void answers.push(resolve)));
      const first = reporter.ask(background);
      const order: string[] = [];
      const later = Array.from({ length: 20 }, () => reporter.ask(background).then(() => order.push("later")));
      answers[0]!(reply());
      await first;
      await vi.advanceTimersByTimeAsync(1);
      expect(order).toEqual([]);
      expect(seen).toHaveLength(2);
      answers[1]!(reply());
      await Promise.all(later);
      expect(seen).toHaveLength(2);
    });

    it("settles when the region fails, and at once while it is left alone", async () => {
      const { reporter, isolate, seen } = rig(() => away);
      await reporter.ask(background);
      isolate.restUntil = Date.now() + 5_000;
      await reporter.ask(background);
      expect(seen).toHaveLength(1);
    });

    it("tells what is asked for after the report that was not confirmed", async () => {
      let broken = true;
      const { reporter, request, seen } = rig(() => (broken ? away : reply()));
      request();
      await vi.advanceTimersByTimeAsync(150);
      broken = false;
      await reporter.ask(background);
      expect(seen.map(({ report }) => report.sequence)).toEqual([1, 1, 2]);
    });
  });
});
