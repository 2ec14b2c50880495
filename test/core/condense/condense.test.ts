// Whatever the conversation and the strategy, what must stay stays, and the result is within its bound.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as v from "valibot";
import { condensedField, extract, plan } from "../../../worker/core/condense/condense.ts";
import type { Condensed, CondenseOptions } from "../../../worker/core/condense/condense.ts";
import { condenseOptions } from "../../../worker/core/condense/options.ts";
import { piecesOf } from "../../../worker/core/condense/sentences.ts";
import { tokensOf, tokensOfItem } from "../../../worker/core/condense/units.ts";
import type { Item } from "../../../worker/core/condense/units.ts";

const STRATEGIES = ["semantic", "structural", "temporal", "hybrid"] as const;
const optionsOf = (changes: v.InferInput<typeof condenseOptions>): CondenseOptions => v.parse(condenseOptions, changes);
const NOW = 1_790_000_000_000;

const say = (role: Item["role"], text: string, calls: string[] = []): Item => ({ role, text, calls });

function condensed(items: readonly Item[], options: CondenseOptions, maxTokens: number, summary?: string): Condensed {
  const planned = plan(items, options, maxTokens, NOW);
  return planned.finish(planned.wanted.map(() => summary));
}

const textsOf = (items: readonly Item[], { kept }: Condensed): string[] =>
  kept.map(({ from, text }) => text ?? items[from]!.text);

const SENTENCES = [
  "The deployment failed at 14:20 with error 502. ",
  "We must never restart both nodes at once. ",
  "I had a nice lunch by the river and thought of nothing. ",
  "The decision was to keep PostgreSQL 17 and drop the old replica. ",
  "Das Ergebnis ist eindeutig: der Fehler liegt im Zwischenspeicher. ",
  "結果として、設定を変更する必要があります。",
  "Well, maybe, who knows. ",
  "See https://example.org/runbook for the steps. ",
  "\n```sh\nkubectl rollout undo deployment/api\nkubectl get pods\n```\n",
];

const prose = fc.array(fc.constantFrom(...SENTENCES), { minLength: 1, maxLength: 8 }).map((all) => all.join(""));
/** A question, perhaps a call of a tool with its results, and an answer. */
const turn = fc
  .tuple(prose, fc.boolean(), prose, fc.nat(1000))
  .map(([asked, calls, answered, id]): Item[] => [
    say("user", asked),
    ...(calls
      ? [
          say("assistant", "", [`a${id}`, `b${id}`]),
          say("tool", "result one", [`a${id}`]),
          say("tool", answered, [`b${id}`]),
        ]
      : []),
    say("assistant", answered),
  ]);
const conversation = fc
  .tuple(fc.boolean(), fc.array(turn, { minLength: 1, maxLength: 14 }))
  .map(([hasSystem, turns]) => [...(hasSystem ? [say("system", "You are terse.")] : []), ...turns.flat()]);

