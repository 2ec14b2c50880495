import { describe, expect, it } from "vitest";
import { Exposition } from "../../worker/admin/exposition.ts";

describe("the text format", () => {
  it("heads each family that has samples once, and leaves out one that has none", () => {
    const text = new Exposition()
      .family("a_total", "counter", "Counts a.")
      .sample({ x: "1" }, 1)
      .sample({ x: "2" }, 2)
      .family("empty", "gauge", "Never.")
      .family("b", "gauge", "Line one\nline \\two.")
      .sample({}, 0.5)
      .toString();
    expect(text).toBe(
      '# HELP a_total Counts a.\n# TYPE a_total counter\na_total{x="1"} 1\na_total{x="2"} 2\n' +
        "# HELP b Line one\\nline \\\\two.\n# TYPE b gauge\nb 0.5\n",
    );
  });

  it("escapes label values, so that none can end its line", () => {
    const text = new Exposition().family("a", "gauge", "A.").sample({ x: 'q"\\\nb{}' }, 1).toString();
    expect(text.split("\n")[2]).toBe('a{x="q\\"\\\\\\nb{}"} 1');
  });

  it("writes numbers that are none as the format has them", () => {
    const exposition = new Exposition().family("a", "gauge", "A.");
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) exposition.sample({}, value);
    expect(exposition.toString()).toMatch(/a NaN\na \+Inf\na -Inf\n$/);
  });

  it("adds a histogram's buckets up to the last, which holds all", () => {
    const text = new Exposition()
      .family("h", "histogram", "H.")
      .histogram({ r: "x" }, [0.1, 1], [2, 0, 3], 7.5)
      .toString();
    expect(text.split("\n").slice(2, -1)).toEqual([
      'h_bucket{r="x",le="0.1"} 2',
      'h_bucket{r="x",le="1"} 2',
      'h_bucket{r="x",le="+Inf"} 5',
      'h_sum{r="x"} 7.5',
      'h_count{r="x"} 5',
    ]);
  });
});
