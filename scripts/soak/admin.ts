// The admin API as the soak's operator uses it: JSON in and out, a write is acknowledged by a 2xx and by nothing else. An answer that did not
// come says nothing about the write.
import { clock } from "./client.ts";
import { ADMIN_TOKEN } from "./fleet.ts";

const PATIENCE_MS = 15_000;

export interface AdminAnswer {
  /** 0: none came. */
  readonly status: number;
  readonly text: string;
  readonly etag: string;
  readonly tookMs: number;
}

export class Admin {
  readonly #origins: readonly string[];
  readonly #onText: (what: string, text: string) => void;

  /** `onText` sees all that is said. */
  constructor(origins: readonly string[], onText: (what: string, text: string) => void) {
    this.#origins = origins;
    this.#onText = onText;
  }

  async ask(region: number, path: string, method = "GET", body?: unknown): Promise<AdminAnswer> {
    const startedAt = clock();
    try {
      const answer = await fetch(`${this.#origins[region]!}/_sluice/admin/${path}`, {
        method,
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const text = await answer.text();
      this.#onText(`admin ${method} ${path}`, text);
      return { status: answer.status, text, etag: answer.headers.get("etag") ?? "", tookMs: clock() - startedAt };
    } catch {
      // Nobody answered: what was asked for may have been done.
      return { status: 0, text: "", etag: "", tookMs: clock() - startedAt };
    }
  }

  /** Every page of a list; undefined when one of them was not to be had. */
  async list<T>(region: number, path: string, limit = 200): Promise<T[] | undefined> {
    const items: T[] = [];
    const seen = new Set<string>();
    for (let cursor: string | null = ""; cursor !== null;) {
      const from: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const answer = await this.ask(region, `${path}?limit=${limit}${from}`);
      if (answer.status !== 200) return undefined;
      const page = JSON.parse(answer.text) as { items: T[]; next: string | null };
      items.push(...page.items);
      cursor = page.next;
      if (cursor !== null && seen.has(cursor))
        throw new Error(`${path} has a page behind ${cursor} that ends there again`);
      if (cursor !== null) seen.add(cursor);
    }
    return items;
  }
}

export const isAcknowledged = ({ status }: AdminAnswer): boolean => status >= 200 && status < 300;
