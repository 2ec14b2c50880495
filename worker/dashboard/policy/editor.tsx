// A text of JSON with numbered lines, plain on purpose: the browser's own field, with its own undo, search, spelling of keys and screen
// reader. Lines with problems are marked in the margin, and whoever holds its `jump` can lead the eye to a place.
import { useEffect, useImperativeHandle, useRef } from "preact/hooks";
import type { Ref } from "preact";
import { lineAt } from "./places.ts";

export interface EditorHold {
  /** Shows and marks what stands from here up to the end of its line, at most up to `to`. */
  readonly jump: (from: number, to: number) => void;
}

interface EditorProps {
  readonly text: string;
  readonly label: string;
  readonly edit: (text: string) => void;
  readonly readOnly: boolean;
  /** 1-based, rising. */
  readonly badLines: readonly number[];
  readonly describedBy: string;
  readonly hold: Ref<EditorHold>;
}

export function Editor({ text, label, edit, readOnly, badLines, describedBy, hold }: EditorProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const margin = useRef<HTMLPreElement>(null);
  const follow = (): void => {
    if (margin.current !== null && field.current !== null) margin.current.scrollTop = field.current.scrollTop;
  };
  useEffect(follow, [text]);
  useImperativeHandle(
    hold,
    () => ({
      jump: (from, to) => {
        const { current } = field;
        if (current === null) return;
        const end = current.value.indexOf("\n", from);
        current.focus();
        current.setSelectionRange(from, Math.max(from, Math.min(to, end === -1 ? to : end)));
        const height = Number.parseFloat(getComputedStyle(current).lineHeight);
        current.scrollTop = (lineAt(current.value, from) - 1) * height - current.clientHeight / 3;
        current.scrollLeft = 0;
        follow();
      },
    }),
    [],
  );
  return (
    <div class="editor">
      <pre class="editor-margin" ref={margin} aria-hidden="true">
        <Numbers count={text.split("\n").length} bad={badLines} />
      </pre>
      <textarea
        ref={field}
        class="editor-text"
        aria-label={label}
        aria-describedby={describedBy}
        aria-invalid={badLines.length > 0}
        value={text}
        readOnly={readOnly}
        wrap="off"
        rows={24}
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
        onScroll={follow}
        onInput={({ currentTarget }) => edit(currentTarget.value)}
      />
    </div>
  );
}

/** As few nodes as there are marks: a long document is one text. */
function Numbers({ count, bad }: { count: number; bad: readonly number[] }) {
  const upTo = (from: number, to: number): string =>
    Array.from({ length: Math.max(0, to - from) }, (_, index) => `${from + index}\n`).join("");
  let next = 1;
  const parts = bad.flatMap((line) => {
    const before = upTo(next, line);
    next = line + 1;
    return [before, <mark key={line}>{line}</mark>, "\n"];
  });
  return (
    <>
      {parts}
      {upTo(next, count + 1)}
    </>
  );
}
