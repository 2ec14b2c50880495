// What an answer says about the gateway that gave it. Pure: a question's kind, what was seen, and what was going on meanwhile, in; which
// promise is broken and how, out. Law: an answer that was cut, refused or late may be right, and only what no fault excuses is blamed.
import { judgeBody, LAST_EVENT, streamText, wordsOf } from "./bodies.ts";
import type { Seen } from "./client.ts";
import type { Promised } from "./history.ts";
import { MARK } from "./upstreams.ts";

export type Kind =
  /** Upstreams are well: nothing else may fail it. */
  | "steady"
  /** Through toxics. */
  | "rough"
  /** One instance breaks the rules of HTTP. */
  | "odd"
  | "upload"
  | "events"
  | "cached"
  /** With a key that is good. */
  | "keyed"
  /** With a key that never was. */
  | "wrong-key"
  | "ai"
  | "ai-stream";

export interface Meanwhile {
  /** A workerd that this request needed was killed, or was not back yet. */
  readonly killed: boolean;
}

export interface Finding {
  readonly promise: Promised;
  readonly words: string;
}

/** Codes that a gateway answers with when it cannot do what was asked for reasons of its own. */
const codeOf = (seen: Seen): string => {
  if (!/problem\+json/.test(seen.headers["content-type"] ?? "")) return "";
  return /"type":"urn:sluice:problem:([a-z_]+)"/.exec(seen.body.toString())?.[1] ?? "";
};

const shown = (seen: Seen): string =>
  `${seen.status} ${seen.end} after ${Math.round(seen.endedAt - seen.startedAt)} ms, ${seen.body.length} bytes: ${JSON.stringify(seen.body.toString("latin1").slice(0, 160))}`;

export function judge(kind: Kind, target: string, sent: string, seen: Seen, { killed }: Meanwhile): Finding[] {
  if (seen.end === "left") return [];
  const found: Finding[] = [];
  const blame = (promise: Promised, words: string): void =>
    void found.push({ promise, words: `${kind} ${target}: ${words}: ${shown(seen)}` });
  if (seen.end === "stuck") blame("stuck", "no end within its deadline");
  const code = codeOf(seen);
  const fromUpstream = seen.headers[MARK] !== undefined;
  if (seen.status === 500 && !fromUpstream && kind !== "odd") blame("internal", "a 500 of the gateway's own");
  if (code === "internal") blame("internal", "an internal error");
  if (seen.whole && seen.status === 200) judgeWhole(kind, target, sent, seen, blame);
  const excused = killed || code === "policy_missing";
  if (kind === "steady" && !excused && seen.end !== "stuck" && !(seen.whole && seen.status === 200))
    blame("dependent", "upstreams are well, and it was not answered");
  if (kind === "keyed" && seen.status === 401) blame("dependent", "a good key was refused");
  if (kind === "wrong-key" && seen.status === 200) blame("disobeyed", "a wrong key was let in");
  return found;
}

type Blame = (promise: Promised, words: string) => void;

/** An answer that says of itself that it is all there is. */
function judgeWhole(kind: Kind, target: string, sent: string, seen: Seen, blame: Blame): void {
  switch (kind) {
    case "steady":
    case "rough":
    case "cached":
    case "keyed":
    case "wrong-key":
      return judgeBytes(target, seen, blame);
    case "odd":
      // What a server that lies says of nothing, or of both its lengths, is as true as it can be.
      if (seen.body.length > 0 && seen.body.toString() !== "xxxxx") judgeBytes(target, seen, blame);
      return;
    case "upload":
      if (seen.body.toString() !== sent) blame("truncated", `the upload was ${sent}`);
      return;
    case "events":
      if (seen.body.toString() !== streamText()) {
        const isCut = !seen.body.toString().endsWith(LAST_EVENT);
        blame(isCut ? "truncated" : "crossed", "the stream says it is over");
      }
      return;
    case "ai":
      if (!seen.body.toString().includes(JSON.stringify(wordsOf(sent).join("")).slice(1, -1)))
        blame("truncated", "an AI answer lacks words");
      return;
    case "ai-stream":
      return judgeAiStream(sent, seen, blame);
  }
}

function judgeBytes(target: string, seen: Seen, blame: Blame): void {
  const verdict = judgeBody(seen.body);
  if (verdict.kind !== "whole") blame("truncated", `the body is ${verdict.kind}`);
  // The upstream sees the path without the route's prefix, and both end alike.
  else if (!target.endsWith(verdict.target)) blame("crossed", `it answers ${verdict.target}`);
}

/** A stream ends in a finish reason and `[DONE]` with every word, or in an error event and no `[DONE]`. */
function judgeAiStream(question: string, seen: Seen, blame: Blame): void {
  const text = seen.body.toString();
  const isDone = text.includes("data: [DONE]");
  const hasError = /"error":\s*\{/.test(text);
  if (!isDone) {
    if (!hasError) blame("truncated", "neither [DONE] nor an error ends it");
    return;
  }
  const words = text
    .split("\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => contentOf(line.slice("data: ".length)))
    .join("");
  if (words !== wordsOf(question).join(""))
    blame("truncated", `[DONE], but it says ${JSON.stringify(words.slice(-60))}`);
}

function contentOf(json: string): string {
  const chunk = JSON.parse(json) as { choices?: { delta?: { content?: string | null } }[] };
  return chunk.choices?.[0]?.delta?.content ?? "";
}
