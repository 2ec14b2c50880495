// What becomes of a stream, event by event; and, for any order of events, that nothing is shown before the first word and
// that every stream ends in exactly one way.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Delta, Frame } from "../../../worker/core/providers/deltas.ts";
import { lookAt, startGate, step } from "../../../worker/core/providers/gate.ts";
import type { GateEvent, GateOptions, Verdict } from "../../../worker/core/providers/gate.ts";
import { firstTokenCame, firstTokenMs, patience } from "../../../worker/core/providers/patience.ts";

const options: GateOptions = {
  startedAt: 0,
  firstTokenMs: 1000,
  idleMs: 500,
  endsAt: 10_000,
  choices: 1,
  tellsUsage: false,
};

const frameOf = (...deltas: Delta[]): Frame => ({ bytes: new Uint8Array(10), deltas, malformed: false });
const broken = (text: string): Frame => ({ bytes: new TextEncoder().encode(text), deltas: [], malformed: true });

const usage = { uncached: 1, cacheRead: 0, cacheWrite: 0, output: 1, reasoning: 0 };
const NAMED = {
  ping: frameOf(),
  role: frameOf({ kind: "start", id: "x", model: "m" }),
  text: frameOf({ kind: "text", choice: 0, text: "a" }),
  thought: frameOf({ kind: "reasoning", choice: 0, text: "a" }),
  call: frameOf({ kind: "call", choice: 0, call: 0, id: "c", name: "f", args: "" }),
  refusal: frameOf({ kind: "refusal", choice: 0, text: "no" }),
  stop: frameOf({ kind: "finish", choice: 0, finish: "stop" }),
  filtered: frameOf({ kind: "finish", choice: 0, finish: "content_filter" }),
  usage: frameOf({ kind: "usage", usage }),
  all: frameOf(
    { kind: "text", choice: 0, text: "a" },
    { kind: "finish", choice: 0, finish: "stop" },
    { kind: "usage", usage },
  ),
  error: frameOf({ kind: "error", failure: { kind: "overloaded", message: "busy" } }),
  done: frameOf({ kind: "done" }),
  junk: broken("data: {oh no\n\n"),
  hole: broken('data: {"choices":[{"delta":{"content":"bro\n\n'),
} satisfies Record<string, Frame>;
type Name = keyof typeof NAMED | "ended" | "lost" | number;

/** Events by name, a number being the time from then on; what was said of each, failures by their kind. */
function play(names: readonly Name[], changes: Partial<GateOptions> = {}): string {
  const all = { ...options, ...changes };
  const gate = startGate(all);
  let now = 0;
  const said: string[] = [];
  for (const name of names) {
    if (typeof name === "number") now = name;
    const verdict = step(gate, eventOf(name), all, now);
    said.push(wordOf(verdict));
  }
  return said.join(" ");
}

function eventOf(name: Name): GateEvent {
  if (typeof name === "number") return { kind: "time" };
  return name === "ended" || name === "lost" ? { kind: name } : { kind: "frame", frame: NAMED[name] };
}

function wordOf(verdict: Verdict): string {
  if (verdict.do === "fail") return verdict.failure.kind;
  if (verdict.do !== "finish") return verdict.do;
  return `finish${verdict.marked ? "-marked" : ""}${verdict.finished ? "" : "-unfinished"}`;
}

