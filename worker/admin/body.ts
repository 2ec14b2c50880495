// Request bodies of the admin API: read no further than the limit, then bounded in depth and size before they are
// parsed. The media type is not asked about: the token is the protection, and curl sends a form's by default.
import * as v from "valibot";
import { DOCUMENT_LIMITS, joinPath, readJson } from "../core/protocol/json.ts";
import { ok, refuse, type Result } from "../core/result/result.ts";
import type { Asked } from "./context.ts";
import { refusal } from "./refuse.ts";

export interface JsonBody {
  readonly text: string;
  readonly value: unknown;
}

/** The body, or the refusal that says why not. */
export async function readBody(c: Asked): Promise<Result<JsonBody, Response>> {
  const text = await readText(c);
  if (!text.ok) return text;
  const json = readJson(text.value, DOCUMENT_LIMITS);
  return json.ok
    ? ok({ text: text.value, value: json.value })
    : refuse(refusal(c, { code: "body_invalid", errors: [json.error] }));
}

/** The body as it was sent, or the refusal of one that is too long. */
export async function readText(c: Asked): Promise<Result<string, Response>> {
  const held = c.get("bodyText");
  if (held !== undefined) return ok(held);
  const text = await textWithin(c.req.raw, DOCUMENT_LIMITS.maxBytes);
  return text === undefined ? refuse(refusal(c, { code: "body_too_large" })) : ok(text);
}

/** A body of a known, small shape. */
export async function readShape<Schema extends v.GenericSchema>(
  c: Asked,
  schema: Schema,
): Promise<Result<v.InferOutput<Schema>, Response>> {
  const body = await readBody(c);
  if (!body.ok) return body;
  const parsed = v.safeParse(schema, body.value.value);
  if (parsed.success) return ok(parsed.output);
  const errors = parsed.issues.map((issue) => ({
    path: (issue.path ?? []).reduce((path, { key }) => joinPath(path, key as string | number), ""),
    message: `must be ${issue.expected ?? "something else"}`,
  }));
  return refuse(refusal(c, { code: "body_invalid", errors }));
}

/** Undefined when it is longer than `most`: what lies behind the limit is never read. */
async function textWithin(request: Request, most: number): Promise<string | undefined> {
  if (Number(request.headers.get("content-length") ?? 0) > most) return undefined;
  if (request.body === null) return "";
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body) {
    length += chunk.byteLength;
    // Leaving the loop cancels the stream.
    if (length > most) return undefined;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return new TextDecoder().decode(bytes);
}
