// How much may be asked: body size. A declared length is refused before a byte is read; a body without one is counted
// on its way (platform/bodies). Rate limits have their place here.
import { contentLength } from "../core/http/limits.ts";
import type { Refusal } from "../core/http/problem.ts";
import type { Walk } from "./walk.ts";

export function limit(walk: Walk): Refusal | undefined {
  const { maxBodyBytes } = walk.route!;
  if (maxBodyBytes === Infinity) return undefined;
  const declared = contentLength(walk.fields.contentLength);
  return declared !== undefined && declared > maxBodyBytes ? { code: "body_too_large" } : undefined;
}
