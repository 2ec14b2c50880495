// Every way a provider fails, seen from both sides: what the caller got and when, what the providers saw and when. Deadlines
// are as deployed, only shorter. `FAULT` is asked of a provider that misbehaves, then of one that is well.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { open, type Answer } from "../support/client.ts";
import { ANSWER, BEFORE, BEHAVIOURS, PIECES, askedOf, provider } from "../support/provider.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let bad: Upstream;
let good: Upstream;
let rig: Rig;

const FIRST_TOKEN_MS = 1_200;
const IDLE_MS = 1_000;
const stream = { firstTokenMs: FIRST_TOKEN_MS, idleMs: IDLE_MS, totalMs: 20_000 };
/** What a busy machine adds. */
const SLACK_MS = 2_500;

beforeAll(async () => {
  [bad, good] = await Promise.all([startUpstream(provider), startUpstream(provider)]);
  const faults = Object.keys(BEHAVIOURS);
  const timeouts = { headersMs: 1_500, idleMs: 1_000 };
  rig = await startRig({
    policy: {
      expose: true,
      ai: { auth: "none" },
      providers: {
        bad: { adapter: "openai", baseUrl: `${bad.origin}/v1`, breaker: false, timeouts },
        good: { adapter: "openai", baseUrl: `${good.origin}/v1`, breaker: false, timeouts },
        dead: { adapter: "openai", baseUrl: "http://127.0.0.1:9/v1", breaker: false, timeouts },
      },
      models: {
        ...Object.fromEntries(
          faults.flatMap((fault) => [
            [fault, { targets: [`bad/${fault}`, "good/whole"], strategy: "priority", stream }],
            [
              `${fault}-restarts`,
              {
                targets: [`bad/${fault}`, "good/picky"],
                strategy: "priority",
                stream: { ...stream, recovery: "continue" },
              },
            ],
            [
              `${fault}-continues`,
              {
                targets: [`bad/${fault}`, "good/continues"],
                strategy: "priority",
                stream: { ...stream, recovery: "continue" },
              },
            ],
            [`${fault}-alone`, { targets: [`bad/${fault}`], stream }],
          ]),
        ),
        refused: { targets: ["dead/whole", "good/whole"], strategy: "priority", stream },
      },
    },
  });
}, 60_000);
afterAll(async () => {
  await rig?.close();
  await Promise.all([bad?.close(), good?.close()]);
});
beforeEach(() => {
  bad.clear();
  good.clear();
});

const ask = (model: string, streams: boolean, more: object = {}): Promise<Answer> =>
  open(rig.g1, {
    method: "POST",
    target: "/v1/chat/completions",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ model, stream: streams, messages: [{ role: "user", content: "Tell me." }], ...more }),
  }).answer();

interface Event {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string };
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
  readonly error?: { readonly message: string; readonly type: string };
}

/** What a client makes of a stream; every event must be readable. */
function read(answer: Answer): {
  text: string;
  finish: string[];
  done: number;
  errors: number;
  usage: Event["usage"][];
} {
  const lines = answer.text.split("\n").filter((line) => line.startsWith("data: "));
  const done = lines.filter((line) => line === "data: [DONE]").length;
  if (done > 0) expect(lines.at(-1)).toBe("data: [DONE]");
  const events = lines.filter((line) => line !== "data: [DONE]").map((line) => JSON.parse(line.slice(6)) as Event);
  return {
    text: events.map(({ choices }) => choices?.[0]?.delta?.content ?? "").join(""),
    finish: events.flatMap(({ choices }) => choices?.[0]?.finish_reason ?? []),
    done,
    errors: events.filter(({ error }) => error !== undefined).length,
    usage: events.flatMap(({ usage }) => usage ?? []),
  };
}

function expectWhole(answer: Answer): void {
  expect(answer).toMatchObject({ status: 200, whole: true });
  expect(read(answer)).toMatchObject({ text: ANSWER, finish: ["stop"], done: 1, errors: 0 });
}

/** The provider that failed is left: no socket of it stays open for an answer nobody waits for. */
async function expectLeft(upstream: Upstream, answer: Answer): Promise<void> {
  const over = answer.startedMs + answer.totalMs;
  for (const request of upstream.requests) {
    if (request.answeredMs !== undefined) continue;
    expect((await upstream.closed(request.number)) - over).toBeLessThanOrEqual(1_000);
  }
}

const AT_ONCE = 0;
describe.each<[fault: string, afterMs: number, asked: number]>([
  ["limited-later", AT_ONCE, 1],
  ["limited", AT_ONCE, 1],
  ["fails-once", AT_ONCE, 1],
  ["down", AT_ONCE, 1],
  ["reset", AT_ONCE, 1],
  ["refused", AT_ONCE, 0],
  ["silent", FIRST_TOKEN_MS, 1],
  ["bad-key", AT_ONCE, 1],
  ["unpaid", AT_ONCE, 1],
  ["flapping", AT_ONCE, 1],
  ["too-long", AT_ONCE, 1],
  ["empty", AT_ONCE, 1],
  ["html", AT_ONCE, 1],
  ["error-in-200", AT_ONCE, 1],
])("%s, before anything was sent", (fault, afterMs, asked) => {
  it.each([true, false])("is not seen by the caller (streaming: %s)", async (streams) => {
    const answer = await ask(fault, streams);
    if (streams) expectWhole(answer);
    else expect(answer.json()).toMatchObject({ choices: [{ message: { content: ANSWER }, finish_reason: "stop" }] });
    expect(answer.header("x-sluice-provider")).toBe("good");
    expect(answer.totalMs).toBeGreaterThanOrEqual(afterMs * 0.9);
    expect(answer.totalMs).toBeLessThan(afterMs + SLACK_MS);
    expect(bad.count).toBe(asked);
    expect(good.count).toBe(1);
    await expectLeft(bad, answer);
  });
});

