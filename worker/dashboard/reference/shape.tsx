// A schema as a list of its members, each to be opened in its turn. What is closed is not built: shapes are deep, and some hold themselves.
import { useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { Badge } from "../parts/basics.tsx";
import type { Schema, Schemas } from "./document.ts";
import { limits, membersOf, typeWords, type Member } from "./schema.ts";

interface FoldProps {
  readonly title: ComponentChildren;
  readonly children: () => ComponentChildren;
}

/** Native <details>, whose content is made when it is opened. */
export function Fold({ title, children }: FoldProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="fold" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{title}</summary>
      {isOpen && children()}
    </details>
  );
}

/** Text in which what stands in backticks is code, and an empty line begins a paragraph. */
export function Prose({ text }: { text: string }) {
  return (
    <>
      {text.split("\n\n").map((paragraph) => (
        <p key={paragraph}>
          {paragraph.split("`").map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part))}
        </p>
      ))}
    </>
  );
}

interface ValueProps {
  readonly name: string;
  readonly schema: Schema;
  readonly schemas: Schemas;
  readonly isRequired: boolean;
  readonly description?: string | undefined;
  /** Where a parameter stands. */
  readonly place?: string;
}

/** One member or parameter: name, type, limits, what it is, and what stands in it. */
export function Value({ name, schema, schemas, isRequired, description = schema.description, place }: ValueProps) {
  const members = membersOf(schema, schemas);
  return (
    <li class="value">
      <div class="badges">
        <code>
          <strong>{name}</strong>
        </code>
        {place !== undefined && <span class="quiet small">{place}</span>}
        <span class="wrap mono">{typeWords(schema)}</span>
        {isRequired && <Badge tone="info">required</Badge>}
      </div>
      {limits(schema).length > 0 && <div class="quiet small wrap">{limits(schema).join(", ")}</div>}
      {description !== undefined && (
        <div class="wrap">
          <Prose text={description} />
        </div>
      )}
      {members.length > 0 && (
        <Fold title={`${name}: ${members.length} inside`}>{() => <Members members={members} schemas={schemas} />}</Fold>
      )}
    </li>
  );
}

function Members({ members, schemas }: { members: readonly Member[]; schemas: Schemas }) {
  return (
    <ul class="values">
      {members.map((member) => (
        <Value key={member.name} {...member} schemas={schemas} />
      ))}
    </ul>
  );
}

/** A body: its type in words, and its members. */
export function Shape({ schema, schemas }: { schema: Schema; schemas: Schemas }) {
  const members = membersOf(schema, schemas);
  return (
    <div class="shape">
      <p>
        <span class="mono">{typeWords(schema)}</span>
        {limits(schema).length > 0 && <span class="quiet small"> {limits(schema).join(", ")}</span>}
      </p>
      {schema.description !== undefined && <Prose text={schema.description} />}
      {members.length > 0 && <Members members={members} schemas={schemas} />}
    </div>
  );
}
