import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { News as RegionNews } from "../../worker/core/protocol/objects.ts";
import { News, type Background, type NewsSource } from "../../worker/platform/news.ts";
import { OffPath } from "../../worker/platform/offpath.ts";

const EPOCHS = { policy: 1, purge: 0, keys: 0, chaos: 0, trials: 0 };
const ctx: Background = { waitUntil: () => undefined };

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A region that answers after `delayMs`, or never. */
function source(
  delayMs: number | "never" | "throws",
  ageMs = 0,
): NewsSource & { asked: number; looked: number; silent: boolean; delayMs: typeof delayMs } {
  const offPath = new OffPath("region");
  return {
    asked: 0,
    looked: 0,
    silent: false,
    delayMs,
    async isSilent() {
      this.looked++;
      return this.silent;
    },
    get answered() {
      return offPath.answered;
    },
    get failuresInARow() {
      return offPath.failuresInARow;
    },
    ask() {
      return offPath.call<RegionNews>(async () => {
        this.asked++;
        if (this.delayMs === "throws") throw new Error("internal error");
        if (this.delayMs === "never") return new Promise<never>(() => {});
        await new Promise((resolve) => setTimeout(resolve, this.delayMs as number));
        return { epochs: EPOCHS, ageMs };
      });
    },
  };
}

/** How long it waits, ms. */
async function waited(news: News): Promise<number> {
  const started = Date.now();
  const refreshed = news.refresh(ctx).then(() => Date.now());
  await vi.advanceTimersByTimeAsync(150);
  return (await refreshed) - started;
}

describe("control news", () => {
  it("is good for five seconds after it was true", async () => {
    const news = new News(source(0));
    expect(news.fresh(Date.now())).toBe(false);
    news.hear(EPOCHS, 0);
    expect(news.fresh(Date.now() + 4_999)).toBe(true);
    expect(news.fresh(Date.now() + 5_000)).toBe(false);
    const aged = new News(source(0));
    aged.hear(EPOCHS, 3_000);
    expect(aged.fresh(Date.now() + 1_999)).toBe(true);
    expect(aged.fresh(Date.now() + 2_000)).toBe(false);
  });

  it("only rises, whichever answer comes in last", () => {
    const news = new News(source(0));
    news.hear({ policy: 5, purge: 9, keys: 1, chaos: 2, trials: 3 }, 0);
    news.hear({ policy: 4, purge: 12, keys: 0, chaos: 0, trials: 0 }, 2_000);
    expect(news.epochs).toEqual({ policy: 5, purge: 12, keys: 1, chaos: 2, trials: 3 });
    expect(news.asOf).toBe(Date.now());
  });

  it("is asked for once by all requests that find it old, and they wait for the answer", async () => {
    const region = source(20);
    const news = new News(region);
    const waits = Promise.all(Array.from({ length: 10 }, () => news.refresh(ctx)));
    await vi.advanceTimersByTimeAsync(20);
    await waits;
    expect(region.asked).toBe(1);
    expect(news.fresh(Date.now())).toBe(true);
    expect(news.epochs).toEqual(EPOCHS);
  });

  it("is waited for by everyone, without a cap, once the region has proven itself", async () => {
    const region = source(5);
    const news = new News(region);
    await waited(news);
    await vi.advanceTimersByTimeAsync(60_000);
    region.delayMs = 80;
    let pending = 200;
    for (let n = 0; n < 200; n++) void news.refresh(ctx).then(() => pending--);
    await vi.advanceTimersByTimeAsync(79);
    expect(pending).toBe(200);
    await vi.advanceTimersByTimeAsync(1);
    expect(pending).toBe(0);
  });

  it("keeps nobody waiting for longer than 100 ms, and nobody else while the same question is open", async () => {
    const region = source("never");
    const news = new News(region);
    expect(await waited(news)).toBe(100);
    expect(news.fresh(Date.now())).toBe(true);
    expect(await waited(news)).toBe(0);
    expect(region.asked).toBe(1);
  });

  it("keeps few waiting, and only 50 ms, while the region has never answered", async () => {
    const news = new News(source("never"));
    const ends: number[] = [];
    const started = Date.now();
    for (let n = 0; n < 500; n++) void news.refresh(ctx).then(() => ends.push(Date.now() - started));
    await vi.advanceTimersByTimeAsync(150);
    expect(ends).toHaveLength(500);
    expect(ends.filter((ms) => ms === 0)).toHaveLength(483);
    expect(ends.filter((ms) => ms === 50)).toHaveLength(16);
    expect(ends.filter((ms) => ms === 100)).toHaveLength(1);
    expect(ends.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(1_000);
  });

  it("waits for no region that others wait for in vain, and hears it all the same", async () => {
    const region = source(400);
    region.silent = true;
    const news = new News(region);
    const waits = Promise.all(Array.from({ length: 10 }, () => waited(news)));
    expect(await waits).toEqual(Array<number>(10).fill(0));
    expect([region.asked, region.looked]).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(400);
    expect(news.epochs).toEqual(EPOCHS);
    // From now on it knows the region for itself.
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await waited(news)).toBe(100);
    expect(region.looked).toBe(1);
  });

  it.each(["never", "throws"] as const)(
    "adds at most 2 s to 500 requests at 50 a second when the region %s",
    async (fault) => {
      const region = source(fault);
      const news = new News(region);
      let added = 0;
      for (let n = 0; n < 500; n++) {
        const started = Date.now();
        if (!news.fresh(started)) void news.refresh(ctx).then(() => (added += Date.now() - started));
        await vi.advanceTimersByTimeAsync(20);
      }
      expect(added).toBeLessThanOrEqual(2_000);
      expect(region.asked).toBeLessThanOrEqual(5);
    },
  );

  it("asks again after the region came back", async () => {
    const region = source("throws");
    const news = new News(region);
    await waited(news);
    expect(news.fresh(Date.now() + 4_800)).toBe(true);
    region.delayMs = 1;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await waited(news)).toBe(1);
    expect(news.epochs).toEqual(EPOCHS);
  });

  it("asks anew when the request that asked was killed before the answer", async () => {
    const asked: number[] = [];
    const killed: NewsSource = {
      isSilent: () => Promise.resolve(false),
      answered: true,
      failuresInARow: 0,
      ask: () => {
        asked.push(Date.now());
        return asked.length === 1
          ? new Promise(() => {})
          : Promise.resolve({ ok: true, value: { epochs: EPOCHS, ageMs: 0 } });
      },
    };
    const news = new News(killed);
    expect(await waited(news)).toBe(100);
    await vi.advanceTimersByTimeAsync(2_500);
    await waited(news);
    expect(asked).toHaveLength(2);
    expect(news.epochs).toEqual(EPOCHS);
  });

  it("keeps the request that asks alive until the answer is there", async () => {
    const kept: Promise<unknown>[] = [];
    const news = new News(source("never"));
    void news.refresh({ waitUntil: (promise) => void kept.push(promise) });
    void news.refresh({ waitUntil: (promise) => void kept.push(promise) });
    expect(kept).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2_000);
    await kept[0];
  });

  it("that is old at its source is asked for again after a second, not by every request", async () => {
    const region = source(1, 60_000);
    const news = new News(region);
    await waited(news);
    expect(news.fresh(Date.now() + 800)).toBe(true);
    expect(news.fresh(Date.now() + 1_000)).toBe(false);
  });
});
