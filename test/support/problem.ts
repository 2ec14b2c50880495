// The law of gateway-made errors, asserted wherever one is met: RFC 9457, a correlation id, and nothing from the inside.
import { expect } from "vitest";
import type { Answer } from "./client.ts";

interface Problem {
  type: string;
  title: string;
  status: number;
  correlationId: string;
  [member: string]: unknown;
}

/** Returns the problem, so that a test can look at what is special about it. `inside` are strings that must not show. */
export function expectProblem(answer: Answer, status: number, inside: readonly string[] = []): Problem {
  expect(answer.status, answer.text).toBe(status);
  expect(answer.header("content-type")).toMatch(/^application\/problem\+json\b/);
  const problem = answer.json() as Problem;
  expect(problem.status).toBe(status);
  expect(problem.type).toEqual(expect.any(String));
  expect(problem.title).toEqual(expect.any(String));
  expect(problem.correlationId).toBe(answer.header("x-correlation-id"));
  const everything = `${answer.head.fields.map(([name, value]) => `${name}: ${value}`).join("\n")}\n${answer.text}`;
  expect(everything).not.toMatch(/\n\s+at \S|\.ts:\d|\.mjs:\d|worker\/|Network connection lost|internal error/);
  for (const secret of inside) expect(everything).not.toContain(secret);
  return problem;
}
