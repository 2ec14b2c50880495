// Alerts: what stands, how each rule does, who was told; and the acknowledgement, which is stored before it is answered.
import type { Asked } from "./context.ts";
import { nextOf, numberedPage } from "./paging.ts";
import { refusal, unavailable } from "./refuse.ts";

export async function getAlerts(c: Asked): Promise<Response> {
  const asked = numberedPage(c);
  if (!asked.ok) return asked.error;
  const { before, limit } = asked.value;
  const reading = await c.get("isolate").objects.askInsight((insight) => insight.alerts(before, limit));
  if (!reading.ok) return unavailable(c);
  const { items, rules, deliveries } = reading.value;
  const next = nextOf(items, limit, ({ number }) => number);
  return c.json({ items: items.map(({ alert }) => alert), next, rules, deliveries });
}

/** `POST alerts/{id}:ack`. */
export async function acknowledgeAlert(c: Asked): Promise<Response> {
  const { objects } = c.get("isolate");
  const action = c.req.param("action") ?? "";
  if (!action.endsWith(":ack")) return refusal(c, { code: "not_found" });
  const id = action.slice(0, -":ack".length);
  const acknowledged = await objects.askInsight((insight) => insight.acknowledge(id, c.get("actor")));
  if (!acknowledged.ok) return unavailable(c);
  if (acknowledged.value === undefined) return refusal(c, { code: "not_found" });
  const written = await objects.askControl((control) => control.record(c.get("actor"), "alert.ack", id));
  if (!written.ok) return unavailable(c);
  return c.json(acknowledged.value);
}