describe("the gate", () => {
  it.each<[name: string, events: Name[], said: string]>([
    ["a whole answer", ["role", "text", "text", "stop", "done"], "hold commit pass pass finish-marked"],
    ["a tool call commits", ["role", "call", "stop", "done"], "hold commit pass finish-marked"],
    ["a thought commits", ["role", "thought", "text"], "hold commit pass"],
    ["a refusal commits", ["refusal"], "commit"],
    ["all in one event", ["all", "done"], "commit finish-marked"],
    ["usage and pings do not commit", ["ping", "usage", "role", "ping", "text"], "hold hold hold hold commit"],
    ["filtered before a word: given as it is", ["role", "filtered", "done"], "hold commit finish-marked"],
    ["an error before the first word", ["role", "ping", "error"], "hold hold overloaded"],
    ["an error after it", ["text", "error"], "commit overloaded"],
    ["an error after the end", ["text", "stop", "error", "done"], "commit pass drop finish-marked"],
    ["an empty body", ["ended"], "invalid_answer"],
    ["only a role", ["role", "ended"], "hold invalid_answer"],
    ["only a marker", ["done"], "invalid_answer"],
    ["lost before the first word", ["role", "lost"], "hold cut"],
    ["cut after it", ["text", "ended"], "commit cut"],
    ["lost after it", ["text", "lost"], "commit cut"],
    ["no marker after the reason to end", ["text", "stop", "ended"], "commit pass finish"],
    ["lost after the reason to end", ["text", "stop", "lost"], "commit pass finish"],
    ["a marker without a reason to end", ["text", "done"], "commit finish-marked-unfinished"],
    ["junk before the first word", ["role", "junk"], "hold invalid_answer"],
    ["junk after it", ["text", "junk", "text"], "commit drop pass"],
    ["half an event after the end", ["text", "stop", "hole", "ended"], "commit pass drop finish"],
    ["a hole after it", ["text", "hole"], "commit invalid_answer"],
    ["the first word is late", ["role", 999, "ping", 1000], "hold hold hold timeout"],
    ["pings do not make it come", ["ping", 900, "ping", 1000], "hold hold hold timeout"],
    ["a stall", [300, "text", 700, "ping", 800], "hold commit pass pass stalled"],
    ["words keep it alive", [300, "text", 700, "text", 1100, "text", 1599], "hold commit pass pass pass pass pass"],
    ["all of it takes too long", ["text", 10_000], "commit timeout"],
    ["no marker, connection open", ["text", "stop", 99, 100], "commit pass pass finish"],
  ])("%s", (_, events, said) => expect(play(events)).toBe(said));

  it("waits longer for the usage that was asked for", () => {
    expect(play(["text", "stop", 100, 299, 300], { tellsUsage: true, idleMs: 300 })).toBe(
      "commit pass pass pass finish",
    );
    expect(play(["text", "stop", 499, 500], { tellsUsage: true, idleMs: 5000 })).toBe("commit pass pass finish");
    expect(play(["text", "stop", "usage", 100], { tellsUsage: true })).toBe("commit pass pass finish");
  });

  it("waits for every choice", () => {
    expect(play(["text", "stop", "ended"], { choices: 2 })).toBe("commit pass cut");
    expect(play(["text", "stop", "stop", "ended"], { choices: 2 })).toBe("commit pass pass finish");
    expect(play(["text", "stop", "done"], { choices: 2 })).toBe("commit pass finish-marked");
  });

  it("holds no more than a beginning", () => {
    const gate = startGate(options);
    const frame: Frame = { bytes: new Uint8Array(100_000), deltas: [], malformed: false };
    const said = [1, 2, 3].map(() => wordOf(step(gate, { kind: "frame", frame }, options, 0)));
    expect(said).toEqual(["hold", "hold", "invalid_answer"]);
  });

  it("ends every stream in one way, and shows nothing before the first word", () => {
    const name = fc.constantFrom<Name[]>(...(Object.keys(NAMED) as Name[]));
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.nat(400)), { maxLength: 30 }), fc.boolean(), (events, tellsUsage) => {
        const all = { ...options, tellsUsage };
        const gate = startGate(all);
        let now = 0;
        let shown = false;
        for (const [each, pause] of events) {
          now += pause;
          for (const event of [{ kind: "time" } as const, eventOf(each)]) {
            const verdict = step(gate, event, all, now);
            if (verdict.do === "fail" || verdict.do === "finish") {
              if (verdict.do === "finish") expect(shown).toBe(true);
              return;
            }
            if (verdict.do === "commit") {
              expect(shown).toBe(false);
              shown = true;
            } else if (verdict.do === "pass" && event.kind === "frame") expect(shown).toBe(true);
            else if (verdict.do === "hold") expect(shown).toBe(false);
          }
          expect(lookAt(gate, all)).toBeGreaterThan(now);
        }
        const last = step(gate, { kind: "ended" }, all, now);
        expect(["fail", "finish"]).toContain(last.do);
      }),
    );
  });
});

describe("the patience for the first token", () => {
  it("is the ceiling until enough is known, then three times what is usual, never under a second", () => {
    const kept = patience();
    for (let n = 0; n < 19; n++) firstTokenCame(kept, 600);
    expect(firstTokenMs(kept, 10_000)).toBe(10_000);
    firstTokenCame(kept, 600);
    expect(firstTokenMs(kept, 10_000)).toBeCloseTo(1800, -2);
    expect(firstTokenMs(kept, 1_500)).toBe(1_500);
    const quick = patience();
    for (let n = 0; n < 50; n++) firstTokenCame(quick, 20);
    expect(firstTokenMs(quick, 10_000)).toBe(1_000);
  });

  it("forgets", () => {
    const kept = patience();
    for (let n = 0; n < 200; n++) firstTokenCame(kept, 3000);
    for (let n = 0; n < 400; n++) firstTokenCame(kept, 500);
    expect(firstTokenMs(kept, 10_000)).toBeLessThan(1_700);
  });
});
