// The policy as an operator reads and writes it. The entity tag is the generation, so a write can say which one it
// changes (If-Match); it is answered after `ControlObject` stored it, and this isolate obeys at once, the others within
// five seconds. A document that lies in KV without a generation is shown, and written over, as generation 0.
import { differences } from "../core/policy/differences.ts";
import { parsePolicy, type PolicyProblem } from "../core/policy/parse.ts";
import { pendingSections } from "../core/policy/pending.ts";
import type { Policy } from "../core/policy/schema.ts";
import { checkTarget } from "../core/policy/targets.ts";
import { mergePatch } from "../core/protocol/merge-patch.ts";
import { POLICY_KEY } from "../core/protocol/names.ts";
import type { PolicyDocument, PutAnswer } from "../core/protocol/objects.ts";
import { ok, refuse, type Result } from "../core/result/result.ts";
import { generationOf, type PolicyMetadata } from "../platform/policies.ts";
import type { Asked } from "./context.ts";
import { readBody, readShape, readText } from "./body.ts";
import { expectedGeneration, matches } from "./etag.ts";
import { nextOf, numberedPage, wrong } from "./paging.ts";
import { rollbackQuestion } from "./questions.ts";
import { refusal, unavailable } from "./refuse.ts";

const MERGE_PATCH = "application/merge-patch+json";

export async function getPolicy(c: Asked): Promise<Response> {
  const asked = c.req.query("generation");
  if (asked !== undefined && !/^[1-9]\d{0,14}$/.test(asked))
    return wrong(c, "generation", "must be a generation's number");
  const found = await findPolicy(c, asked === undefined ? undefined : Number(asked));
  if (!found.ok) return found.error;
  const etag = `"${found.value.generation}"`;
  if (matches(c.req.header("if-none-match"), etag)) return new Response(null, { status: 304, headers: { etag } });
  return new Response(found.value.text, { headers: { "content-type": "application/json", etag } });
}

async function findPolicy(c: Asked, generation: number | undefined): Promise<Result<PolicyDocument, Response>> {
  const { objects, policies } = c.get("isolate");
  const stored = await objects.askControl((control) => control.policy(generation));
  if (!stored.ok) return refuse(unavailable(c));
  if (stored.value !== undefined) return ok(stored.value);
  if (generation !== undefined) return refuse(refusal(c, { code: "not_found" }));
  const published = await policies.kv.call(() => c.env.KV.getWithMetadata<PolicyMetadata>(POLICY_KEY, "text"));
  if (!published.ok) return refuse(unavailable(c));
  const { value: text, metadata } = published.value;
  return text === null
    ? refuse(refusal(c, { code: "not_found" }))
    : ok({ generation: generationOf(metadata), text, at: 0 });
}

export async function putPolicy(c: Asked): Promise<Response> {
  const expected = expectedGeneration(c.req.header("if-match"), c.req.header("if-none-match"));
  if (expected === "never") return refusal(c, { code: "precondition_failed" });
  const body = await readBody(c);
  if (!body.ok) return body.error;
  const checked = admissible(c, body.value.text);
  if (!checked.ok) return refusal(c, { code: "policy_invalid", errors: checked.error });
  const isolate = c.get("isolate");
  // Written anew, so that a document that differs in white space alone is the same document.
  const text = JSON.stringify(body.value.value);
  const note = c.req.query("note") ?? "";
  const stored = await isolate.objects.askControl((control) =>
    control.put(text, { actor: c.get("actor"), note }, expected),
  );
  if (!stored.ok) return unavailable(c);
  return answered(c, stored.value, text);
}

/** A patch in another language. Else the media type is not asked about, as nowhere here. */
const OTHER_PATCH = /^application\/(?!merge-patch)[\w.-]*patch\+/i;

/**
 * `PATCH policy` (RFC 5789) with a JSON merge patch (RFC 7396): what it does not name stays, null removes. It says which generation it
 * changes (RFC 6585 §3), for a patch of something else is something else.
 */
