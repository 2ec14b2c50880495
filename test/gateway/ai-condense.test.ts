// A conversation that is too long is made shorter: foreseen by the target's window, or after the target has said so; with
// summaries of another model where one is named. What must stay stays, and the answer says what was done.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { open, type Answer } from "../support/client.ts";
import { ANSWER, askedOf, BEHAVIOURS } from "../support/provider.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Behaviour, Upstream } from "../support/upstream.ts";

let target: Upstream;
let writer: Upstream;
let rig: Rig;

const SMALL = 4_000;
const tooLong = BEHAVIOURS["too-long"]!;
const whole = BEHAVIOURS["whole"]!;
/** Takes so many letters and no more. */
const small: Behaviour = async (exchange) => {
  await exchange.whole();
  return exchange.request.body.length > SMALL ? tooLong(exchange) : whole(exchange);
};
const summary: Behaviour = async (exchange) => {
  await exchange.whole();
  return {
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      id: "s",
      choices: [{ index: 0, message: { role: "assistant", content: "They compared cameras." }, finish_reason: "stop" }],
    }),
  };
};

beforeAll(async () => {
  [target, writer] = await Promise.all([startUpstream(small), startUpstream(summary)]);
  rig = await startRig({
    policy: {
      ai: { auth: "none" },
      providers: {
        one: {
          adapter: "openai",
          baseUrl: `${target.origin}/v1`,
          breaker: false,
          models: ["unknown", { id: "known", contextWindow: 800 }],
        },
        scribe: { adapter: "openai", baseUrl: `${writer.origin}/v1`, breaker: false, models: ["scribe"] },
      },
      models: {
        foreseen: { targets: ["one/known"], condense: { keepTurns: 1 } },
        told: { targets: ["one/unknown"], condense: { strategy: "temporal", keepTurns: 1 } },
        always: { targets: ["one/unknown"], condense: { when: "always", maxTokens: 300, strategy: "structural" } },
        summed: {
          targets: ["one/known"],
          condense: { strategy: "semantic", keepTurns: 1, summaryModel: "scribe/scribe" },
        },
        never: { targets: ["one/unknown"] },
      },
    },
  });
}, 60_000);
afterAll(async () => {
  await rig?.close();
  await Promise.all([target?.close(), writer?.close()]);
});
beforeEach(() => {
  target.clear();
  writer.clear();
});

const turns = Array.from({ length: 12 }, (_, n) => [
  {
    role: "user",
    content: `Which camera of the year ${1950 + n} has the better shutter, and what does the camera cost?`,
  },
  {
    role: "assistant",
    content: `The camera of ${1950 + n} with the cloth shutter. ${"It is a fine camera. ".repeat(12)}`,
  },
]).flat();
const messages = [
  { role: "system", content: "You know cameras." },
  ...turns,
  { role: "user", content: "And which one would you buy?" },
];

const ask = (model: string, stream = false): Promise<Answer> =>
  open(rig.g1, {
    method: "POST",
    target: "/v1/chat/completions",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ model, stream, messages }),
  }).answer();

function expectShorter(answer: Answer): readonly { readonly role: string; readonly content: unknown }[] {
  expect(answer.status).toBe(200);
  expect(answer.text).toContain(ANSWER.slice(-20).trim().split(" ").at(-1));
  const [before, after] = (answer.header("x-sluice-condensed") ?? "").split("/").map(Number);
  expect(before).toBeGreaterThan(after!);
  const asked = askedOf({ request: target.last }).messages;
  expect(asked.length).toBeLessThan(messages.length);
  expect(asked[0]).toEqual(messages[0]);
  expect(asked.at(-1)).toEqual(messages.at(-1));
  return asked;
}

it("is foreseen where the window is known: the target never sees the long one", async () => {
  expectShorter(await ask("foreseen"));
  expect(target.count).toBe(1);
});

it.each([true, false])("is learned from the target's refusal where it is not (streaming: %s)", async (stream) => {
  expectShorter(await ask("told", stream));
  expect(target.count).toBe(2);
});

it("may be the rule", async () => {
  const answer = await ask("always");
  expectShorter(answer);
  const [, after] = (answer.header("x-sluice-condensed") ?? "").split("/").map(Number);
  expect(after).toBeLessThanOrEqual(300);
  expect(target.count).toBe(1);
});

it("takes summaries from the model that is named for them", async () => {
  const asked = expectShorter(await ask("summed"));
  expect(writer.count).toBeGreaterThanOrEqual(1);
  expect(JSON.stringify(asked)).toContain("They compared cameras.");
});

it("does without a summary that does not come", async () => {
  writer.play({ status: 500, body: "no" });
  const asked = expectShorter(await ask("summed"));
  expect(JSON.stringify(asked)).toContain("earlier messages]");
  writer.play(summary);
});

it("is not made shorter where the policy does not say so", async () => {
  const answer = await ask("never");
  expect(answer.status).toBe(400);
  expect(answer.json()).toMatchObject({ error: { code: "context_length_exceeded" } });
  expect(target.count).toBe(1);
});
