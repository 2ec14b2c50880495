// What unsafe requests made outdated (RFC 9111 §4.4), on its way from the isolate that saw it to all others: hashes of URLs, and
// when each was found outdated. An entry that was asked for before is gone. It is news and no record: nothing is stored, the newest
// few thousand are kept, and what comes too fast is dropped where it begins, for whoever may send a POST may send many.
// Two URLs of one hash are taken for each other: then something is fetched once too often.
import type { OutdatedPage, OutdatedPairs } from "../protocol/ledgers.ts";
import { hash32 } from "../stats/hash.ts";
import { comparable } from "./purge.ts";

/** Kept by those who pass it on; and what one isolate holds entries against. */
export const MOST_OUTDATED = 4_096;
/** Of one service in a second, as one isolate tells it. */
const MOST_OF_SERVICE = 32;
/** Of all services in a second. */
const MOST_TOLD = 256;

/** As purges compare URLs: the scheme means nothing. */
export const outdatedHash = (url: string): number => hash32(comparable(url) ?? url);

/** What an isolate has to tell. */
export class OutdatedNews {
  /** URLs that were told, and that were not because there were too many. */
  told = 0;
  dropped = 0;
  #byService = new Map<string, Map<number, number>>();
  #count = 0;

  note(service: string, url: string, now: number): void {
    let urls = this.#byService.get(service);
    if (urls === undefined) this.#byService.set(service, (urls = new Map()));
    const hash = outdatedHash(url);
    if (!urls.has(hash)) {
      if (urls.size >= MOST_OF_SERVICE || this.#count >= MOST_TOLD) {
        this.dropped++;
        return;
      }
      this.#count++;
      this.told++;
    }
    urls.set(hash, now);
  }

  /** Not told yet. */
  get pending(): number {
    return this.#count;
  }

  /** Since the last call. */
  drain(): number[] {
    const pairs = [...this.#byService.values()].flatMap((urls) => [...urls].flat());
    this.#byService.clear();
    this.#count = 0;
    return pairs;
  }
}

/** What was heard, by URL: the newest word of each, the oldest of all forgotten first. */
export class OutdatedUrls {
  #at = new Map<number, number>();

  get count(): number {
    return this.#at.size;
  }

  /** Those of the pairs that say something new. */
  take(pairs: OutdatedPairs): number[] {
    const news: number[] = [];
    for (let index = 0; index + 1 < pairs.length; index += 2) {
      const hash = pairs[index]!;
      const at = pairs[index + 1]!;
      if (at <= (this.#at.get(hash) ?? 0)) continue;
      this.#at.delete(hash);
      this.#at.set(hash, at);
      news.push(hash, at);
    }
    for (const hash of this.#at.keys()) {
      if (this.#at.size <= MOST_OUTDATED) break;
      this.#at.delete(hash);
    }
    return news;
  }

  /** Whether what was asked for at this time is older than the last word on its URL. */
  isOutdated(url: string, requestedAt: number): boolean {
    if (this.#at.size === 0) return false;
    const at = this.#at.get(outdatedHash(url));
    return at !== undefined && requestedAt <= at;
  }
}

/** Passes on what is new, numbered by the clock as ledgers are. */
export class OutdatedLog {
  newest = 0;
  #urls = new OutdatedUrls();
  #batches: { readonly number: number; readonly pairs: OutdatedPairs }[] = [];
  #pairs = 0;

  /** From whoever saw it; what is known already changes nothing. */
  append(pairs: OutdatedPairs, now: number): void {
    this.#add(this.#urls.take(pairs), Math.max(now, this.newest + 1));
  }

  /** From who numbers them. */
  take({ newest, pairs }: OutdatedPage): void {
    if (newest <= this.newest) return;
    this.#add(this.#urls.take(pairs), newest);
    this.newest = newest;
  }

  since(known: number): OutdatedPage | undefined {
    if (known >= this.newest) return undefined;
    const pairs = this.#batches.filter(({ number }) => number > known).flatMap((batch) => batch.pairs);
    return { newest: this.newest, pairs };
  }

  #add(pairs: OutdatedPairs, number: number): void {
    if (pairs.length === 0) return;
    this.newest = number;
    this.#batches.push({ number, pairs });
    this.#pairs += pairs.length / 2;
    while (this.#pairs > MOST_OUTDATED) this.#pairs -= this.#batches.shift()!.pairs.length / 2;
  }
}
