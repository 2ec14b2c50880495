import fc from "fast-check";
import { expect, it } from "vitest";
import { BodyReader, LinesReader, parseEvent, SseReader } from "../../../worker/core/providers/frames.ts";
import type { EventDecoder } from "../../../worker/core/providers/frames.ts";
import type { Frame } from "../../../worker/core/providers/deltas.ts";

const decode: EventDecoder = ({ data }) => (data === "bad" ? undefined : [{ kind: "text", choice: 0, text: data }]);

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const texts = (frames: readonly Frame[]): string[] =>
  frames.flatMap(({ deltas }) => deltas.map((delta) => (delta.kind === "text" ? delta.text : delta.kind)));
const joined = (frames: readonly Frame[]): string => Buffer.concat(frames.map((frame) => frame.bytes)).toString();

const STREAMS: readonly (readonly [what: string, stream: string, texts: readonly string[]])[] = [
  ["LF", "data: a\n\ndata: b\n\n", ["a", "b"]],
  ["CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]],
  ["CR", "data: a\r\rdata: b\r\r", ["a", "b"]],
  ["several data lines", "data: a\ndata: b\n\n", ["a\nb"]],
  ["comments and unknown fields", ": ping\n\nid: 1\nretry: 5\ndata:a\nfoo: b\n\n", ["a"]],
  ["letters of several bytes", "data: grüße 日本 🎈\n\n", ["grüße 日本 🎈"]],
  ["no blank line at the end", "data: a\n\ndata: b", ["a", "b"]],
  ["an event type without data", "event: ping\n\ndata: a\n\n", ["a"]],
];

for (const [what, stream, expected] of STREAMS) {
  it(`reads ${what}, however it is cut, and loses no byte`, () => {
    const whole = bytes(stream);
    for (let cut = 0; cut <= whole.length; cut++) {
      const reader = new SseReader(decode);
      const frames = [...reader.push(whole.subarray(0, cut)), ...reader.push(whole.subarray(cut)), ...reader.end()];
      expect(texts(frames)).toEqual(expected);
      expect(joined(frames)).toBe(stream);
    }
  });
}

it("hands on every byte of anything, cut anywhere", () => {
  const noise = fc.array(fc.constantFrom("data: x", "\n", "\r", "\r\n", ":", "event: y", "é", " "), { maxLength: 40 });
  fc.assert(
    fc.property(noise, fc.array(fc.nat(200), { maxLength: 6 }), (pieces, cuts) => {
      const whole = bytes(pieces.join(""));
      const at = [0, ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b), whole.length];
      const reader = new SseReader(decode);
      const frames = at.slice(1).flatMap((end, index) => reader.push(whole.subarray(at[index], end)));
      frames.push(...reader.end());
      expect(joined(frames)).toBe(pieces.join(""));
      const once = new SseReader(decode);
      expect(texts(frames)).toEqual(texts([...once.push(whole), ...once.end()]));
    }),
  );
});

it("marks what its dialect cannot read, and goes on", () => {
  const reader = new SseReader(decode);
  const frames = reader.push(bytes("data: bad\n\ndata: a\n\n"));
  expect(frames.map(({ malformed }) => malformed)).toEqual([true, false]);
});

it("reads type and data of an event", () => {
  expect(parseEvent("event: delta\ndata: {}\n\n")).toEqual({ name: "delta", data: "{}" });
  expect(parseEvent(": comment\n\n")).toBeUndefined();
});

it("reads JSON lines, the last one without its end, and whole bodies", () => {
  const lines = new LinesReader(decode);
  expect(texts([...lines.push(bytes("a\n\nb")), ...lines.push(bytes("c\nd")), ...lines.end()])).toEqual([
    "a",
    "bc",
    "d",
  ]);
  const body = new BodyReader(decode);
  expect(texts([...body.push(bytes("a")), ...body.push(bytes("b")), ...body.end()])).toEqual(["ab"]);
});
