// Chaos experiments: start one within the policy's bounds, stop it, read its report. An order is stored before it is answered and reaches every
// isolate with control news; what it does and how it went is `InsightObject`'s to tell.
import { stateOf, type ChaosOrder, type Experiment } from "../core/chaos/order.ts";
import type { Policy } from "../core/policy/schema.ts";
import type { ExperimentReading } from "../core/protocol/insight.ts";
import { ok, refuse, type Result } from "../core/result/result.ts";
import { readShape } from "./body.ts";
import { reportPage } from "./chaos-report.ts";
import type { Asked } from "./context.ts";
import { cut, page, timedKey } from "./paging.ts";
import { experimentQuestion } from "./questions.ts";
import { refusal, unavailable } from "./refuse.ts";
import { tellRegions } from "./state.ts";

type ChaosPolicy = Exclude<Policy["chaos"], false>;

/** `POST chaos/experiments`: an experiment, or `{"experiment": NAME}` for one that the policy names. */
export async function startExperiment(c: Asked): Promise<Response> {
  const isolate = c.get("isolate");
  const policy = isolate.policies.current?.policy;
  if (policy === undefined) return refusal(c, { code: "policy_missing", retryAfterMs: 1_000 });
  if (policy.chaos === false || !policy.chaos.enabled)
    return invalid(c, "", "the policy allows no experiments: chaos.enabled");
  const body = await readShape(c, experimentQuestion);
  if (!body.ok) return body.error;
  const named = "experiment" in body.value ? body.value.experiment : undefined;
  const spec = "faults" in body.value ? body.value : policy.chaos.experiments[named ?? ""];
  if (spec === undefined) return invalid(c, "experiment", "names none of chaos.experiments");
  const allowed = withinBounds(spec, policy, policy.chaos);
  if (!allowed.ok) return invalid(c, allowed.error.path, allowed.error.message);
  const orders = await isolate.objects.askControl((control) => control.ledger("chaos"));
  if (!orders.ok) return unavailable(c);
  const now = isolate.now();
  const running = orders.value.filter(({ text }) => stateOf(JSON.parse(text) as ChaosOrder, now) === "running");
  if (running.length >= policy.chaos.maxConcurrent)
    return invalid(c, "", `${running.length} experiments run already, and chaos.maxConcurrent allows no more`);
  const id = `exp_${crypto.randomUUID().slice(0, 12).replaceAll("-", "")}`;
  const order: ChaosOrder = {
    ...{ id, name: spec.name ?? named ?? id, spec, startedAt: now, endsAt: now + spec.durationSeconds * 1_000 },
    startedBy: c.get("actor"),
  };
  const stored = await store(c, order, "chaos.start", spec.hypothesis ?? "");
  return (
    stored ??
    c.json({ ...order, state: "running", heard: await tellRegions(c) }, 201, { location: `experiments/${id}` })
  );
}

/** `POST chaos/experiments/{id}:stop`. One that is over already stays as it is. */
export async function stopExperiment(c: Asked): Promise<Response> {
  const action = c.req.param("action") ?? "";
  if (!action.endsWith(":stop")) return refusal(c, { code: "not_found" });
  const id = action.slice(0, -":stop".length);
  const isolate = c.get("isolate");
  const orders = await isolate.objects.askControl((control) => control.ledger("chaos"));
  if (!orders.ok) return unavailable(c);
  const entry = orders.value.find(({ key }) => key === id);
  if (entry === undefined) return refusal(c, { code: "not_found" });
  const order = JSON.parse(entry.text) as ChaosOrder;
  const now = isolate.now();
  if (stateOf(order, now) !== "running") return c.json({ ...order, state: stateOf(order, now), heard: {} });
  const stopped: ChaosOrder = { ...order, stopped: { at: now, by: c.get("actor"), reason: "stopped by an operator" } };
  const stored = await store(c, stopped, "chaos.stop", "");
  return stored ?? c.json({ ...stopped, state: "stopped", heard: await tellRegions(c) });
}

async function store(c: Asked, order: ChaosOrder, action: string, note: string): Promise<Response | undefined> {
  const change = { actor: c.get("actor"), note };
  const text = JSON.stringify(order);
  const { objects } = c.get("isolate");
  const stored = await objects.askControl((control) => control.append("chaos", order.id, text, action, change));
  return stored.ok ? undefined : unavailable(c);
}

export async function getExperiments(c: Asked): Promise<Response> {
  const asked = page(c);
  if (!asked.ok) return asked.error;
  const read = await c.get("isolate").objects.askInsight((insight) => insight.experiments());
  if (!read.ok) return unavailable(c);
  const { items, next } = cut(read.value, ({ startedAt, id }) => timedKey(startedAt, id), asked.value, "falling");
  return c.json({ items: items.map((each) => ({ ...shown(each), timeline: undefined })), next });
}

/** The report, as JSON or, for those who would rather look, as a page: `GET chaos/experiments/{id}?format=html`. */
export async function getExperiment(c: Asked): Promise<Response> {
  const id = c.req.param("action") ?? "";
  const read = await c.get("isolate").objects.askInsight((insight) => insight.experiment(id));
  if (!read.ok) return unavailable(c);
  if (read.value === undefined) return refusal(c, { code: "not_found" });
  return c.req.query("format") === "html" ? reportPage(c, read.value) : c.json(shown(read.value));
}

const shown = (reading: ExperimentReading) => ({ ...reading, spec: JSON.parse(reading.spec) as Experiment });

const invalid = (c: Asked, path: string, message: string): Response =>
  refusal(c, { code: "body_invalid", errors: [{ path, message }] });

/** What the policy lets an experiment be; a name that leads nowhere is a mistake, not an experiment without effect. */
function withinBounds(
  spec: Experiment,
  policy: Policy,
  bounds: ChaosPolicy,
): Result<true, { path: string; message: string }> {
  if (spec.durationSeconds > bounds.maxDurationSeconds)
    return refuse({
      path: "durationSeconds",
      message: `must be at most ${bounds.maxDurationSeconds}, chaos.maxDurationSeconds`,
    });
  if (spec.maxBlastShare > bounds.maxBlastShare)
    return refuse({ path: "maxBlastShare", message: `must be at most ${bounds.maxBlastShare}, chaos.maxBlastShare` });
  for (const [index, { target }] of spec.faults.entries()) {
    const path = `faults[${index}].target`;
    if (target.service !== undefined && !Object.hasOwn(policy.services, target.service))
      return refuse({ path: `${path}.service`, message: "names none of services" });
    if (target.provider !== undefined && !Object.hasOwn(policy.providers, target.provider))
      return refuse({ path: `${path}.provider`, message: "names none of providers" });
    if (bounds.services !== undefined && (target.service === undefined || !bounds.services.includes(target.service)))
      return refuse({ path: `${path}.service`, message: "must be one of chaos.services" });
  }
  return ok(true);
}
