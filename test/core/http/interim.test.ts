import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BodyReader, HeadReader } from "../../../worker/core/http/interim.ts";
import type { FinalHead, Framing, HeadStep } from "../../../worker/core/http/interim.ts";

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
const text = (parts: readonly Uint8Array[]): string => parts.map((part) => String.fromCharCode(...part)).join("");

/** What a reader makes of a whole answer that comes in these pieces, and of the end of the connection. */
function read(pieces: readonly Uint8Array[], method = "GET") {
  const reader = new HeadReader(method);
  let head: FinalHead | undefined;
  let body: BodyReader | undefined;
  const content: Uint8Array[] = [];
  for (const piece of pieces) {
    let rest = piece;
    if (body === undefined) {
      const step = reader.push(piece);
      if (step.kind === "invalid") return { kind: "invalid" as const };
      if (step.kind === "more") continue;
      head = step.head;
      body = new BodyReader(head.framing);
      rest = step.rest;
    }
    const step = body.push(rest);
    content.push(...step.data);
    if (step.state === "invalid") return { kind: "invalid" as const };
  }
  return { kind: "read" as const, head, content: text(content), whole: body?.end() ?? false };
}

/** `answer` cut at the given places. */
function cut(answer: string, places: readonly number[]): Uint8Array[] {
  const all = bytes(answer);
  const at = [...new Set(places.map((place) => place % (all.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, n) => all.subarray(from, at[n] ?? all.length));
}

const head = (answer: string, method = "GET"): HeadStep => new HeadReader(method).push(bytes(answer));

describe("the head", () => {
  it("of the final answer follows any number of interim ones", () => {
    const answer =
      "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 102\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A:  b \r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nok";
    expect(read([bytes(answer)])).toEqual({
      kind: "read",
      head: {
        status: 200,
        fields: [
          ["content-length", "2"],
          ["x-a", "b"],
          ["set-cookie", "a"],
          ["set-cookie", "b"],
        ],
        framing: { kind: "length", bytes: 2 },
      },
      content: "ok",
      whole: true,
    });
  });

  it.each<[string, string, string, Framing]>([
    ["GET", "200 OK", "", { kind: "close" }],
    ["GET", "200", "Content-Length: 0\r\n", { kind: "length", bytes: 0 }],
    ["GET", "200 OK", "Content-Length: 3\r\nContent-Length: 3\r\n", { kind: "length", bytes: 3 }],
    ["GET", "200 OK", "Transfer-Encoding: Chunked\r\n", { kind: "chunked" }],
    ["HEAD", "200 OK", "Content-Length: 3\r\n", { kind: "none" }],
    ["GET", "204 No Content", "", { kind: "none" }],
    ["GET", "304 Not Modified", "Content-Length: 3\r\n", { kind: "none" }],
  ])("%s answered %s %j frames its content", (method, status, fields, framing) => {
    expect(head(`HTTP/1.1 ${status}\r\n${fields}\r\n`, method)).toMatchObject({ kind: "head", head: { framing } });
  });

  it.each([
    "garbage\r\n",
    "HTTP/2 200 OK\r\n",
    "HTTP/1.1 99 x\r\n",
    "HTTP/1.1 600 x\r\n",
    "HTTP/1.1  200 OK\r\n",
    "HTTP/1.1 101 Switching Protocols\r\n",
    "\r\n",
    "HTTP/1.1 200 OK\r\nno colon\r\n",
    "HTTP/1.1 200 OK\r\nName : v\r\n",
    "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n",
    "HTTP/1.1 200 OK\r\nA: b\rc\r\n",
    "HTTP/1.1 200 OK\r\nA: b\0c\r\n",
    "HTTP/1.1 200 OK\r\n: v\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
    `HTTP/1.1 200 OK\r\nA: ${"b".repeat(70_000)}`,
    "HTTP/1.1 100 Continue\r\n\r\n".repeat(17),
  ])("is invalid: %j", (answer) => expect(head(answer)).toEqual({ kind: "invalid" }));

  it("that was invalid stays so", () => {
    const reader = new HeadReader("GET");
    expect(reader.push(bytes("x\r\n"))).toEqual({ kind: "invalid" });
    expect(reader.push(bytes("HTTP/1.1 200 OK\r\n\r\n"))).toEqual({ kind: "invalid" });
  });
});

describe("the content", () => {
  const chunked = (body: string) => read([bytes(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`)]);

  it.each([
    ["2\r\nok\r\n0\r\n\r\n", "ok", true],
    ["2;ext=1 \r\nok\r\n003\r\nyes\r\n0\r\nX-T: 1\r\n\r\n", "okyes", true],
    ["A \r\n0123456789\r\n0\r\n\r\n", "0123456789", true],
    ["0\r\n\r\nwhat follows is ignored", "", true],
    ["2\r\nok\r\n0\r\n", "ok", false],
    ["5\r\nok", "ok", false],
    ["", "", false],
  ])("in chunks %j is %j, whole: %s", (body, content, whole) => {
    expect(chunked(body)).toMatchObject({ kind: "read", content, whole });
  });

  it.each([
    "x\r\n",
    "-1\r\n",
    "0x2\r\nok\r\n",
    "\r\n",
    "2\nok\n0\n\n",
    "2\r\nokay\r\n",
    "2\r\nok\n",
    "10000000000000\r\n",
    `1;${"x".repeat(5000)}`,
    "0\r\nbad trailer\r\n\r\n",
    `0\r\n${`A: ${"b".repeat(1000)}\r\n`.repeat(17)}`,
  ])("in chunks is invalid: %j", (body) => expect(chunked(body)).toEqual({ kind: "invalid" }));

  it("of a known length is whole when all has come, and ends there", () => {
    const answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
    expect(read([bytes(`${answer}ok`)])).toMatchObject({ content: "ok", whole: false });
    expect(read([bytes(`${answer}yes, and more`)])).toMatchObject({ content: "yes", whole: true });
  });

  it("without a length ends with the connection", () => {
    expect(read([bytes("HTTP/1.1 200 OK\r\n\r\nall"), bytes(" of it")])).toMatchObject({
      content: "all of it",
      whole: true,
    });
  });

  it("of an answer to HEAD, 204 and 304 is none", () => {
    expect(read([bytes("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nxyz")], "HEAD")).toMatchObject({
      content: "",
      whole: true,
    });
    expect(new BodyReader({ kind: "none" }).state).toBe("done");
    expect(new BodyReader({ kind: "length", bytes: 0 }).state).toBe("done");
    expect(new BodyReader({ kind: "close" }).state).toBe("more");
  });
});

describe("however the bytes are cut", () => {
  const content = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    maxLength: 60,
  });
  const interim = fc.constantFrom("HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n");
  const answer = fc.record({
    interim: fc.array(interim, { maxLength: 4 }),
    framing: fc.constantFrom("length", "chunked", "close"),
    parts: fc.array(content, { maxLength: 5 }),
    places: fc.array(fc.nat(1000), { maxLength: 30 }),
  });

  it("the same answer comes out", () => {
    fc.assert(
      fc.property(answer, ({ interim, framing, parts, places }) => {
        const whole = parts.join("");
        const chunks = parts.filter((part) => part !== "").map((part) => `${part.length.toString(16)}\r\n${part}\r\n`);
        const fields = {
          length: `Content-Length: ${whole.length}\r\n`,
          chunked: "Transfer-Encoding: chunked\r\n",
          close: "",
        };
        const body = framing === "chunked" ? `${chunks.join("")}0\r\nT: 1\r\n\r\n` : whole;
        const raw = `${interim.join("")}HTTP/1.1 200 OK\r\nX-A: b\r\n${fields[framing]}\r\n${body}`;
        const result = read(cut(raw, places));
        expect(result).toMatchObject({ kind: "read", head: { status: 200 }, content: whole, whole: true });
      }),
      { numRuns: 2000 },
    );
  });

  it("garbage is read alike in one piece and in many, and never throws", () => {
    const unit = fc.constantFrom(
      "HTTP/1.1 200 OK\r\n",
      "HTTP/1.1 100 \r\n",
      "\r\n",
      "\n",
      "A: b\r\n",
      "Content-Length: 2\r\n",
      "Transfer-Encoding: chunked\r\n",
      "2\r\n",
      "ok",
      "0",
      "\r",
      ":",
      " ",
      "\0",
    );
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 14 }), fc.array(fc.nat(200), { maxLength: 20 }), (units, places) => {
        const raw = units.join("");
        expect(read(cut(raw, places))).toEqual(read([bytes(raw)]));
      }),
      { numRuns: 5000 },
    );
  });
});
