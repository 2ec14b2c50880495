// A message cut into what can be kept or left out: sentences, in any language that `Intl.Segmenter` knows, and blocks of
// code, which are whole or not there. White space after a piece belongs to it, so that all pieces in order are the text.
//
// Law: linear time, whatever the text; what the segmenter takes for an end after "Dr." is none.
export interface Piece {
  readonly text: string;
  readonly isCode: boolean;
}

/** Made at its first use: that takes ten milliseconds, which most isolates never need to spend. */
let segmenter: Intl.Segmenter | undefined;

/** Before a name or a number these end no sentence. */
const ABBREVIATIONS = new Set(
  (
    "dr mr mrs ms prof sr jr st vs etc e.g i.e eg ie cf fig no nos vol pp ca approx inc ltd co corp dept est min max " +
    "bzw ca d.h z.b u.a o.ä usw nr str hr fr abs vgl evtl ggf inkl bspw sog " +
    "m mme mlle p.ex av apr janv févr juil sept oct nov déc sra srta ud uds pág núm ej dott ing avv sig egr"
  ).split(" "),
);
/** Longer runs without an end are cut here: a minified file is one "sentence" otherwise. */
const LONGEST = 2_000;

export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  for (const block of blocksOf(text)) {
    if (block.isCode) pieces.push(block);
    else for (const sentence of sentencesOf(block.text)) pieces.push({ text: sentence, isCode: false });
  }
  return pieces;
}

/** Fenced code (CommonMark §4.5) and what stands between; a fence that is never closed goes to the end. */
function blocksOf(text: string): Piece[] {
  if (!text.includes("```") && !text.includes("~~~")) return text === "" ? [] : [{ text, isCode: false }];
  const blocks: Piece[] = [];
  let start = 0;
  let fence = "";
  for (let line = 0; line < text.length;) {
    const found = text.indexOf("\n", line);
    const next = found === -1 ? text.length : found + 1;
    const mark = fenceAt(text, line);
    if (mark !== "" && fence === "") {
      if (line > start) blocks.push({ text: text.slice(start, line), isCode: false });
      start = line;
      fence = mark;
    } else if (mark !== "" && mark[0] === fence[0] && mark.length >= fence.length) {
      blocks.push({ text: text.slice(start, next), isCode: true });
      start = next;
      fence = "";
    }
    line = next;
  }
  if (start < text.length) blocks.push({ text: text.slice(start), isCode: fence !== "" });
  return blocks;
}

/** The fence a line begins with, at most three spaces before it; "" for none. */
function fenceAt(text: string, line: number): string {
  let at = line;
  while (at < line + 3 && text[at] === " ") at++;
  const sign = text[at];
  if (sign !== "`" && sign !== "~") return "";
  let end = at;
  while (text[end] === sign) end++;
  return end - at >= 3 ? text.slice(at, end) : "";
}

function sentencesOf(text: string): string[] {
  const sentences: string[] = [];
  let open = "";
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "sentence" });
  for (const { segment } of segmenter.segment(text)) {
    open += segment;
    if (endsInAbbreviation(open) && open.length < LONGEST) continue;
    for (let at = 0; at < open.length; at += LONGEST) sentences.push(open.slice(at, at + LONGEST));
    open = "";
  }
  if (open !== "") sentences.push(open);
  return sentences;
}

/** "… by Dr. ": one word, a point, and no end of the line. */
function endsInAbbreviation(text: string): boolean {
  const end = text.trimEnd();
  if (!end.endsWith(".") || text.slice(end.length).includes("\n")) return false;
  const from = Math.max(end.lastIndexOf(" "), end.lastIndexOf("\n"), end.lastIndexOf("("), end.length - 12) + 1;
  const word = end.slice(from, -1).toLowerCase();
  // Initials too: "J. R. R. Tolkien".
  return ABBREVIATIONS.has(word) || (word.length === 1 && end[from] !== end[from]!.toLowerCase());
}
