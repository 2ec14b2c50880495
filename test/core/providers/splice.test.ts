// An answer that was cut anywhere and finished in any of the ways models finish it reads as if it had never been cut.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitsWord, type SpliceOptions } from "../../../worker/core/providers/seam-space.ts";
import { endSplice, startSplice, takePiece } from "../../../worker/core/providers/splice.ts";

const PROSE =
  "The lighthouse at Sankt Peter was built in 1907, three years after the storm that took the old one. Its keeper, a woman " +
  "named Alma Brandt, wrote every night what she saw: ships, weather, and once a whale that stayed until morning.\n\n" +
  "Nobody read her books until 1986, when a school class found them under the stairs. They had been dry for eighty " +
  "years; only the ink of the first volume had turned brown. Today they lie in the museum of Kiel, behind glass, and " +
  "every page has been photographed so that nobody needs to touch them again.";
const GERMAN =
  "Die Straße führt über drei Brücken ins Tal. Jede ist älter als die nächste, und keine trägt mehr als einen Wagen. Wer " +
  "hinunter will, wartet oben, bis das Licht wechselt; das dauert manchmal eine Stunde.";
const JAPANESE =
  "東京の朝は静かに始まります。駅前の喫茶店では、店主が豆を挽きながら最初の客を待っています。電車が通るたびに窓がかすかに震え、" +
  "光がテーブルの上を横切っていきます。";
const CODE =
  "Here is the function you asked for:\n\n```ts\nexport function sum(values: readonly number[]): number {\n  let total = 0;\n" +
  "  for (const value of values) total += value;\n  return total;\n}\n```\n\nIt runs in linear time and does not change its input.";
const TEXTS = [PROSE, GERMAN, JAPANESE, CODE];

/** What the client has in the end; undefined when the two could not be brought together. */
function finished(
  sent: string,
  continuation: string,
  options: SpliceOptions,
  pieces: readonly number[] = [],
): string | undefined {
  const splice = startSplice(sent, options);
  let all = sent;
  let from = 0;
  for (const cut of pieces.map((each) => each % (continuation.length + 1)).sort((a, b) => a - b)) {
    all += takePiece(splice, continuation.slice(from, cut));
    from = Math.max(from, cut);
  }
  all += takePiece(splice, continuation.slice(from));
  all += endSplice(splice);
  return splice.state === "joined" ? all : undefined;
}

const prefill: SpliceOptions = { mode: "prefill", splitShare: 0 };
const instruction: SpliceOptions = { mode: "instruction", splitShare: 0.1 };

const text = fc.constantFrom(...TEXTS);
const cutText = text.chain((all) => fc.tuple(fc.constant(all), fc.integer({ min: 1, max: all.length - 1 })));
const pieces = fc.array(fc.nat(700), { maxLength: 60 });
const runs = { numRuns: 1500 };

