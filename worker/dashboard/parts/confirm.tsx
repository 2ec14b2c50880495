// Asks before something is done that others notice: what will happen, in words, and a reason where one is wanted. The dialog is the
// browser's own, which keeps the keyboard inside and gives the focus back.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "../api.ts";
import { Button, Field, ProblemNote } from "./basics.tsx";

interface ConfirmProps {
  readonly title: string;
  readonly children: ComponentChildren;
  /** On the button that does it. */
  readonly verb: string;
  readonly danger?: boolean;
  /** Asks for a line that goes into the audit log. */
  readonly wantsNote?: boolean;
  readonly act: (note: string) => Promise<void>;
  /** Done, or called off. */
  readonly close: () => void;
}

export function Confirm({ title, children, verb, danger = false, wantsNote = false, act, close }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | undefined>(undefined);
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      await act(note);
      close();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="dialog-title" onClose={close}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id="dialog-title">{title}</h2>
        <div class="dialog-text">{children}</div>
        {wantsNote && (
          <Field label="Reason" hint="Goes into the audit log.">
            <input
              value={note}
              maxLength={1_000}
              onInput={({ currentTarget }) => setNote(currentTarget.value)}
              autocomplete="off"
            />
          </Field>
        )}
        <ProblemNote problem={problem} />
        <div class="dialog-actions">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" kind={danger ? "danger" : "main"} disabled={busy}>
            {busy ? "Working …" : verb}
          </Button>
        </div>
      </form>
    </dialog>
  );
}
