// What an active check asks for: whether an answer passes. The words of a refusal are for operators; none repeats what the
// instance said, for its body may hold anything.

export interface Expectation {
  /** Single statuses, or a class such as "2xx". */
  readonly expectStatus: readonly (number | string)[];
  readonly expectBody?: string | undefined;
}

/** How much of a body is looked at. */
export const CHECKED_BYTES = 65_536;

/** Why an answer does not pass; undefined when it does. `body`: its beginning, read only where something is expected. */
export function checkProblem(status: number, body: string, expected: Expectation): string | undefined {
  const passes = expected.expectStatus.some((one) => one === status || one === `${Math.trunc(status / 100)}xx`);
  if (!passes) return `status ${status}`;
  if (expected.expectBody !== undefined && !body.includes(expected.expectBody))
    return "body without the expected words";
  return undefined;
}