describe("a continuation", () => {
  it("that goes on exactly, as a prefilled model does, loses and repeats nothing", () => {
    fc.assert(
      fc.property(cutText, pieces, ([all, cut], at) => {
        const sent = all.slice(0, cut);
        // The model is given the text without the white space at its end.
        const rest = all.slice(sent.trimEnd().length);
        expect(finished(sent, rest, prefill, at)).toBe(all);
        expect(finished(sent, rest, { mode: "instruction", splitShare: 0.9 }, at)).toBe(all);
      }),
      runs,
    );
  });

  it("that starts all over is sent from where the first one broke off", () => {
    fc.assert(
      fc.property(cutText, pieces, fc.constantFrom(prefill, instruction), ([all, cut], at, options) => {
        fc.pre(options.mode === "instruction" || cut > 12);
        expect(finished(all.slice(0, cut), all, options, at)).toBe(all);
      }),
      runs,
    );
  });

  it("that starts all over laid out anew goes on with the same words", () => {
    fc.assert(
      fc.property(fc.constant(PROSE), fc.integer({ min: 12, max: 600 }), pieces, (all, cut, at) => {
        const again = all.replaceAll(" ", "\n").toUpperCase();
        const whole = finished(all.slice(0, cut), again, instruction, at);
        expect(whole?.toUpperCase().replaceAll(/\s+/g, " ")).toBe(all.toUpperCase().replaceAll(/\s+/g, " "));
      }),
    );
  });

  const spaced = fc.constantFrom(PROSE, GERMAN);
  it("that begins with the last words, as it is told to, repeats none of them", () => {
    fc.assert(
      fc.property(
        spaced,
        fc.integer({ min: 40, max: 230 }),
        fc.integer({ min: 2, max: 9 }),
        pieces,
        (all, cut, words, at) => {
          const sent = all.slice(0, cut);
          const starts = [...sent.matchAll(/\S+/g)].map(({ index }) => index);
          const from = starts.at(-words) ?? 0;
          expect(finished(sent, all.slice(from), instruction, at)).toBe(all);
        },
      ),
      runs,
    );
  });

  it("that goes on after the last whole word, without the space before it, gets that space", () => {
    fc.assert(
      fc.property(spaced, fc.nat(20), pieces, (all, nth, at) => {
        const ends = [...all.matchAll(/\S(?=\s)/g)].map(({ index }) => index + 1);
        const cut = ends[nth % ends.length]!;
        const rest = all.slice(cut);
        fc.pre(!rest.startsWith("\n"));
        expect(finished(all.slice(0, cut), rest.trimStart(), instruction, at)).toBe(all);
        expect(finished(all.slice(0, cut + 1), rest.trimStart(), instruction, at)).toBe(all);
      }),
    );
  });

  it.each<[name: string, sent: string, continuation: string, whole: string | undefined]>([
    ["announces itself", "One two three", "Sure, here is the rest:\n\nfour five", "One two three four five"],
    [
      "announces itself and repeats",
      "One two three fo",
      "Continuing from where I left off:\nthree four five",
      "One two three four five",
    ],
    ["begins with dots", "One two three", "… four five", "One two three four five"],
    [
      "opens the code block anew",
      "```js\nlet a = 1;\n",
      "```js\nlet b = 2;\n```",
      "```js\nlet a = 1;\nlet b = 2;\n```",
    ],
    ["repeats one word", "he looked at the", "the sea", "he looked at the sea"],
    ["writes the broken word whole", "he looked at the hori", "horizon and left", "he looked at the horizon and left"],
    ["begins with another word that starts alike", "and so did I", "In the end", "and so did I In the end"],
    ["begins with punctuation", "he left", ", and she stayed", "he left, and she stayed"],
    ["begins a sentence", "He left.", "She stayed.", "He left. She stayed."],
    ["has nothing to add", "He left.", "", "He left."],
    [
      "repeats everything and adds nothing",
      "He left the house at dawn.",
      "He left the house at dawn.",
      "He left the house at dawn.",
    ],
    [
      "says the last sentence in other words",
      "It stands on the hill above the town, and from it one can see the whole bay as far as the",
      "It stands on a hill over the town, and from it one can see the bay as far as the islands.",
      "It stands on the hill above the town, and from it one can see the whole bay as far as the islands.",
    ],
    [
      "starts over and says some of it in other words",
      "Three things matter in a tent: weight, space, and how it stands in wind. The first one is the easiest to meas",
      "Three things matter in a tent: weight, room, and how well it stands in wind. The first one is the easiest to measure.",
      "Three things matter in a tent: weight, space, and how it stands in wind. The first one is the easiest to measure.",
    ],
    [
      "starts over and never comes back to where it was",
      "Three things matter in a tent: weight, space, and how it stands in wind. The first one",
      "Three things matter in a tent: weight, colour and price. Colour is a matter of taste.",
      undefined,
    ],
    [
      "continues a list whose lines are alike",
      "- width: number, must be a positive integer\n- height: number, must be a positive integer",
      "\n- depth: number, must be a positive integer",
      "- width: number, must be a positive integer\n- height: number, must be a positive integer\n- depth: number, must be a positive integer",
    ],
  ])("%s", (_, sent, continuation, whole) => {
    expect(finished(sent, continuation, instruction)).toBe(whole);
  });

  it("of a model that continues its own text may repeat what repeats itself", () => {
    expect(finished("ha ha ha ha ha ha ha ha ha", " ha ha ha ha ha ha ha ha, he said", prefill)).toBe(
      "ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha, he said",
    );
    expect(finished("0, 0, 0, 0, 0, 0, 0, 0,", " 0, 0, 0, 1", prefill)).toBe("0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1");
  });

  it("costs linear time, however long both are", () => {
    const long = Array.from({ length: 20_000 }, (_, index) => `word${index}`).join(" ");
    const before = performance.now();
    expect(
      finished(
        long.slice(0, 150_000),
        long,
        instruction,
        Array.from({ length: 5000 }, (_, n) => n * 30),
      ),
    ).toBe(long);
    expect(performance.now() - before).toBeLessThan(3_000);
  });
});

it("a piece that begins inside a word is told from one that does not", () => {
  expect(splitsWord("Hel", "lo")).toBe(true);
  expect(splitsWord("Hello", " world")).toBe(false);
  expect(splitsWord("Hello ", "world")).toBe(false);
  expect(splitsWord("", "Hello")).toBe(false);
});
