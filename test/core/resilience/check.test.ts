import { expect, it } from "vitest";
import { checkProblem } from "../../../worker/core/resilience/check.ts";

it.each([
  [200, "", { expectStatus: ["2xx"] }, undefined],
  [299, "", { expectStatus: ["2xx"] }, undefined],
  [302, "", { expectStatus: ["2xx"] }, "status 302"],
  [500, "secret", { expectStatus: ["2xx"] }, "status 500"],
  [404, "", { expectStatus: [200, 404] }, undefined],
  [401, "", { expectStatus: ["2xx", 401] }, undefined],
  [403, "", { expectStatus: ["2xx", 401] }, "status 403"],
  [200, '{"status":"ok"}', { expectStatus: ["2xx"], expectBody: '"ok"' }, undefined],
  [200, '{"status":"down"}', { expectStatus: ["2xx"], expectBody: '"ok"' }, "body without the expected words"],
])("status %s with body %j against %j: %s", (status, body, expected, problem) => {
  expect(checkProblem(status, body, expected)).toBe(problem);
});
