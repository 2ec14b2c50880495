// What happened over time, as figures of series: for the dashboard's curves and whoever wants the same by script.
import * as v from "valibot";
import { MEASURES, measuresOf } from "../core/insight/measures.ts";
import type { Asked } from "./context.ts";
import { refusal, unavailable } from "./refuse.ts";

const SECONDS = { second: 1, minute: 60, hour: 3_600 } as const;
const MOST_ROWS = 1_440;

const question = v.object({
  grain: v.optional(v.picklist(["second", "minute", "hour"]), "minute"),
  /** Rows, counted back from now. */
  rows: v.optional(
    v.pipe(v.string(), v.regex(/^\d{1,4}$/), v.transform(Number), v.minValue(1), v.maxValue(MOST_ROWS)),
    "60",
  ),
  /** `fleet`, `service NAME`, `route ID`, …; several divided by commas; absent: all. */
  series: v.optional(v.pipe(v.string(), v.maxLength(4_096))),
});

/** `GET history?grain=second|minute|hour&rows=60&series=fleet`. */
export async function getHistoryOfTraffic(c: Asked): Promise<Response> {
  const asked = v.safeParse(question, c.req.query());
  if (!asked.success) return refusal(c, { code: "bad_request" });
  const { grain, rows, series } = asked.output;
  const seconds = SECONDS[grain];
  const isolate = c.get("isolate");
  const to = isolate.now();
  const wanted = series?.split(",").map((name) => name.trim());
  const read = await isolate.objects.askInsight((insight) =>
    insight.history({
      grain,
      from: to - rows * seconds * 1_000,
      to,
      ...(wanted === undefined ? {} : { series: wanted }),
    }),
  );
  if (!read.ok) return unavailable(c);
  const items = read.value.map(({ at, slices }) => ({
    at,
    series: Object.fromEntries(Object.entries(slices).map(([name, slice]) => [name, measuresOf(slice, seconds)])),
  }));
  return c.json({ grain, seconds, measures: MEASURES, items });
}
