// Reading bodies that anybody may have written: what a field holds when it holds what it should, which fields are unknown,
// and the refusal of one that is wrong, which names the field and never repeats what stood in it.
import { refuse } from "../result/result.ts";
import type { JsonObject } from "./chat.ts";
import type { Failure } from "./failures.ts";

export const finiteOf = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) ? value : undefined;

export const booleanOf = (value: unknown): boolean | undefined => (typeof value === "boolean" ? value : undefined);

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
  const value = parsed(text);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

export function parseList(text: string): unknown[] {
  const value = parsed(text);
  return Array.isArray(value) ? value : [];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
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

/** A wait as Google writes it, `12s`. */
export function durationMs(written: unknown): number | undefined {
  const found = typeof written === "string" ? /^(\d{1,6}(?:\.\d{1,9})?)s$/.exec(written)?.[1] : undefined;
  return found === undefined ? undefined : Math.round(Number(found) * 1000);
}

/** `data:image/png;base64,…`, taken apart; undefined for an address. */
export function dataUrlOf(url: string): { readonly mediaType: string; readonly base64: string } | undefined {
  if (!url.startsWith("data:")) return undefined;
  const comma = url.indexOf(",");
  const head = url.slice("data:".length, comma);
  if (comma < 0 || !head.endsWith(";base64")) return undefined;
  return { mediaType: head.slice(0, -";base64".length).split(";", 1)[0] ?? "", base64: url.slice(comma + 1) };
}
