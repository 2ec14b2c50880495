// One provider, several of its models: what one of them does must not be held against the others, however often it fails.
import { afterAll, beforeAll, expect, it } from "vitest";
import { open, type Answer } from "../support/client.ts";
import { ANSWER, provider } from "../support/provider.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;
const FAULTS = ["down", "limited", "limited-later", "reset", "cut-early", "bad-key", "html", "silent"] as const;

beforeAll(async () => {
  upstream = await startUpstream(provider);
  const stream = { firstTokenMs: 300, idleMs: 1_000, recovery: "continue" as const };
  rig = await startRig({
    policy: {
      expose: true,
      ai: { auth: "none" },
      providers: Object.fromEntries(
        FAULTS.map((fault) => [fault, { adapter: "openai" as const, baseUrl: `${upstream.origin}/v1` }]),
      ),
      models: Object.fromEntries(
        FAULTS.map((fault) => [
          fault,
          { targets: [`${fault}/${fault}`, `${fault}/whole`], strategy: "priority" as const, stream },
        ]),
      ),
    },
  });
}, 60_000);
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

const ask = (model: string): Promise<Answer> =>
  open(rig.g1, {
    method: "POST",
    target: "/v1/chat/completions",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "Tell me." }] }),
  }).answer();

it.each(FAULTS)(
  "%s, over and over",
  async (fault) => {
    for (let n = 0; n < 12; n++) {
      const answer = await ask(fault);
      expect(`${n}: ${answer.status}`).toBe(`${n}: 200`);
      expect(answer.text).toContain(ANSWER.split(" ").at(-1));
      expect(answer.header("x-sluice-model")).toBe("whole");
    }
  },
  60_000,
);
