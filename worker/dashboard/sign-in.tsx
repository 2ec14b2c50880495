// The door: one field for the token. It is checked against the gateway before anything is shown, and kept in memory only.
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem, whoIs } from "./api.ts";
import { Button, Field, Note, ProblemNote } from "./parts/basics.tsx";
import { enter, farewell } from "./session.ts";
import { useStore } from "./store.ts";

export function SignIn() {
  const field = useRef<HTMLInputElement>(null);
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | undefined>(undefined);
  const why = useStore(farewell);
  useEffect(() => field.current?.focus(), []);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const given = token.trim();
    if (given === "") return;
    setBusy(true);
    try {
      enter(given, await whoIs(given));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
      setBusy(false);
      field.current?.select();
    }
  };
  return (
    <main class="door">
      <form class="card door-card" onSubmit={(event) => void submit(event)}>
        <div class="brand">
          <img src="/_sluice/dashboard/icon.svg" width="28" height="28" alt="" />
          <span>Sluice</span>
        </div>
        <h1>Sign in</h1>
        {why !== "" && <Note tone="warn">{why}</Note>}
        <Field
          label="Admin token"
          hint="The gateway's ADMIN_TOKEN, or a key or token with a sluice role. It stays in this page's memory and is gone when the page is closed or reloaded."
        >
          <input
            ref={field}
            type="password"
            value={token}
            onInput={({ currentTarget }) => setToken(currentTarget.value)}
            autocomplete="off"
            spellcheck={false}
            required
          />
        </Field>
        {problem !== undefined && problem.status === 401 ? (
          <Note tone="bad">The gateway does not know this token.</Note>
        ) : (
          <ProblemNote problem={problem} />
        )}
        <Button type="submit" kind="main" disabled={busy}>
          {busy ? "Checking …" : "Sign in"}
        </Button>
      </form>
    </main>
  );
}
