// A39: the address is the edge's word. Whatever a client writes about where it comes from changes nothing it is counted by.
import { afterAll, beforeAll, expect, it } from "vitest";
import { send } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig, type Rig } from "../support/rig.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

const CLIENT = "203.0.113.7";
let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream({ body: "ok" });
  rig = await startRig({
    policy: inFrontOf(upstream, {
      route: { rateLimit: "address" },
      sections: { security: { rateLimits: { address: { requestsPerMinute: 10, by: "address" } } } },
    }),
  });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

it("A39: a hundred stories of where a client comes from are one client", async () => {
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, index) => {
      const story = `198.51.100.${index}`;
      return send(rig.g1, {
        headers: [
          ["CF-Connecting-IP", CLIENT],
          ["X-Forwarded-For", `${story}, 10.0.0.1`],
          ["X-Real-IP", story],
          ["True-Client-IP", story],
          ["Forwarded", `for=${story}`],
        ],
      });
    }),
  );
  const allowed = answers.filter(({ status }) => status === 200);
  expect(allowed.length).toBeGreaterThanOrEqual(10);
  expect(allowed.length).toBeLessThanOrEqual(11);
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(100 - allowed.length);
  for (const { fields, header } of upstream.requests.map((request) => ({
    fields: request.fields,
    header: request.header.bind(request),
  }))) {
    expect(header("x-forwarded-for")).toBe(CLIENT);
    expect(fields.map(([, value]) => value).join("\n")).not.toContain("198.51.100.");
  }
});

it("A39: another client is another client, and a network of IPv6 is one", async () => {
  const from = async (address: string) => (await send(rig.g1, { headers: { "CF-Connecting-IP": address } })).status;
  expect(await from("203.0.113.8")).toBe(200);
  const home = await Promise.all(Array.from({ length: 14 }, (_, index) => from(`2001:db8:1:2::${index + 1}`)));
  expect(home.filter((status) => status === 200)).toHaveLength(10);
  expect(await from("2001:db8:1:3::1")).toBe(200);
});
