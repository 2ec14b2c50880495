// The order of test files: those that take longest begin first, so that none of them is left over at the end for one worker while the
// others idle. Vitest knows how long a file took only where it ran before; the scenarios that mostly wait are short to read, so by
// size they would come last.
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Scenarios of a quarter of a minute and more, longest first; `test/laws/long-scenarios.test.ts` sees to it that they are there. */
export const LONG_SCENARIOS = [
  "a48-alert",
  "a43-rate-accuracy",
  "suggestions",
  "a07-backoff",
  "policy",
  "dashboard-acting",
  "cli",
  "a46-acknowledged-over-a-crash",
  "a22-chaos",
  "ai-faults",
  "uploads",
  "a17-fast-failures",
  "a12-retry-budget",
  "object-calls",
  "cache-purge",
  "a18-ejection-and-panic",
  "optimized",
] as const;

const place = ({ moduleId }: TestSpecification): number => {
  const at = LONG_SCENARIOS.findIndex((name) => moduleId.endsWith(`/gateway/${name}.test.ts`));
  return at < 0 ? LONG_SCENARIOS.length : at;
};

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const order = (file: TestSpecification): number => file.project.config.sequence.groupOrder;
    return sorted.sort((a, b) => order(a) - order(b) || place(a) - place(b));
  }
}
