// A judge that never blames anybody proves nothing: for every promise an answer that breaks it, and beside it one that is excused.
import { describe, expect, it } from "vitest";
import { LAST_EVENT, makeBody, judgeBody, streamText, wordsOf } from "../../../scripts/soak/bodies.ts";
import type { Seen } from "../../../scripts/soak/client.ts";
import type { Promised } from "../../../scripts/soak/history.ts";
import { Ledger, lostGenerations, lostKeys, wrongPolicy } from "../../../scripts/soak/ledger.ts";
import { MARK } from "../../../scripts/soak/upstreams.ts";
import { judge, type Kind } from "../../../scripts/soak/verdict.ts";

const TARGET = "/steady/1/bytes/400";
const good = makeBody("/1/bytes/400", 5, 400);

const seen = (changes: Partial<Seen>): Seen => ({
  startedAt: 0,
  endedAt: 10,
  status: 200,
  headers: { [MARK]: "1" },
  body: good,
  whole: true,
  end: "answered",
  stale: false,
  tries: 1,
  ...changes,
});
const problem = (status: number, code: string): Partial<Seen> => ({
  status,
  headers: { "content-type": "application/problem+json" },
  body: Buffer.from(JSON.stringify({ type: `urn:sluice:problem:${code}` })),
});
const blamed = (kind: Kind, changes: Partial<Seen>, sent = "", killed = false): Promised[] =>
  judge(kind, TARGET, sent, seen(changes), { killed }).map(({ promise }) => promise);

describe("bodies", () => {
  it("say of themselves whether they are whole", () => {
    expect(judgeBody(good)).toEqual({ kind: "whole", target: "/1/bytes/400", atMs: 5 });
    expect(judgeBody(good.subarray(0, 399)).kind).toBe("cut");
    expect(judgeBody(Buffer.alloc(0)).kind).toBe("cut");
    const changed = Buffer.from(good);
    changed[200] = 0;
    expect(judgeBody(changed).kind).toBe("changed");
    expect(judgeBody(Buffer.concat([good, good])).kind).toBe("changed");
  });
});

describe("what is right", () => {
  const right: [string, Kind, Partial<Seen>, string?, boolean?][] = [
    ["a whole answer", "steady", {}],
    ["an answer that was cut, and shows it", "rough", { body: good.subarray(0, 100), whole: false, end: "broken" }],
    ["a refusal", "rough", problem(502, "upstream_unreachable")],
    ["an upstream's own 500", "rough", { status: 500 }],
    ["a client that left", "steady", { whole: false, end: "left", body: Buffer.alloc(0) }],
    ["a gateway that was killed", "steady", { status: 0, whole: false, end: "broken" }, "", true],
    ["a gateway that has no policy yet", "steady", problem(503, "policy_missing")],
    ["a credential that nobody can look up", "keyed", problem(503, "identity_unavailable")],
    ["an empty body from who breaks the rules", "odd", { body: Buffer.alloc(0) }],
    ["a whole stream", "events", { body: Buffer.from(streamText()) }],
    ["an AI stream that ends in an error", "ai-stream", { body: Buffer.from('data: {"error":{"message":"x"}}\n\n') }],
  ];
  it.each(right)("%s", (_, kind, changes, sent, killed) => {
    expect(blamed(kind, changes, sent, killed)).toEqual([]);
  });
});

describe("what is wrong", () => {
  const chunk = (content: string): string => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;
  const words = wordsOf("q");
  const wrong: [string, Promised, Kind, Partial<Seen>, string?][] = [
    ["a body that was cut and reported whole", "truncated", "rough", { body: good.subarray(0, 399) }],
    ["somebody else's answer", "crossed", "cached", { body: makeBody("/2/bytes/400", 5, 400) }],
    ["a 500 of the gateway's own", "internal", "rough", { ...problem(500, "internal") }],
    [
      "a 500 of the runtime's own",
      "internal",
      "rough",
      { status: 500, headers: {}, body: Buffer.from("Internal Server Error") },
    ],
    ["no end", "stuck", "rough", { whole: false, end: "stuck" }],
    ["a refusal of what is well", "dependent", "steady", problem(503, "breaker_open")],
    ["a good key that is refused", "dependent", "keyed", problem(401, "unauthenticated")],
    ["a wrong key that is let in", "disobeyed", "wrong-key", {}],
    ["half of what was promised", "truncated", "odd", { body: Buffer.from("short") }],
    [
      "a stream without its last event",
      "truncated",
      "events",
      { body: Buffer.from(streamText().replace(LAST_EVENT, "")) },
    ],
    [
      "a stream that lacks one in the middle",
      "crossed",
      "events",
      { body: Buffer.from(streamText().replace("event 3 of", "")) },
    ],
    ["an upload that arrived otherwise", "truncated", "upload", { body: Buffer.from("{}") }, '{"bytes":1}'],
    ["an AI stream without an end", "truncated", "ai-stream", { body: Buffer.from(chunk(words[0]!)) }, "q"],
    [
      "an AI stream that says it is done and is not",
      "truncated",
      "ai-stream",
      { body: Buffer.from(`${chunk(words[0]!)}data: [DONE]\n\n`) },
      "q",
    ],
    ["an AI answer that lacks words", "truncated", "ai", { body: Buffer.from("{}") }, "q"],
  ];
  it.each(wrong)("%s", (_, promise, kind, changes, sent) => {
    expect(blamed(kind, changes, sent)).toContain(promise);
  });

  it("and an AI stream with every word is right", () => {
    const body = Buffer.from(`${words.map(chunk).join("")}data: [DONE]\n\n`);
    expect(blamed("ai-stream", { body }, "q")).toEqual([]);
  });
});

describe("the ledger", () => {
  const ledger = new Ledger();
  ledger.policyStored(3, 1);
  ledger.policyStored(5, 2);
  ledger.keys.set("a", { key: "ka", state: "live" });
  ledger.keys.set("b", { key: "kb", state: "revoked" });
  ledger.keys.set("c", { key: "kc", state: "doubtful" });

  it("misses generations that were acknowledged, as long as they are kept", () => {
    expect(lostGenerations(ledger, [1, 2, 3, 4, 5], 200)).toEqual([]);
    expect(lostGenerations(ledger, [1, 2, 4, 5], 200)).toEqual([3]);
    expect(lostGenerations(ledger, [5, 6, 7], 4)).toEqual([]);
  });

  it("knows which policy may be in force", () => {
    expect(wrongPolicy(ledger, 5)).toBeUndefined();
    expect(wrongPolicy(ledger, 4)).toContain("5 was acknowledged");
    expect(wrongPolicy(ledger, 6)).toContain("at most 5");
    ledger.doubtful = 1;
    expect(wrongPolicy(ledger, 6)).toBeUndefined();
    ledger.doubtful = 0;
  });

  it("misses keys, and what was done to them", () => {
    const listed = [
      { id: "a", revokedAt: null },
      { id: "b", revokedAt: 5 },
      { id: "c", revokedAt: null },
    ];
    expect(lostKeys(ledger, listed)).toEqual([]);
    expect(lostKeys(ledger, listed.slice(1))).toEqual(["key a is not listed"]);
    expect(lostKeys(ledger, [{ id: "a", revokedAt: 1 }, { id: "b", revokedAt: null }, listed[2]!])).toEqual([
      "key a is revoked and nobody did that",
      "key b was revoked and is not",
    ]);
  });
});
