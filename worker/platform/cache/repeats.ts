// Answers that may be given again as they were, by the URL they were asked for under: what the isolate's own level keeps for
// the requests that ask for the same plain thing many times a second. They belong to a line of the level and go with it,
// whenever it is replaced, forgotten or pushed out; and they are few.

/** Of one URL: the answers to different words about encodings. */
const MOST_OF_URL = 8;
/** Of one line: URLs that a rule keys alike. */
const MOST_OF_LINE = 16;
const LONGEST_URL = 2_048;
/** A URL of that length, twice; answers are shared with their entries. */
const MOST_URLS = 4_096;

/** What tells the answers of one URL apart. */
export interface Repeatable {
  /** The request's `Accept-Encoding`, where the answer depends on it; undefined where it doesn't. */
  readonly acceptEncoding: string | null | undefined;
}

export class Repeats<R extends Repeatable> {
  /** Counts the answers that were given again. */
  given = 0;
  #byUrl = new Map<string, R[]>();
  #urls = new Map<string, string[]>();

  get size(): number {
    return this.#byUrl.size;
  }

  /** All that may be given again for a URL. */
  of(url: string): readonly R[] | undefined {
    // A look into a map takes the hash of a text that nobody has hashed yet.
    return this.#byUrl.size === 0 ? undefined : this.#byUrl.get(url);
  }

  /** In place of the one that was known for the same words. `key`: of the line that it belongs to. */
  add(url: string, key: string, repeat: R): void {
    if (url.length > LONGEST_URL) return;
    const known = this.#byUrl.get(url);
    if (known !== undefined) {
      const others = known.filter(({ acceptEncoding }) => acceptEncoding !== repeat.acceptEncoding);
      this.#byUrl.set(url, [repeat, ...others].slice(0, MOST_OF_URL));
      return;
    }
    if (this.#byUrl.size >= MOST_URLS) return;
    const urls = this.#urls.get(key);
    if (urls === undefined) this.#urls.set(key, [url]);
    else {
      if (urls.length >= MOST_OF_LINE) this.#byUrl.delete(urls.shift()!);
      urls.push(url);
    }
    this.#byUrl.set(url, [repeat]);
  }

  /** The line is another now, or none. */
  drop(key: string): void {
    const urls = this.#urls.get(key);
    if (urls === undefined) return;
    this.#urls.delete(key);
    for (const url of urls) this.#byUrl.delete(url);
  }
}
