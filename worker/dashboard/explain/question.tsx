// A request in words: method, URL and header fields. Nothing of it is sent anywhere but to the gateway's admin API.
import { useState } from "preact/hooks";
import { Button, Field } from "../parts/basics.tsx";
import { headersOf, type Question } from "./answer.ts";

interface QuestionFormProps {
  readonly verb: string;
  readonly busy: boolean;
  readonly ask: (question: Question) => void;
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

export function QuestionForm({ verb, busy, ask }: QuestionFormProps) {
  const [method, setMethod] = useState("GET");
  const [url, setUrl] = useState("/");
  const [fields, setFields] = useState("");
  const headers = headersOf(fields);
  const submit = (event: Event): void => {
    event.preventDefault();
    if (typeof headers !== "string") ask({ method, url: url.trim(), headers });
  };
  return (
    <form class="stack" onSubmit={submit}>
      <div class="request-line">
        <Field label="Method">
          <select value={method} onChange={({ currentTarget }) => setMethod(currentTarget.value)}>
            {METHODS.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </Field>
        <Field label="URL or path">
          <input
            class="mono"
            value={url}
            required
            spellcheck={false}
            autocomplete="off"
            autocapitalize="off"
            onInput={({ currentTarget }) => setUrl(currentTarget.value)}
          />
        </Field>
      </div>
      <Field
        label="Header fields"
        hint={
          typeof headers === "string" ? `This is no field: ${headers}` : "One a line, as Name: value. None are needed."
        }
      >
        <textarea
          class="mono"
          rows={3}
          value={fields}
          spellcheck={false}
          aria-invalid={typeof headers === "string"}
          onInput={({ currentTarget }) => setFields(currentTarget.value)}
        />
      </Field>
      <div>
        <Button type="submit" kind="main" disabled={busy || typeof headers === "string"}>
          {busy ? "Asking …" : verb}
        </Button>
      </div>
    </form>
  );
}
