// What `InsightObject` has changed because it should help, and the operator's last word on it. A word is written down
// before it is carried out; every region that can be reached obeys at once, the others within seconds.
import type { Asked } from "./context.ts";
import { cut, page, timedKey } from "./paging.ts";
import { refusal, unavailable } from "./refuse.ts";
import { tellRegions } from "./state.ts";

export async function getSuggestions(c: Asked): Promise<Response> {
  const asked = page(c);
  if (!asked.ok) return asked.error;
  const reading = await c.get("isolate").objects.askInsight((insight) => insight.reading());
  if (!reading.ok) return unavailable(c);
  const { suggestions, learning } = reading.value;
  return c.json({
    ...cut(suggestions, ({ appliedAt, id }) => timedKey(appliedAt, id), asked.value, "falling"),
    learning,
  });
}

/** `POST suggestions/{id}:apply`, `:rollback`. */
export async function decideSuggestion(c: Asked): Promise<Response> {
  const { objects } = c.get("isolate");
  const action = c.req.param("action") ?? "";
  const colon = action.lastIndexOf(":");
  const [id, decision] = [action.slice(0, colon), action.slice(colon + 1)];
  if (colon < 1 || (decision !== "apply" && decision !== "rollback")) return refusal(c, { code: "not_found" });
  const reading = await objects.askInsight((insight) => insight.reading());
  if (!reading.ok) return unavailable(c);
  if (!reading.value.suggestions.some((each) => each.id === id)) return refusal(c, { code: "not_found" });
  const written = await objects.askControl((control) => control.record(c.get("actor"), `suggestion.${decision}`, id));
  if (!written.ok) return unavailable(c);
  const decided = await objects.askInsight((insight) => insight.decide(id, decision));
  if (!decided.ok) return unavailable(c);
  if (decided.value === undefined) return refusal(c, { code: "not_found" });
  return c.json({ ...decided.value, heard: await tellRegions(c) });
}
