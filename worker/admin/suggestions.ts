// What could be better, and what was changed because it should be: suggestions with a life (docs/suggestions.md). `InsightObject` finds, tries and
// measures them; an operator's word goes before its own. A word is written down before it is carried out; every region that can
// be reached obeys at once, the others within seconds.
import { SUGGESTION_KINDS, SUGGESTION_STATES, type Suggestion } from "../core/protocol/suggestions.ts";
import type { Asked } from "./context.ts";
import { cut, page, timedKey, wrong } from "./paging.ts";
import { refusal, unavailable } from "./refuse.ts";
import { tellRegions } from "./state.ts";

/** Newest first; `?state=` and `?kind=` choose among them. `learning`: by service, the mix of `intelligent_adaptive`. */
export async function getSuggestions(c: Asked): Promise<Response> {
  const asked = page(c);
  if (!asked.ok) return asked.error;
  const reading = await c.get("isolate").objects.askInsight((insight) => insight.reading());
  if (!reading.ok) return unavailable(c);
  const { suggestions, learning } = reading.value;
  const { state, kind } = c.req.query();
  if (state !== undefined && !SUGGESTION_STATES.some((each) => each === state))
    return wrong(c, "state", `must be one of ${SUGGESTION_STATES.join(", ")}`);
  if (kind !== undefined && !SUGGESTION_KINDS.some((each) => each === kind))
    return wrong(c, "kind", `must be one of ${SUGGESTION_KINDS.join(", ")}`);
  const chosen = suggestions.filter(
    (each) => (state === undefined || each.state === state) && (kind === undefined || each.kind === kind),
  );
  const { items, next } = cut(chosen, sortKey, asked.value, "falling");
  return c.json({ items: items.map(shown), next, learning });
}

/** By the last that happened to it. */
const sortKey = ({ proposedAt, decidedAt, id }: Suggestion): string => timedKey(Math.max(proposedAt, decidedAt), id);

export async function getSuggestion(c: Asked): Promise<Response> {
  const id = c.req.param("action") ?? "";
  const reading = await c.get("isolate").objects.askInsight((insight) => insight.reading());
  if (!reading.ok) return unavailable(c);
  const found = reading.value.suggestions.find((each) => each.id === id);
  return found === undefined ? refusal(c, { code: "not_found" }) : c.json(shown(found));
}

/** `POST suggestions/{id}:apply`, `:rollback`. */
export async function decideSuggestion(c: Asked): Promise<Response> {
  const { objects } = c.get("isolate");
  const action = c.req.param("action") ?? "";
  const colon = action.lastIndexOf(":");
  const [id, decision] = [action.slice(0, colon), action.slice(colon + 1)];
  if (colon < 1 || (decision !== "apply" && decision !== "rollback")) return refusal(c, { code: "not_found" });
  const by = c.get("actor");
  const decided = await objects.askInsight((insight) => insight.decide(id, decision, by));
  if (!decided.ok) return unavailable(c);
  const { outcome, reason, suggestion } = decided.value;
  if (outcome === "unknown") return refusal(c, { code: "not_found" });
  if (outcome === "refused") return refusal(c, { code: "conflict", errors: [{ path: "", message: reason }] });
  if (suggestion === null) return unavailable(c);
  return c.json({ ...shown(suggestion), heard: await tellRegions(c) });
}

const shown = (suggestion: Suggestion) => {
  const { path, before, after } = suggestion.change;
  return {
    ...suggestion,
    change: { path, before: JSON.parse(before) as unknown, after: JSON.parse(after) as unknown },
  };
};
