// What the demo's models say: real sentences about cameras, chosen by what they are asked, a word at a time. Asked the same they say the
// same, so that an answer that another of them finishes is the answer.
const TALES: readonly string[] = [
  "A shutter is two curtains of cloth or steel that chase each other across the film. The first one opens, the second one " +
    "closes, and the gap between them is the exposure. At a thousandth of a second that gap is narrower than a pencil line, " +
    "and no part of the picture is taken at quite the same moment as any other.",
  "The lens was made in Jena in 1937 and has crossed three borders in coat pockets. Its aperture has ten blades, one of them " +
    "newer than the rest. Nobody knows who replaced it, but whoever it was filed the edge by hand until the circle was round " +
    "again, and it has been round ever since.",
  "Film keeps what it has seen until someone asks. A roll from 1962 was developed last spring: eleven frames of fog, and then " +
    "a girl on a ferry, holding her hat, looking at whoever held the camera. The ferry has been found in the harbour's books. " +
    "The girl has not.",
  "To focus a rangefinder, look for the ghost. The small bright patch in the middle shows everything twice until the distance " +
    "is right, and then the second picture slides into the first and is gone. People who have done it for years say that they " +
    "do not turn the ring any more; they wait for the ghost to leave.",
];

/** A tale for a question, in pieces as a model writes them: the one that speaks most of what is asked. */
export function taleFor(question: string): readonly string[] {
  const words =
    question
      .toLowerCase()
      .replaceAll(/!\S+/g, "")
      .match(/\p{L}{5,}/gu) ?? [];
  const scores = TALES.map((tale) => words.filter((word) => tale.toLowerCase().includes(word)).length);
  return piecesOf(TALES[scores.indexOf(Math.max(...scores))] ?? "");
}

export const piecesOf = (text: string): readonly string[] => text.match(/\s*\S+/g) ?? [];
