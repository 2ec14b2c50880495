import { describe, expect, it } from "vitest";
import { healthNews, worstOf, type Finding } from "../../../worker/core/routing/health-news.ts";

const NOW = 1_700_000_000_000;
const STALE_MS = 300_000;
const news = (findings: Record<string, Finding>) => healthNews(new Map(Object.entries(findings)), NOW, STALE_MS);

describe("the worst of several sources", () => {
  it.each([
    [["healthy", "degraded"], "degraded"],
    [["unhealthy", "healthy"], "unhealthy"],
    [["unknown", "healthy"], "healthy"],
    [[undefined, "degraded"], "degraded"],
    [[undefined, undefined], "unknown"],
    [[], "unknown"],
  ] as const)("of %j is %s", (statuses, worst) => {
    const findings = statuses.map((status) => (status === undefined ? undefined : { status, checkedAt: NOW }));
    expect(worstOf(findings).status).toBe(worst);
  });

  it("of equals is the newer one", () => {
    const older = { status: "healthy", checkedAt: NOW - 1 } as const;
    const newer = { status: "healthy", checkedAt: NOW } as const;
    expect(worstOf([newer, older])).toBe(newer);
    expect(worstOf([older, newer])).toBe(newer);
  });
});

describe("what isolates are told", () => {
  it("names only those that are not healthy, and the age of the newest finding", () => {
    expect(
      news({
        a: { status: "healthy", checkedAt: NOW - 5_000 },
        b: { status: "degraded", checkedAt: NOW - 7_000 },
        c: { status: "unhealthy", checkedAt: NOW - 9_000 },
        d: { status: "unknown", checkedAt: 0 },
      }),
    ).toEqual({ ageMs: 5_000, except: { b: "degraded", c: "unhealthy", d: "unknown" } });
  });

  it("does not hold an old sickness against anybody", () => {
    const at = (ms: number) => news({ a: { status: "unhealthy", checkedAt: NOW - ms } }).except["a"];
    expect(at(STALE_MS)).toBe("unhealthy");
    expect(at(STALE_MS + 1)).toBe("unknown");
  });

  it("has no age below nothing, by whatever clock", () => {
    expect(news({ a: { status: "healthy", checkedAt: NOW + 60_000 } }).ageMs).toBe(0);
    expect(news({}).ageMs).toBe(0);
  });
});
