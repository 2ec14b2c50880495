// What every page is built of. Each part is plain HTML with a class of style.css; colour never says alone what a word does not say too.
import type { ComponentChildren } from "preact";
import type { Problem } from "../api.ts";

/** Good and bad are states, the rest is emphasis. */
export type Tone = "good" | "warn" | "bad" | "info" | "quiet";

interface Holding {
  readonly children?: ComponentChildren;
}

export function PageHead({ title, lead, children }: Holding & { title: string; lead?: ComponentChildren }) {
  return (
    <header class="page-head">
      <div>
        <h1 id="page-title" tabIndex={-1}>
          {title}
        </h1>
        {lead !== undefined && <p class="lead">{lead}</p>}
      </div>
      {children !== undefined && <div class="page-actions">{children}</div>}
    </header>
  );
}

interface CardProps extends Holding {
  readonly title?: string;
  /** Beside the title. */
  readonly aside?: ComponentChildren;
  readonly class?: string;
  readonly name?: string;
}

/** `name` is how a test finds it. */
export function Card({ title, aside, children, class: extra = "", name }: CardProps) {
  return (
    <section class={`card ${extra}`} data-card={name} aria-label={title}>
      {(title !== undefined || aside !== undefined) && (
        <header class="card-head">
          {title !== undefined && <h2>{title}</h2>}
          {aside !== undefined && <div class="card-aside">{aside}</div>}
        </header>
      )}
      {children}
    </section>
  );
}

interface StatProps {
  readonly label: string;
  readonly value: string;
  readonly note?: ComponentChildren;
  readonly tone?: Tone;
  readonly name?: string;
}

/** One figure, large. */
export function Stat({ label, value, note, tone, name }: StatProps) {
  return (
    <div class="stat" data-stat={name}>
      <div class="stat-label">{label}</div>
      <div class={`stat-value${tone === undefined ? "" : ` is-${tone}`}`}>{value}</div>
      {note !== undefined && <div class="stat-note">{note}</div>}
    </div>
  );
}

export function Badge({ tone, children }: Holding & { tone: Tone }) {
  return <span class={`badge is-${tone}`}>{children}</span>;
}

/** What is not there, and why: never a blank. */
export function Empty({ title, children }: Holding & { title: string }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children !== undefined && <p>{children}</p>}
    </div>
  );
}

/** What went wrong, as the gateway says it. */
export function ProblemNote({ problem }: { problem: Problem | undefined }) {
  if (problem === undefined) return null;
  return (
    <div class="note is-bad" role="alert">
      <p>{problem.message}</p>
      {problem.errors.length > 0 && (
        <ul>
          {problem.errors.map(({ path, message }) => (
            <li key={path + message}>
              {path !== "" && <code>{path}</code>} {message}
            </li>
          ))}
        </ul>
      )}
      {problem.correlationId !== "" && (
        <p class="quiet small">
          Correlation ID <code>{problem.correlationId}</code>
        </p>
      )}
    </div>
  );
}

export function Note({ tone = "info", children }: Holding & { tone?: Tone }) {
  return <div class={`note is-${tone}`}>{children}</div>;
}

interface ButtonProps extends Holding {
  readonly onClick?: () => void;
  readonly kind?: "main" | "plain" | "danger";
  readonly type?: "button" | "submit";
  readonly disabled?: boolean;
  /** For a reader that cannot see what stands around it. */
  readonly label?: string | undefined;
}

export function Button({ onClick, kind = "plain", type = "button", disabled = false, label, children }: ButtonProps) {
  return (
    <button type={type} class={`button is-${kind}`} onClick={onClick} disabled={disabled} aria-label={label}>
      {children}
    </button>
  );
}

interface FieldProps extends Holding {
  readonly label: string;
  readonly hint?: ComponentChildren;
}

/** A label around its control. */
export function Field({ label, hint, children }: FieldProps) {
  return (
    <label class="field">
      <span class="field-label">{label}</span>
      {children}
      {hint !== undefined && <span class="field-hint">{hint}</span>}
    </label>
  );
}
