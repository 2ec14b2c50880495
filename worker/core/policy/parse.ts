// The door of the policy: text in, a `Policy` with every default filled out, or what is wrong and where. Never throws on
// input, bounded in time, and says nothing of a value it refuses: an API key written where only its name may stand
// must not come back in an error, a log or an audit entry.
import * as v from "valibot";
import { DOCUMENT_LIMITS, joinPath, readJson } from "../protocol/json.ts";
import type { JsonProblem } from "../protocol/json.ts";
import { ok, refuse } from "../result/result.ts";
import type { Result } from "../result/result.ts";
import { referenceProblems } from "./references.ts";
import { policySchema } from "./schema.ts";
import type { Policy } from "./schema.ts";

export type PolicyProblem = JsonProblem;

/** Problems reported at once; the first ones are the ones to mend. */
const MAX_PROBLEMS = 20;

export function parsePolicy(text: string): Result<Policy, readonly PolicyProblem[]> {
  const json = readJson(text, DOCUMENT_LIMITS);
  if (!json.ok) return refuse([json.error]);
  const parsed = v.safeParse(policySchema, json.value, { abortPipeEarly: true });
  if (!parsed.success) return refuse(fieldProblems(parsed.issues));
  const way = listAsBlock(json.value, parsed.output);
  if (way !== undefined)
    return refuse([{ path: way.reduce<string>(joinPath, ""), message: "must be an object, not a list" }]);
  const problems = referenceProblems(parsed.output);
  return problems.length === 0 ? ok(parsed.output) : refuse(problems.slice(0, MAX_PROBLEMS));
}

type Issue = v.BaseIssue<unknown>;

function fieldProblems(issues: readonly Issue[]): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  for (const issue of issues) {
    addProblem(issue, "", problems);
    if (problems.length >= MAX_PROBLEMS) break;
  }
  return problems.slice(0, MAX_PROBLEMS);
}

function addProblem(issue: Issue, base: string, problems: PolicyProblem[]): void {
  const path = pathOf(issue, base);
  // Of a union's members, one that got inside the value is the one that was meant.
  const inner = issue.issues?.filter((each) => each.path !== undefined) ?? [];
  if (inner.length > 0) for (const each of inner) addProblem(each, path, problems);
  else problems.push({ path, message: messageOf(issue) });
}

function pathOf(issue: Issue, base: string): string {
  // A field's name inside a place for a secret may be the secret: the way ends before it.
  const hidesName = issue.type === "strict_object" && isOurs(issue.message) && issue.expected !== "Object";
  let path = base;
  for (const { key } of (issue.path ?? []).slice(0, hidesName ? -1 : undefined)) {
    if (typeof key === "string" || typeof key === "number") path = joinPath(path, key);
  }
  return path;
}

/** valibot's own messages begin so, and repeat what they received. */
const isOurs = (message: string): boolean => !message.startsWith("Invalid ");

/** A message of ours holds no value; valibot's own are written anew. */
function messageOf(issue: Issue): string {
  if (isOurs(issue.message)) return issue.message;
  if (issue.kind === "validation") return limitInWords(issue);
  const last = issue.path?.at(-1);
  if (issue.type === "strict_object" && last?.origin === "key") {
    return issue.expected === "never" ? "is not a known field" : "is required";
  }
  return `must be ${expectation(issue)}`;
}

function limitInWords(issue: Issue): string {
  const limit = String(issue.requirement);
  const things = typeof issue.input === "string" ? "characters" : "entries";
  switch (issue.type) {
    case "integer":
      return "must be a whole number";
    case "min_value":
      return `must be at least ${limit}`;
    case "max_value":
      return `must be at most ${limit}`;
    case "gt_value":
      return `must be greater than ${limit}`;
    case "min_length":
      return issue.requirement === 1 ? "must not be empty" : `must have at least ${limit} ${things}`;
    case "max_length":
    case "max_entries":
      return `must have at most ${limit} ${things}`;
    default:
      return "is not valid";
  }
}

function expectation(issue: Issue): string {
  if (issue.issues !== undefined) {
    const words = issue.issues.map((each) => messageOf(each).replace(/^must be /, ""));
    return [...new Set(words)].join(" or ");
  }
  switch (issue.expected) {
    case "string":
      return "text";
    case "number":
      return "a number";
    case "boolean":
      return "true or false";
    case "Object":
      return "an object";
    case "Array":
      return "a list";
    case null:
      return "something else";
    default:
      // Literals and picklists: `("a" | "b")`, written by the schema and never by the document.
      return issue.expected.replace(/^\((.*)\)$/, "$1").replaceAll(" | ", " or ");
  }
}

/** valibot takes a list for an object without fields; where that happened, the result is an object. Answers with the way there. */
function listAsBlock(written: unknown, parsed: unknown): (string | number)[] | undefined {
  if (typeof written !== "object" || written === null || typeof parsed !== "object" || parsed === null)
    return undefined;
  const isList = Array.isArray(written);
  if (isList !== Array.isArray(parsed)) return [];
  for (const key of Object.keys(written)) {
    const way = listAsBlock(Reflect.get(written, key), Reflect.get(parsed, key));
    if (way !== undefined) return [isList ? Number(key) : key, ...way];
  }
  return undefined;
}
