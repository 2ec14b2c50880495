import { expect, it } from "vitest";
import { parsePolicy } from "../../worker/core/policy/parse.ts";
import { Evidence, FAILED, HUNG, REFUSED, RETRIED } from "../../worker/platform/evidence.ts";

const telemetryOf = (suggestions: unknown) => {
  const parsed = parsePolicy(JSON.stringify({ telemetry: { suggestions } }));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value.telemetry;
};
const TELEMETRY = telemetryOf({ everySeconds: 20 });

it("counts kinds of requests by route, method and instance, and tells each count once", () => {
  const evidence = new Evidence();
  evidence.saw("r", "GET", "web", "a", 0, 10);
  evidence.saw("r", "HEAD", "web", "a", FAILED | RETRIED | HUNG, -1);
  evidence.saw("r", "BREW", "web", "a", RETRIED, 30);
  evidence.saw("r", "GET", "web", "", FAILED | REFUSED, -1);
  const told = evidence.drain(TELEMETRY, 10_000)!;
  const none = { failed: 0, refused: 0, retried: 0, saved: 0, hung: 0 };
  expect(told.kinds).toMatchObject([
    { ...none, method: "GET", instance: "a", requests: 2, failed: 1, retried: 1, hung: 1, busyMs: 10 },
    { ...none, method: "GET", instance: "", requests: 1, failed: 1, refused: 1, times: [] },
    { ...none, method: "other", requests: 1, retried: 1, saved: 1 },
  ]);
  evidence.saw("r", "GET", "web", "a", 0, 10);
  expect(evidence.drain(TELEMETRY, 11_000)).toBeUndefined();
  expect(evidence.drain(TELEMETRY, 12_000)!.kinds).toMatchObject([{ requests: 1 }]);
});

it("tells nothing where the policy wants no suggestions", () => {
  const evidence = new Evidence();
  evidence.saw("r", "GET", "web", "a", 0, 10);
  expect(evidence.drain(telemetryOf(false), 10_000)).toBeUndefined();
});

it("is bounded in rows and in answers looked at, and makes room for others when some fall silent", () => {
  const evidence = new Evidence();
  for (let n = 0; n < 500; n++) evidence.saw(`r${n}`, "GET", "web", "a", 0, 10);
  expect(evidence.drain(TELEMETRY, 10_000)!.kinds).toHaveLength(200);
  evidence.drain(TELEMETRY, 20_000);
  evidence.saw("new", "GET", "web", "a", 0, 10);
  expect(evidence.drain(TELEMETRY, 30_000)!.kinds).toMatchObject([{ route: "new" }]);
  const looks = Array.from({ length: 100 }, () => evidence.mayLook(40_000));
  expect(looks.filter(Boolean)).toHaveLength(40);
  expect(evidence.mayLook(41_000)).toBe(true);
});
