import { expect, test } from "vitest";
import { MemoryTier } from "../../../worker/platform/cache/memory.ts";
import { Repeats } from "../../../worker/platform/cache/repeats.ts";
import { entryMeta } from "../../support/entries.ts";

interface Answer {
  readonly acceptEncoding: string | null | undefined;
  readonly text: string;
}
const answer = (text: string, acceptEncoding?: string | null): Answer => ({ acceptEncoding, text });
const textsOf = (repeats: Repeats<Answer>, url: string): string[] => (repeats.of(url) ?? []).map(({ text }) => text);

test("one answer for each word about encodings, the newest first", () => {
  const repeats = new Repeats<Answer>();
  repeats.add("/a", "a", answer("plain", null));
  repeats.add("/a", "a", answer("gzip", "gzip"));
  repeats.add("/a", "a", answer("gzip again", "gzip"));
  expect(textsOf(repeats, "/a")).toEqual(["gzip again", "plain"]);
  for (let n = 0; n < 50; n++) repeats.add("/a", "a", answer(`${n}`, `q${n}`));
  expect(textsOf(repeats, "/a")).toHaveLength(8);
});

test("goes with its line: replaced, updated, forgotten or pushed out", async () => {
  const memory = new MemoryTier(100_000);
  const body = new Uint8Array(100);
  const keep = (key: string): void => {
    memory.keep(entryMeta({ key, url: `https://x/${key}` }), body);
    memory.repeats.add(`https://x/${key}`, key, { acceptEncoding: undefined });
    expect(memory.repeats.of(`https://x/${key}`)).toHaveLength(1);
  };
  keep("replaced");
  memory.keep(entryMeta({ key: "replaced", variant: "other", url: "https://x/replaced" }), body);
  keep("updated");
  await memory.update(entryMeta({ key: "updated", url: "https://x/updated" }), { waitUntil: () => undefined });
  keep("forgotten");
  memory.forget("forgotten");
  keep("pushed");
  for (let n = 0; n < 20; n++) memory.keep(entryMeta({ key: `k${n}` }), new Uint8Array(10_000));
  for (const key of ["replaced", "updated", "forgotten", "pushed"]) {
    expect([key, memory.repeats.of(`https://x/${key}`)]).toEqual([key, undefined]);
  }
  expect(memory.repeats.size).toBe(0);
});

test("many URLs of one line, long ones, and a flood of them are bounded", () => {
  const repeats = new Repeats<Answer>();
  for (let n = 0; n < 100; n++) repeats.add(`/a?utm=${n}`, "a", answer(`${n}`));
  expect(repeats.size).toBe(16);
  expect(textsOf(repeats, "/a?utm=99")).toEqual(["99"]);
  repeats.drop("a");
  expect(repeats.size).toBe(0);
  repeats.add(`/${"x".repeat(3_000)}`, "long", answer("long"));
  expect(repeats.size).toBe(0);
  for (let n = 0; n < 10_000; n++) repeats.add(`/${n}`, `${n}`, answer(`${n}`));
  expect(repeats.size).toBe(4_096);
});
