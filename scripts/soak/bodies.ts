// Bodies that tell on whoever changes them: each begins with what it answers, when it was made and how long it is, and ends with the hash
// of all before. A body that is cut, stale, or somebody else's shows that by itself, whatever the fields around it say.
import { createHash } from "node:crypto";

const HASH_LENGTH = 64;
const HEADER = /^soak ([\d.]+) (\d+) (\S+)\n/;

/** `bytes` is the whole length; a body is never shorter than it must be. */
export function makeBody(target: string, atMs: number, bytes: number): Buffer {
  const overhead = `soak ${atMs} ${bytes} ${target}\n`.length + HASH_LENGTH;
  const length = Math.max(bytes, overhead + 16);
  const head = `soak ${atMs} ${length} ${target}\n`;
  const content = Buffer.alloc(length - HASH_LENGTH, "x");
  content.write(head, "latin1");
  return Buffer.concat([content, Buffer.from(hashOf(content), "latin1")]);
}

const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export type BodyVerdict =
  | { readonly kind: "whole"; readonly target: string; readonly atMs: number }
  | { readonly kind: "cut" | "changed" };

export function judgeBody(body: Buffer): BodyVerdict {
  const [, at, length, target] = HEADER.exec(body.subarray(0, 2_048).toString("latin1")) ?? [];
  if (at === undefined || length === undefined || target === undefined) return { kind: "cut" };
  if (body.length < Number(length)) return { kind: "cut" };
  const end = body.length - HASH_LENGTH;
  const isWhole =
    body.length === Number(length) && hashOf(body.subarray(0, end)) === body.subarray(end).toString("latin1");
  return isWhole ? { kind: "whole", target, atMs: Number(at) } : { kind: "changed" };
}

/** How many events a stream has, each numbered, before the one that ends it. */
export const STREAM_EVENTS = 12;
export const LAST_EVENT = "event: over\ndata: all is told\n\n";
export const eventText = (number: number): string => `id: ${number}\ndata: event ${number} of ${STREAM_EVENTS}\n\n`;
export const streamText = (): string =>
  Array.from({ length: STREAM_EVENTS }, (_, index) => eventText(index + 1)).join("") + LAST_EVENT;

/** What an AI answer says, in words of its own for each question. */
export const wordsOf = (question: string): string[] =>
  Array.from({ length: 24 }, (_, index) => `${question}-${index + 1}${index === 23 ? "." : " "}`);
