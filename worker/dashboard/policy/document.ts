// The policy as it is edited: the generation it began from, the text as it now is, and what the gateway thinks of it. Kept while other
// pages are looked at; gone with the session, for the next operator begins anew.
import { useCallback, useEffect, useState } from "preact/hooks";
import type { Change } from "../../core/policy/differences.ts";
import { DOCUMENT_LIMITS, readJson } from "../../core/protocol/json.ts";
import { ask, Problem } from "../api.ts";
import { session } from "../session.ts";
import { Store, useStore } from "../store.ts";

export interface Base {
  /** 0: there is none yet. */
  readonly generation: number;
  /** Undefined where there is none yet. */
  readonly etag: string | undefined;
  /** Laid out as everybody's is, so that only what was meant differs. */
  readonly text: string;
}

export interface Document {
  readonly base: Base;
  readonly text: string;
}

export interface PolicyProblem {
  readonly path: string;
  readonly message: string;
}

/** What the gateway says of a text (`POST policy/check`), or this page of one that is no JSON. */
export interface Verdict {
  readonly valid: boolean;
  readonly errors: readonly PolicyProblem[];
  readonly pending: readonly { readonly section: string; readonly reason: string }[];
  readonly changes: readonly Change[];
  readonly truncated: boolean;
}

const documents = new Store<Document | undefined>(undefined);
session.listen(() => documents.set(undefined));

export const pretty = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

export async function readGeneration(generation?: number): Promise<Base> {
  try {
    const { value, etag } = await ask<unknown>(generation === undefined ? "policy" : `policy?generation=${generation}`);
    return { generation: Number(etag?.replaceAll('"', "") ?? 0), etag, text: pretty(value) };
  } catch (error) {
    if (error instanceof Problem && error.status === 404 && generation === undefined)
      return { generation: 0, etag: undefined, text: "{\n}\n" };
    throw error;
  }
}

export interface Editing {
  readonly document: Document | undefined;
  readonly problem: Problem | undefined;
  readonly isDirty: boolean;
  readonly edit: (text: string) => void;
  /** Reads what is in force, and keeps the edits (`onto`) or lets them go. */
  readonly reload: (edits: "keep" | "drop") => Promise<void>;
}

export function useDocument(): Editing {
  const document = useStore(documents);
  const [problem, setProblem] = useState<Problem | undefined>(undefined);
  const reload = useCallback(async (edits: "keep" | "drop"): Promise<void> => {
    try {
      const base = await readGeneration();
      const kept = edits === "keep" ? documents.value?.text : undefined;
      documents.set({ base, text: kept ?? base.text });
      setProblem(undefined);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
    }
  }, []);
  useEffect(() => {
    if (documents.value === undefined) void reload("drop");
  }, [reload]);
  const isDirty = document !== undefined && document.text !== document.base.text;
  useEffect(() => {
    if (!isDirty) return undefined;
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [isDirty]);
  const edit = useCallback((text: string): void => {
    const known = documents.value;
    if (known !== undefined) documents.set({ ...known, text });
  }, []);
  return { document, problem, isDirty, edit, reload };
}

const PAUSE_MS = 300;

export interface Checked {
  /** Of `text`; undefined until the gateway has answered. */
  readonly verdict: Verdict | undefined;
  readonly problem: Problem | undefined;
}

/** What is thought of `text`, soon after one has stopped typing. Of what is no JSON nobody is asked. `again` asks anew when it changes. */
export function useVerdict(text: string | undefined, again: unknown): Checked {
  const [checked, setChecked] = useState<Checked & { readonly text: string | undefined }>({
    ...{ text: undefined, verdict: undefined, problem: undefined },
  });
  useEffect(() => {
    if (text === undefined) return undefined;
    const json = readJson(text, DOCUMENT_LIMITS);
    if (!json.ok) {
      const verdict = { valid: false, errors: [json.error], pending: [], changes: [], truncated: false };
      setChecked({ text, verdict, problem: undefined });
      return undefined;
    }
    const ending = new AbortController();
    const check = async (): Promise<void> => {
      try {
        const question = { method: "POST", body: json.value, signal: ending.signal } as const;
        const { value } = await ask<Verdict>("policy/check", question);
        if (!ending.signal.aborted) setChecked({ text, verdict: value, problem: undefined });
      } catch (error) {
        if (ending.signal.aborted) return;
        if (!(error instanceof Problem)) throw error;
        setChecked({ text, verdict: undefined, problem: error });
      }
    };
    const timer = window.setTimeout(() => void check(), PAUSE_MS);
    return () => {
      window.clearTimeout(timer);
      ending.abort();
    };
  }, [text, again]);
  return checked.text === text ? checked : { verdict: undefined, problem: undefined };
}

/** Pushes `text` in the place of the generation it began from; throws Problem, 412 when another is in force by now. */
export async function push({ base, text }: Document, note: string): Promise<{ generation: number; outcome: string }> {
  const query = note === "" ? "" : `?note=${encodeURIComponent(note)}`;
  const { value } = await ask<{ generation: number; outcome: string }>(`policy${query}`, {
    method: "PUT",
    body: JSON.parse(text) as unknown,
    ifMatch: base.etag,
  });
  return value;
}

export async function rollBack(generation: number, inForce: number, note: string): Promise<{ generation: number }> {
  const { value } = await ask<{ generation: number }>("policy/rollback", {
    method: "POST",
    body: { generation, note },
    ifMatch: `"${inForce}"`,
  });
  return value;
}