describe.each<[fault: string, afterMs: number]>([
  ["silent-body", FIRST_TOKEN_MS],
  ["only-pings", FIRST_TOKEN_MS],
  ["slow-start", FIRST_TOKEN_MS],
  ["cut-early", AT_ONCE],
  ["malformed-first", AT_ONCE],
  ["error-first", AT_ONCE],
  ["only-done", AT_ONCE],
])("%s, before the first word", (fault, afterMs) => {
  it("is not seen by the caller", async () => {
    const answer = await ask(fault, true);
    expectWhole(answer);
    expect(answer.totalMs).toBeGreaterThanOrEqual(afterMs * 0.9);
    expect(answer.totalMs).toBeLessThan(afterMs + SLACK_MS);
    expect([bad.count, good.count]).toEqual([1, 1]);
    await expectLeft(bad, answer);
  });
});

describe.each<[fault: string, afterMs: number]>([
  ["truncated", AT_ONCE],
  ["cut-body", AT_ONCE],
  ["stalled-body", IDLE_MS],
])("%s, in a whole answer", (fault, afterMs) => {
  it("is not seen by the caller", async () => {
    const answer = await ask(fault, false);
    expect(answer.json()).toMatchObject({ choices: [{ message: { content: ANSWER } }] });
    expect(answer.totalMs).toBeLessThan(afterMs + SLACK_MS);
    expect([bad.count, good.count]).toEqual([1, 1]);
    await expectLeft(bad, answer);
  });
});

const MIDWAY: [fault: string, afterMs: number][] = [
  ["cut", AT_ONCE],
  ["cut-event", AT_ONCE],
  ["reset-midway", AT_ONCE],
  ["ends-midway", AT_ONCE],
  ["stall", IDLE_MS],
  ["stall-pings", IDLE_MS],
  ["error-midway", AT_ONCE],
  ["malformed-words", AT_ONCE],
];

describe.each(MIDWAY)("%s, in the middle of an answer", (fault, afterMs) => {
  it("ends in an error event and no end marker", async () => {
    const answer = await ask(fault, true);
    expect(answer.status).toBe(200);
    const { text, finish, done, errors } = read(answer);
    expect(ANSWER.startsWith(text)).toBe(true);
    expect(text).toBe(PIECES.slice(0, BEFORE).join(""));
    expect({ finish, done, errors }).toEqual({ finish: [], done: 0, errors: 1 });
    expect(answer.totalMs).toBeLessThan(afterMs + SLACK_MS);
    expect([bad.count, good.count]).toEqual([1, 0]);
    await expectLeft(bad, answer);
  });

  it.each(["continues", "restarts"])("is mended unseen by a target that %s", async (how) => {
    const answer = await ask(`${fault}-${how}`, true, { stream_options: { include_usage: true } });
    expectWhole(answer);
    expect(answer.totalMs).toBeLessThan(afterMs + SLACK_MS);
    expect([bad.count, good.count]).toEqual([1, 1]);
    const { messages } = askedOf({ request: good.last });
    expect(messages.at(-2)).toEqual({ role: "assistant", content: PIECES.slice(0, BEFORE).join("") });
    // What both used, told once.
    const [usage, ...more] = read(answer).usage;
    expect(more).toEqual([]);
    expect(usage!.completion_tokens).toBeGreaterThan(PIECES.length);
    await expectLeft(bad, answer);
  });
});

describe("what is no fault", () => {
  it.each(["no-done", "no-done-open", "no-finish"])("%s: the end is put right, at once", async (fault) => {
    const answer = await ask(fault, true);
    expectWhole(answer);
    expect(answer.totalMs).toBeLessThan(SLACK_MS);
    expect([bad.count, good.count]).toEqual([1, 0]);
    await expectLeft(bad, answer);
  });

  it("an event that is none, and carried nothing, is left out", async () => {
    expectWhole(await ask("malformed", true));
    expect([bad.count, good.count]).toEqual([1, 0]);
  });

  it.each([true, false])("a content filter's refusal goes back as it is (streaming: %s)", async (streams) => {
    const answer = await ask("filtered", streams);
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ error: { code: "content_filter" } });
    expect([bad.count, good.count]).toEqual([1, 0]);
  });
});

describe("with nobody else to ask", () => {
  it.each<[fault: string, afterMs: number]>([
    ["limited-once", 1_000],
    ["limited-once-bare", AT_ONCE],
    ["fails-once", AT_ONCE],
  ])("%s is waited for and asked again", async (fault, afterMs) => {
    for (const streams of [true, false]) {
      bad.clear();
      const answer = await ask(`${fault}-alone`, streams);
      expect(answer.status).toBe(200);
      expect(answer.totalMs).toBeGreaterThanOrEqual(afterMs * 0.95);
      expect(answer.totalMs).toBeLessThan(afterMs + SLACK_MS);
      expect(bad.count).toBe(2);
    }
  });

  it.each<[fault: string, status: number]>([
    ["limited-later", 429],
    ["down", 503],
    ["silent", 504],
    ["bad-key", 502],
    ["too-long", 400],
    ["empty", 502],
    ["html", 502],
  ])("%s is an honest %i", async (fault, status) => {
    const answer = await ask(`${fault}-alone`, true);
    expect(answer.status).toBe(status);
    expect(answer.json()).toMatchObject({ error: { message: expect.any(String) as unknown } });
    expect(answer.text).not.toContain("sk-bad");
    if (status === 429) expect(Number(answer.header("retry-after"))).toBeGreaterThanOrEqual(25);
  });
});
