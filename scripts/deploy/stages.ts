// Progress for people: a spinner where there is a terminal, a line a step where there is none.
import { spinner } from "@clack/prompts";

export interface Progress {
  /** Begins a step; the one before it went well. */
  step(words: string): void;
  /** A step that went well has something to say. */
  done(words: string): void;
  /** The last step ends here, well or not. */
  end(well: boolean): void;
}

export function stages(isTerminal: boolean, line: (text: string) => void): Progress {
  if (!isTerminal) return { step: (words) => line(`- ${words}`), done: (words) => line(`  ${words}`), end: () => {} };
  const turning = spinner({ output: process.stderr });
  let words = "";
  const close = (text: string): void => {
    if (words !== "") turning.stop(text);
    words = "";
  };
  return {
    step(next) {
      close(words);
      words = next;
      turning.start(next);
    },
    done: (text) => close(`${words}: ${text}`),
    end(well) {
      if (words === "") return;
      if (well) turning.stop(words);
      else turning.error(words);
      words = "";
    },
  };
}