export async function patchPolicy(c: Asked): Promise<Response> {
  const ifMatch = c.req.header("if-match");
  if (ifMatch === undefined) return refusal(c, { code: "precondition_required" });
  if (OTHER_PATCH.test(c.req.header("content-type") ?? ""))
    return refusal(c, { code: "media_type_unsupported", accept: MERGE_PATCH }, { "accept-patch": MERGE_PATCH });
  const expected = expectedGeneration(ifMatch, undefined);
  if (expected === "never") return refusal(c, { code: "precondition_failed" });
  const body = await readBody(c);
  if (!body.ok) return body.error;
  const found = await findPolicy(c, undefined);
  if (!found.ok) return found.error;
  const { generation, text: before } = found.value;
  if (expected !== undefined && expected !== generation)
    return refusal(c, { code: "precondition_failed" }, { etag: `"${generation}"` });
  const text = JSON.stringify(mergePatch(JSON.parse(before), body.value.value));
  const checked = admissible(c, text);
  if (!checked.ok) return refusal(c, { code: "policy_invalid", errors: checked.error });
  const change = { actor: c.get("actor"), note: c.req.query("note") ?? "" };
  // Whatever `*` let pass: over the generation that was read, or not at all.
  const stored = await c.get("isolate").objects.askControl((control) => control.put(text, change, generation));
  return stored.ok ? answered(c, stored.value, text) : unavailable(c);
}

/** The policy that `text` is, or why this deployment would not take it. */
function admissible(c: Asked, text: string): Result<Policy, readonly PolicyProblem[]> {
  const parsed = parsePolicy(text);
  if (!parsed.ok) return parsed;
  // Where it runs decides what it may call: locally that is everything, deployed nothing private.
  const closed = checkTarget(parsed.value, "local", { allowPrivate: c.env.ALLOW_PRIVATE === "true" });
  return closed.length === 0 ? parsed : refuse(closed);
}

/** Changes told of one document: more is another document. */
const MOST_CHANGES = 500;

/**
 * `POST policy/check`: what would become of a document if it were pushed, for an editor. Nothing is stored. A document that is
 * wrong is a good question, so the answer is 200; `changes` are against the generation that the gateway now has.
 */
export async function checkPolicy(c: Asked): Promise<Response> {
  const text = await readText(c);
  if (!text.ok) return text.error;
  const checked = admissible(c, text.value);
  if (!checked.ok) return c.json({ valid: false, errors: checked.error, pending: [], changes: [], truncated: false });
  const found = await findPolicy(c, undefined);
  // The first policy of all is measured against nothing.
  if (!found.ok && found.error.status !== 404) return found.error;
  const stored = found.ok ? found.value : undefined;
  const changes = stored === undefined ? [] : differences(JSON.parse(stored.text), JSON.parse(text.value));
  return c.json({
    valid: true,
    errors: [],
    pending: pendingSections(checked.value),
    generation: stored?.generation ?? null,
    changes: changes.slice(0, MOST_CHANGES),
    truncated: changes.length > MOST_CHANGES,
  });
}

export async function rollbackPolicy(c: Asked): Promise<Response> {
  const expected = expectedGeneration(c.req.header("if-match"), undefined);
  if (expected === "never") return refusal(c, { code: "precondition_failed" });
  const body = await readShape(c, rollbackQuestion);
  if (!body.ok) return body.error;
  const { generation, note } = body.value;
  const { objects } = c.get("isolate");
  const stored = await objects.askControl((control) =>
    control.rollback(generation, { actor: c.get("actor"), note }, expected),
  );
  if (!stored.ok) return unavailable(c);
  const inForce = await objects.askControl((control) => control.policy(stored.value.generation));
  return answered(c, stored.value, inForce.ok ? inForce.value?.text : undefined);
}

/** The answer to a write. This isolate obeys before it answers; should the document be missing, news brings it. */
function answered(c: Asked, { outcome, generation }: PutAnswer, text: string | undefined): Response {
  const isolate = c.get("isolate");
  switch (outcome) {
    case "conflict":
      return refusal(c, { code: "precondition_failed" }, { etag: `"${generation}"` });
    case "unknown":
      return refusal(c, { code: "not_found" });
    case "stored":
    case "unchanged":
      if (text !== undefined) isolate.policies.take({ generation, text, at: isolate.now() }, "region");
      return c.json({ generation, outcome }, 200, { etag: `"${generation}"` });
  }
}

export async function getHistory(c: Asked): Promise<Response> {
  const asked = numberedPage(c);
  if (!asked.ok) return asked.error;
  const { before, limit } = asked.value;
  const history = await c.get("isolate").objects.askControl((control) => control.history(before, limit));
  if (!history.ok) return unavailable(c);
  const items = history.value;
  return c.json({ items, next: nextOf(items, limit, ({ generation }) => generation) });
}
