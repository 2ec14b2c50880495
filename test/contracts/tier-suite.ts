// What every level of the cache owes, whatever it is made of: one suite against each. In Node run memory and Redis (tiers.test.ts),
// in workerd this colo's cache and KV (tiers.workerd.test.ts), and in both several levels put together.
import { describe, expect, test } from "vitest";
import { isEntryMeta } from "../../worker/core/cache/entry.ts";
import { MOST_VARIANTS } from "../../worker/platform/cache/memory.ts";
import type { CacheTier, StoredBody } from "../../worker/platform/cache/tier.ts";
import { entryMeta } from "../support/entries.ts";

const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(new TextEncoder().encode(text));

async function textOf(body: StoredBody): Promise<string> {
  if (body instanceof Uint8Array) return new TextDecoder().decode(body);
  return new Response(await body.open()).text();
}

const background = { waitUntil: () => undefined };

/** `make` gives a level that holds nothing yet, whose clock stands at `NOW`. */
export function tierSuite(name: string, make: () => CacheTier): void {
  describe(name, () => {
    test("holds nothing of what it was not given", async () => {
      expect(await make().variants("GET /")).toEqual([]);
    });

    test("gives back metadata and body as they were", async () => {
      const level = make();
      const meta = entryMeta({ key: "k", status: 404, headers: [["x-a", "1"]], bodyBytes: 5 });
      expect(await level.put(meta, bytes("hello"), background)).toBe(true);
      const [entry] = await level.variants("k");
      expect(entry!.meta).toEqual(meta);
      expect(isEntryMeta(entry!.meta, "k")).toBe(true);
      expect(await textOf(entry!.body)).toBe("hello");
    });

    test("keeps variants beside each other, and one of the same name replaces", async () => {
      const level = make();
      const vary = (value: string) => [["accept-language", value]] as const;
      await level.put(entryMeta({ key: "k", variant: "en", vary: vary("en") }), bytes("hello"), background);
      await level.put(entryMeta({ key: "k", variant: "fr", vary: vary("fr") }), bytes("bonjour"), background);
      await level.put(entryMeta({ key: "k", variant: "en", vary: vary("en") }), bytes("hi"), background);
      const found = await level.variants("k");
      const texts = await Promise.all(found.map(async (each) => `${each.meta.variant} ${await textOf(each.body)}`));
      expect(texts.sort()).toEqual(["en hi", "fr bonjour"]);
    });

    test("keeps a bounded number of variants", async () => {
      const level = make();
      for (let n = 0; n < MOST_VARIANTS + 4; n++) {
        await level.put(entryMeta({ key: "k", variant: `v${n}`, dateAt: n }), bytes(String(n)), background);
      }
      const names = (await level.variants("k")).map(({ meta }) => meta.variant);
      expect(names).toHaveLength(MOST_VARIANTS);
      expect(names).toContain(`v${MOST_VARIANTS + 3}`);
      expect(names).not.toContain("v0");
    });

    test("takes new metadata for a body it holds, and none for one it does not", async () => {
      const level = make();
      await level.put(entryMeta({ key: "k", bodyBytes: 5 }), bytes("hello"), background);
      expect(await level.update(entryMeta({ key: "k", bodyBytes: 5, etag: '"2"' }), background)).toBe(true);
      expect(await level.update(entryMeta({ key: "other" }), background)).toBe(false);
      const [entry] = await level.variants("k");
      expect(entry!.meta.etag).toBe('"2"');
      expect(await textOf(entry!.body)).toBe("hello");
    });

    test("forgets a key with all its variants", async () => {
      const level = make();
      await level.put(entryMeta({ key: "k", variant: "en" }), bytes("a"), background);
      await level.put(entryMeta({ key: "k", variant: "fr" }), bytes("b"), background);
      await level.delete("k");
      expect(await level.variants("k")).toEqual([]);
    });
  });
}
