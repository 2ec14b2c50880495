// A48: an alert fires once, its notice verifies, is sent again under the same id while the other side fails, and is resolved once.
import { createHmac } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { get } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig, type Rig } from "../support/rig.ts";
import { inTurn, startUpstream, type Upstream } from "../support/upstream.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

let rig: Rig;
let upstream: Upstream;
let hook: Upstream;

beforeAll(async () => {
  upstream = await startUpstream({ status: 500 });
  hook = await startUpstream(inTurn({ status: 500 }, { status: 500 }, { status: 204 }));
  const policy = inFrontOf(upstream, {
    service: { breaker: false },
    sections: {
      alerts: [
        {
          name: "errors",
          when: "metrics.error_rate > 0.2",
          forSeconds: 10,
          severity: "error",
          description: "{metrics.error_rate} of requests fail",
          notify: ["ops"],
        },
        { name: "quiet", when: "metrics.error_rate > 2.0" },
      ],
      notifiers: { ops: { kind: "webhook", url: `${hook.origin}/hook`, secret: { secret: "HOOK_SECRET" } } },
    },
  });
  rig = await startRig({ policy, vars: { HOOK_SECRET: SECRET } });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
  await hook?.close();
});

interface Notice {
  type: string;
  data: { alerts: { rule: string; description: string; state: string }[] };
}

it("A48: fires once, tells its notifier until it hears, and resolves once", async () => {
  const firstAt = Date.now();
  const traffic = setInterval(() => void get(rig.g1).catch(() => undefined), 200);
  try {
    await hook.received(3, 40_000);
    expect(Date.now() - firstAt).toBeGreaterThanOrEqual(10_000);
    const [one, two, three] = hook.requests;
    const id = one!.header("webhook-id");
    expect(id).toMatch(/^msg_/);
    expect([two!.header("webhook-id"), three!.header("webhook-id")]).toEqual([id, id]);
    for (const request of hook.requests) {
      const seconds = request.header("webhook-timestamp");
      const key = Buffer.from(SECRET.slice("whsec_".length), "base64");
      const signed = createHmac("sha256", key).update(`${id}.${seconds}.${request.body.toString()}`).digest("base64");
      expect(request.header("webhook-signature")).toBe(`v1,${signed}`);
    }
    const fired = JSON.parse(three!.body.toString()) as Notice;
    expect(fired).toMatchObject({
      type: "alert.fired",
      data: { alerts: [{ rule: "errors", description: "1 of requests fail", state: "active" }] },
    });
    upstream.clear();
    upstream.play({ body: "well again" });
    hook.clear();
    hook.play({ status: 204 });
    await hook.received(1, 90_000);
    const resolved = JSON.parse(hook.requests[0]!.body.toString()) as Notice;
    expect(resolved).toMatchObject({
      type: "alert.resolved",
      data: { alerts: [{ rule: "errors", state: "resolved" }] },
    });
    expect(hook.requests[0]!.header("webhook-id")).not.toBe(id);
  } finally {
    clearInterval(traffic);
  }
  const shown = (await (await rig.admin("alerts")).json()) as {
    items: { rule: string; state: string }[];
    rules: { rule: string; status: string }[];
  };
  expect(shown.items).toMatchObject([{ rule: "errors", state: "resolved" }]);
  expect(shown.rules).toMatchObject([
    { rule: "errors", status: "ok" },
    { rule: "quiet", status: "ok" },
  ]);
}, 150_000);