describe.each(STRATEGIES)("%s", (strategy) => {
  it("keeps what must stay, in order, within the bound", () => {
    fc.assert(
      fc.property(
        conversation,
        fc.integer({ min: 10, max: 900 }),
        fc.nat(3),
        fc.option(fc.constant("They spoke about the deployment."), { nil: undefined }),
        (items, maxTokens, keepTurns, summary) => {
          const options = optionsOf({ strategy, keepTurns });
          const result = condensed(items, options, maxTokens, summary);
          const order = result.kept.map(({ from }) => from).filter((from) => from !== -1);
          expect(order).toEqual([...order].sort((a, b) => a - b));
          expect(new Set(order).size).toBe(order.length);
          // The system's word, the newest turns, and the last message in any case.
          const questions = items.flatMap(({ role }, index) => (role === "user" ? [index] : []));
          const newest = keepTurns === 0 ? items.length - 1 : (questions.at(-keepTurns) ?? 0);
          items.forEach(({ role }, index) => {
            if (role === "system" || index >= newest) expect(result.kept).toContainEqual({ from: index });
          });
          // Calls and results together.
          const calls = (role: Item["role"]): string[] =>
            order.flatMap((from) => (items[from]!.role === role ? items[from]!.calls : [])).sort();
          expect(calls("assistant")).toEqual(calls("tool"));
          // Code whole or not there.
          for (const text of textsOf(items, result)) expect((text.match(/```/g) ?? []).length % 2).toBe(0);
          const real = result.kept.reduce(
            (sum, { from, text }) => sum + tokensOfItem(text === undefined ? items[from]! : say("user", text)),
            0,
          );
          expect(result.after).toBe(real);
          if (result.fits) expect(real).toBeLessThanOrEqual(maxTokens);
          expect(result.before).toBe(items.reduce((sum, item) => sum + tokensOfItem(item), 0));
          expect(result.after).toBeLessThanOrEqual(result.before);
          const first = result.kept.find(({ from }) => from === -1 || items[from]!.role !== "system");
          if (first!.from > 0 && first!.from < newest) expect(items[first!.from]!.role).toBe("user");
        },
      ),
      { numRuns: 100 },
    );
  });

  it("leaves alone what fits", () => {
    const items = [say("user", "Hello."), say("assistant", "Hello to you.")];
    const result = condensed(items, optionsOf({ strategy }), 1000);
    expect(result.kept).toEqual([{ from: 0 }, { from: 1 }]);
    expect(condensedField(result)).toBe(`${result.before}/${result.before}`);
  });

  it("says when what must stay does not fit", () => {
    const items = [say("system", "word ".repeat(500)), say("user", "old"), say("user", "new")];
    const result = condensed(items, optionsOf({ strategy, keepTurns: 1 }), 100);
    expect(result.fits).toBe(false);
    expect(result.kept).toEqual([{ from: 0 }, { from: 2 }]);
  });

  it("takes 100 KB in bounded time", () => {
    const line = (n: number): string => SENTENCES.map((sentence) => `${sentence.trim()} (${n})`).join(" ");
    const items = Array.from({ length: 220 }, (_, n) => say(n % 2 === 0 ? "user" : "assistant", line(n)));
    expect(items.reduce((sum, { text }) => sum + text.length, 0)).toBeGreaterThan(90_000);
    condensed(items, optionsOf({ strategy }), 4_000);
    const before = performance.now();
    expect(condensed(items, optionsOf({ strategy }), 4_000).fits).toBe(true);
    const ms = performance.now() - before;
    // Generous, for the machine may be busy; 30 to 60 ms when it is not.
    expect(ms).toBeLessThan(500);
  });

  it.each<[name: string, text: string]>([
    ["one unbroken word", "x".repeat(100_000)],
    ["nothing but backticks", "`".repeat(100_000)],
    ["nothing but points", ". ".repeat(50_000)],
    ["white space", " \n".repeat(50_000)],
    ["fences never closed", "```\n".repeat(25_001)],
    ["Thai", "ภาษาไทยไม่มีช่องว่าง".repeat(5_000)],
  ])("is not stopped by %s", (_, text) => {
    const items = [say("user", text), say("assistant", text), say("user", "And now?")];
    const before = performance.now();
    expect(condensed(items, optionsOf({ strategy, keepTurns: 1 }), 500).fits).toBe(true);
    expect(performance.now() - before).toBeLessThan(3_000);
  });
});

describe("semantic", () => {
  const cats = [
    "The cat eats fish.",
    "Cats like fish and milk.",
    "Which fish for a cat?",
    "Cat fish is a fish, no cat.",
  ];
  const ships = ["Ships sail the ocean.", "A ship with a mast sails."];
  const items = [
    ...cats.map((text, n) => say(n % 2 === 0 ? "user" : "assistant", text.repeat(20))),
    ...ships.map((text, n) => say(n % 2 === 0 ? "user" : "assistant", text.repeat(3))),
    say("user", "Thanks."),
  ];

  it("asks for a summary of a large topic and leaves a small one whole", () => {
    const planned = plan(items, optionsOf({ strategy: "semantic", keepTurns: 1 }), 220, NOW);
    expect(planned.wanted).toHaveLength(1);
    expect(planned.wanted[0]!.text).toContain("Cats like fish");
    expect(planned.wanted[0]!.text).not.toContain("ocean");
    const { kept } = planned.finish(["Cats eat fish."]);
    expect(kept).toEqual([
      { from: -1, text: "[Summary of 4 earlier messages]\nCats eat fish." },
      { from: 4 },
      { from: 5 },
      { from: 6 },
    ]);
  });

  it("ranks sentences where no summary came", () => {
    const planned = plan(items, optionsOf({ strategy: "semantic", keepTurns: 1 }), 220, NOW);
    const [summary] = planned.finish([undefined]).kept;
    expect(summary!.text).toMatch(/^\[Summary of 4 earlier messages\]\n.*fish/s);
  });
});

it("temporal prefers what is new and what is important", () => {
  const hour = 3_600_000;
  const at = (hoursAgo: number, text: string): Item => ({ ...say("user", text), at: NOW - hoursAgo * hour });
  const items = [
    at(9, "The critical decision: error 17 must be fixed by 5 May. "),
    at(8, "Nice weather, is it not, today? "),
    at(1, "Nice weather, is it not, again? "),
    at(0, "Go on."),
  ];
  const result = condensed(items, optionsOf({ strategy: "temporal", keepTurns: 1 }), 45);
  expect(result.kept.map(({ from }) => from)).toEqual([0, 2, 3]);
});

it("structural keeps key statements and code of a long message", () => {
  const long = say("assistant", SENTENCES.join(""));
  const items = [say("user", "What happened?"), long, say("user", "And?")];
  const { kept } = condensed(items, optionsOf({ strategy: "structural", keepTurns: 1 }), 100);
  const text = kept.find(({ from }) => from === 1)?.text ?? "";
  expect(text).toContain("kubectl get pods\n```");
  expect(text).not.toContain("lunch");
});

describe("pieces", () => {
  it.each<[name: string, text: string, pieces: string[]]>([
    [
      "abbreviations end nothing",
      "Dr. Brandt met J. R. Tolkien at 5 p.m. They spoke.",
      ["Dr. Brandt met J. R. Tolkien at 5 p.m. ", "They spoke."],
    ],
    ["German ones", "Das gilt z.B. für Dr. Weiß. Mehr nicht.", ["Das gilt z.B. für Dr. Weiß. ", "Mehr nicht."]],
    ["Japanese", "朝です。夜です。", ["朝です。", "夜です。"]],
    ["code", "See:\n```js\na. B. c\n```\nDone.", ["See:\n", "```js\na. B. c\n```\n", "Done."]],
    ["a fence in a fence", "````\n```\n````\nx", ["````\n```\n````\n", "x"]],
  ])("%s", (_, text, pieces) => expect(piecesOf(text).map((piece) => piece.text)).toEqual(pieces));

  it("are the text", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(prose, fc.string({ unit: "grapheme" }))), (all) => {
        const text = all.join("\n");
        expect(
          piecesOf(text)
            .map((piece) => piece.text)
            .join(""),
        ).toBe(text);
      }),
    );
  });
});

it("extracts at most what it may", () => {
  fc.assert(
    fc.property(prose, fc.integer({ min: 0, max: 120 }), (text, maxTokens) => {
      expect(tokensOf(extract({ text, maxTokens }))).toBeLessThanOrEqual(maxTokens + 4);
    }),
  );
});
