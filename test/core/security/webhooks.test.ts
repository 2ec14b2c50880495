import { createHmac } from "node:crypto";
import { expect, it } from "vitest";
import { signWebhook } from "../../../worker/core/security/webhooks.ts";

it("signs as the specification's example", async () => {
  // Standard Webhooks, README of its reference libraries.
  const signed = await signWebhook(
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    1_614_265_330,
    '{"test": 2432232314}',
  );
  expect(signed).toEqual({
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  });
});

it.each(["plain words", "whsec_not base64!"])("takes %s as its bytes", async (secret) => {
  const expected = createHmac("sha256", secret).update("id.5.body").digest("base64");
  expect((await signWebhook(secret, "id", 5, "body"))["webhook-signature"]).toBe(`v1,${expected}`);
});
