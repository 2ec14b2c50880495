import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AnswerReader } from "../../../scripts/bench/http-reader.ts";

const whole = (length: number): string => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${"x".repeat(length)}`;
const chunked = (sizes: readonly number[]): string => {
  const chunks = sizes.map((size) => `${size.toString(16)}\r\n${"y".repeat(size)}\r\n`).join("");
  return `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`;
};
const EMPTY = "HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n";

const answer = fc.oneof(
  fc.integer({ min: 0, max: 300 }).map(whole),
  fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5 }).map(chunked),
  fc.constant(EMPTY),
);

describe("AnswerReader", () => {
  it("counts answers however the network cuts them", () => {
    fc.assert(
      fc.property(
        fc.array(answer, { minLength: 1, maxLength: 6 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (answers, cuts) => {
          const bytes = Buffer.from(answers.join(""));
          const places = [...new Set(cuts.map((cut) => cut % bytes.length)), 0, bytes.length].sort((a, b) => a - b);
          const reader = new AnswerReader();
          let ended = 0;
          for (let i = 1; i < places.length; i++) ended += reader.push(bytes.subarray(places[i - 1], places[i]));
          expect(ended).toBe(answers.length);
        },
      ),
    );
  });

  it("tells the status", () => {
    const reader = new AnswerReader();
    expect(reader.push(Buffer.from("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"))).toBe(1);
    expect(reader.status).toBe(503);
  });

  it("does not take the beginning of an answer for one", () => {
    const reader = new AnswerReader();
    expect(reader.push(Buffer.from(whole(100)).subarray(0, -1))).toBe(0);
    expect(reader.push(Buffer.from("x"))).toBe(1);
  });

  it.each([
    ["another protocol", "SSH-2.0-OpenSSH\r\n\r\n", "no HTTP/1.1 answer"],
    [
      "an answer that ends with the connection",
      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
      "ends with the connection",
    ],
    ["a chunk without a size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "chunk without a size"],
  ])("refuses %s", (_, bytes, reason) => {
    expect(() => new AnswerReader().push(Buffer.from(bytes))).toThrow(reason);
  });
});
