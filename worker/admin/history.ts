// What happened over time, as figures of series: for the dashboard's curves and whoever wants the same by script.
import * as v from "valibot";
import { MEASURES, measuresOf } from "../core/insight/measures.ts";
import type { Asked } from "./context.ts";
import { wrong } from "./paging.ts";
import { trafficQuestion } from "./questions.ts";
import { unavailable } from "./refuse.ts";

const SECONDS = { second: 1, minute: 60, hour: 3_600 } as const;

/** `GET history?grain=second|minute|hour&rows=60&step=5&series=fleet`. */
export async function getHistoryOfTraffic(c: Asked): Promise<Response> {
  const asked = v.safeParse(trafficQuestion, c.req.query());
  if (!asked.success) {
    const [issue] = asked.issues;
    return wrong(c, v.getDotPath(issue) ?? "", `must be ${issue.expected ?? "something else"}`);
  }
  const { grain, rows, step, series } = asked.output;
  const rowMs = SECONDS[grain] * 1_000;
  const seconds = SECONDS[grain] * step;
  const isolate = c.get("isolate");
  // Steps are whole: they end with the last row that is over. Single rows are told as they stand, the newest one too.
  const now = isolate.now();
  const to = step === 1 ? now : Math.floor(now / rowMs) * rowMs;
  const wanted = series?.split(",").map((name) => name.trim());
  const read = await isolate.objects.askInsight((insight) =>
    insight.history({
      grain,
      from: to - rows * rowMs,
      to,
      ...(step === 1 ? {} : { step }),
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
