// Reading bodies that anybody may have written: what a field holds when it holds what it should, which fields are unknown,
// and the refusal of one that is wrong, which names the field and never repeats what stood in it.
import { refuse } from "../result/result.ts";
import type { JsonObject } from "./chat.ts";
import type { Failure } from "./failures.ts";

export const finiteOf = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) ? value : undefined;

export const wordOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

export const badField = (param: string, what: string): { ok: false; error: Failure } =>
  refuse({ kind: "bad_request", message: `'${param}' ${what}.`, param });

/** The fields a dialect knows, so that all others can be kept. */
export function knownFields(names: string): { others(body: JsonObject): JsonObject } {
  const known = new Set(names.split(" "));
  return {
    others(body) {
      const others: JsonObject = {};
      for (const [name, value] of Object.entries(body)) if (!known.has(name)) others[name] = value;
      return others;
    },
  };
}

/** A JSON object out of a text; undefined when it is none. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** What stands at a dotted path, `usage.prompt_tokens`. */
export function fieldAt(body: JsonObject, path: string): unknown {
  let value: unknown = body;
  for (const name of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as JsonObject)[name];
  }
  return value;
}
