// A21: a service that hangs fills its own places and nobody else's.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { atRate, count } from "../support/breaker.ts";
import { get, open } from "../support/client.ts";
import type { Conversation } from "../support/client.ts";
import { hang } from "../support/misbehaviour.ts";
import { service } from "../support/policies.ts";
import { expectProblem } from "../support/problem.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let hanging: Upstream;
let sound: Upstream;
let rig: Rig;

beforeAll(async () => {
  hanging = await startUpstream(hang);
  sound = await startUpstream({ delayMs: 5 });
  rig = await startRig({
    policy: {
      expose: true,
      cache: false,
      services: {
        instance: service("instance", hanging, { concurrency: { algorithm: "fixed", max: 50 } }),
        service: service("service", [hanging, hanging], {
          concurrency: { algorithm: "fixed", max: 50, per: "service" },
        }),
        queued: service("queued", hanging, { concurrency: { algorithm: "fixed", max: 2, queue: 2, queueMs: 1_000 } }),
        sound: service("sound", sound),
      },
      routes: ["instance", "service", "queued", "sound"].map((name) => ({
        match: { path: `/${name}` },
        service: name,
      })),
    },
  });
});
afterAll(async () => {
  await rig?.close();
  await hanging?.close();
  await sound?.close();
});
beforeEach(() => {
  hanging.clear();
  hanging.play(hang);
});

describe.each(["/instance", "/service"])("A21: a limit of 50, %s", (target) => {
  it("200 at once: exactly 50 upstream, 150 refused at once, and others are served as ever", async () => {
    const conversations = Array.from({ length: 200 }, () => open(rig.g1, { target }));
    const others = atRate(rig.g1, 20, 1, "/sound");
    const refused: Conversation[] = [];
    await new Promise<void>((resolve) => {
      for (const each of conversations) {
        const answered = (): void => {
          if (refused.push(each) === 150) resolve();
        };
        // Those that hang are left in the end, and never answered.
        each.head.then(answered, () => {});
      }
    });
    await hanging.received(50);
    expect(count(await others, 200)).toBe(20);
    expect(hanging.count).toBe(50);
    for (const each of refused) {
      const answer = await each.answer();
      expect(expectProblem(answer, 503).type).toMatch(/overloaded$/);
      expect(Number(answer.header("retry-after"))).toBeGreaterThanOrEqual(1);
    }
    // Clients that leave give their places back, promptly.
    for (const each of conversations) each.leave();
    await hanging.until(() => hanging.inFlight === 0, "the end of all that hung");
    hanging.play({ body: "free" });
    const again = await Promise.all(Array.from({ length: 50 }, () => get(rig.g1, target)));
    expect(count(again, 200)).toBe(50);
  });
});

describe("A21: a queue", () => {
  it("hands places on in order of arrival, and turns away who does not fit", async () => {
    const releases: (() => void)[] = [];
    hanging.play(async () => {
      await new Promise<void>((resolve) => releases.push(resolve));
      return { body: "served" };
    });
    const conversations: Conversation[] = [];
    for (let sent = 0; sent < 5; sent++) {
      const conversation = open(rig.g1, { target: "/queued" });
      conversations.push(conversation);
      if (sent < 2) await hanging.received(sent + 1);
      else if (sent < 4) await get(rig.g1, "/sound");
      else expectProblem(await conversation.answer(), 503);
    }
    expect(hanging.count).toBe(2);
    releases[0]!();
    await hanging.received(3);
    releases[1]!();
    await hanging.received(4);
    for (const release of releases.slice(2)) release();
    for (const conversation of conversations.slice(0, 4))
      expect(await conversation.answer()).toMatchObject({ status: 200, text: "served" });
  });

  it("is left by those who have waited too long, and by those whose client left", async () => {
    const holders = [open(rig.g1, { target: "/queued" }), open(rig.g1, { target: "/queued" })];
    await hanging.received(2);
    const leaver = open(rig.g1, { target: "/queued" });
    const startMs = performance.now();
    const tooLate = open(rig.g1, { target: "/queued" });
    await get(rig.g1, "/sound");
    leaver.leave();
    const instead = open(rig.g1, { target: "/queued" });
    expectProblem(await tooLate.answer(), 503);
    expect(performance.now() - startMs).toBeGreaterThan(900);
    expectProblem(await instead.answer(), 503);
    for (const holder of holders) holder.leave();
    await hanging.until(() => hanging.inFlight === 0, "the end of the holders");
    hanging.play({ body: "free" });
    expect((await get(rig.g1, "/queued")).status).toBe(200);
  });
});
