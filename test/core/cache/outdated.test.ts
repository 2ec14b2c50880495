import { describe, expect, it } from "vitest";
import {
  MOST_OUTDATED,
  OutdatedLog,
  OutdatedNews,
  outdatedHash,
  OutdatedUrls,
} from "../../../worker/core/cache/outdated.ts";

describe("what an isolate tells", () => {
  it("is each URL once, with the time of the last unsafe request", () => {
    const news = new OutdatedNews();
    news.note("web", "https://shop.example/a", 10);
    news.note("web", "http://SHOP.example/a", 20);
    news.note("api", "https://shop.example/b", 15);
    expect(news.drain()).toEqual([outdatedHash("https://shop.example/a"), 20, outdatedHash("shop.example/b"), 15]);
    expect(news.drain()).toEqual([]);
    expect([news.told, news.dropped]).toEqual([2, 0]);
  });

  it("is bounded for a service, so that a flood at one leaves room for the others, and in all", () => {
    const news = new OutdatedNews();
    for (let n = 0; n < 1_000; n++) news.note("flooded", `https://x/${n}`, n);
    news.note("quiet", "https://y/", 1);
    expect(news.drain()).toHaveLength(2 * 33);
    expect([news.told, news.dropped]).toEqual([33, 968]);
    for (let n = 0; n < 1_000; n++) news.note(`service ${n % 100}`, `https://x/${n}`, n);
    expect(news.drain()).toHaveLength(2 * 256);
  });
});

describe("what was heard", () => {
  it("ends what was asked for before, and nothing else", () => {
    const urls = new OutdatedUrls();
    expect(urls.isOutdated("https://x/a", 5)).toBe(false);
    expect(urls.take([outdatedHash("https://x/a"), 10])).toHaveLength(2);
    expect(urls.isOutdated("https://x/a", 10)).toBe(true);
    expect(urls.isOutdated("https://x/a", 11)).toBe(false);
    expect(urls.isOutdated("https://x/b", 5)).toBe(false);
    // An older word changes nothing.
    expect(urls.take([outdatedHash("https://x/a"), 9, 1])).toEqual([]);
    expect(urls.isOutdated("https://x/a", 10)).toBe(true);
  });

  it("is bounded", () => {
    const urls = new OutdatedUrls();
    urls.take(Array.from({ length: 20_000 }, (_, index) => index + 1));
    expect(urls.count).toBe(MOST_OUTDATED);
  });
});

describe("who passes it on", () => {
  it("numbers what is new, and gives each what he has not heard", () => {
    const log = new OutdatedLog();
    expect(log.since(0)).toBeUndefined();
    log.append([1, 100, 2, 100], 1_000);
    log.append([1, 100, 2, 100], 1_500);
    expect(log.newest).toBe(1_000);
    log.append([1, 200], 900);
    expect(log.newest).toBe(1_001);
    expect(log.since(0)).toEqual({ newest: 1_001, pairs: [1, 100, 2, 100, 1, 200] });
    expect(log.since(1_000)).toEqual({ newest: 1_001, pairs: [1, 200] });
    expect(log.since(1_001)).toBeUndefined();
  });

  it("takes the numbers of the one before it, each page once", () => {
    const control = new OutdatedLog();
    const region = new OutdatedLog();
    control.append([1, 100], 1_000);
    region.take(control.since(0)!);
    region.take(control.since(0)!);
    expect(region.since(0)).toEqual({ newest: 1_000, pairs: [1, 100] });
    control.append([2, 150], 2_000);
    region.take(control.since(region.newest)!);
    expect(region.since(1_000)).toEqual({ newest: 2_000, pairs: [2, 150] });
  });

  it("keeps the newest only", () => {
    const log = new OutdatedLog();
    for (let n = 1; n <= 100; n++)
      log.append(
        Array.from({ length: 512 }, (_, index) => n * 1_000 + index),
        n,
      );
    expect(log.since(0)!.pairs.length).toBeLessThanOrEqual(2 * MOST_OUTDATED);
    expect(log.since(99)!.pairs).toHaveLength(512);
  });
});
