// One endpoint: a line that says what it is, and when it is opened all that the document says of it.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Badge, Button, type Tone } from "../parts/basics.tsx";
import { say } from "../parts/said.tsx";
import { linkTo } from "../router.ts";
import { curlLine } from "./curl.ts";
import type { Endpoint, Outcome, Schemas } from "./document.ts";
import { Fold, Prose, Shape, Value } from "./shape.tsx";

const TONES: Readonly<Record<string, Tone>> = {
  GET: "info",
  POST: "good",
  PUT: "warn",
  PATCH: "warn",
  DELETE: "bad",
};
const PROBLEM = "application/problem+json";

interface EndpointProps {
  readonly endpoint: Endpoint;
  readonly schemas: Schemas;
  /** The address names it: open, and in view. */
  readonly isNamed: boolean;
}

export function EndpointDetails({ endpoint, schemas, isNamed }: EndpointProps) {
  const { operationId, method, path, summary, role } = endpoint;
  const [isOpen, setOpen] = useState(isNamed);
  const place = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    if (!isNamed) return;
    setOpen(true);
    place.current?.scrollIntoView({ block: "start" });
  }, [isNamed]);
  return (
    <details
      class="endpoint"
      ref={place}
      open={isOpen}
      data-endpoint={operationId}
      onToggle={({ currentTarget }) => setOpen(currentTarget.open)}
    >
      <summary>
        <span class="endpoint-line">
          <Badge tone={TONES[method] ?? "quiet"}>{method}</Badge>
          <code>{path}</code>
          <span class="quiet small">{role ?? "open to all"}</span>
        </span>
        <span class="endpoint-summary">{summary}</span>
      </summary>
      {isOpen && <Body endpoint={endpoint} schemas={schemas} />}
    </details>
  );
}

function Body({ endpoint, schemas }: { endpoint: Endpoint; schemas: Schemas }) {
  const { description, parameters = [], requestBody, responses, operationId } = endpoint;
  const all = Object.entries(responses);
  const refusals = all.filter(([, outcome]) => isRefusal(outcome));
  const problem = refusals.map(([, { content }]) => content?.[PROBLEM]?.schema).find((schema) => schema !== undefined);
  return (
    <div class="endpoint-body">
      {description !== undefined && <Prose text={description} />}
      <Curl text={curlLine(endpoint, location.origin, schemas)} />
      {parameters.length > 0 && (
        <Part title="Parameters">
          <ul class="values">
            {parameters.map(({ name, in: place, required, description: what, schema }) => (
              <Value
                key={place + name}
                {...{ name, schema, schemas, place }}
                isRequired={required === true}
                description={what}
              />
            ))}
          </ul>
        </Part>
      )}
      {requestBody !== undefined && (
        <Part title="Request">
          <Contents content={requestBody.content} schemas={schemas} />
        </Part>
      )}
      <Part title="Response">
        {all
          .filter(([, outcome]) => !isRefusal(outcome))
          .map(([status, { description: what, content = {} }]) => (
            <div key={status} class="stack">
              <p>
                <strong>{status}</strong> {what}
              </p>
              <Contents content={content} schemas={schemas} />
            </div>
          ))}
      </Part>
      {refusals.length > 0 && (
        <Part title="Refusals">
          <dl class="statuses">
            {refusals.map(([status, { description: why }]) => (
              <div key={status}>
                <dt>{status}</dt>
                <dd>
                  <Prose text={why} />
                </dd>
              </div>
            ))}
          </dl>
          {problem !== undefined && (
            <Fold title={`${PROBLEM} (RFC 9457)`}>{() => <Shape schema={problem} schemas={schemas} />}</Fold>
          )}
        </Part>
      )}
      <p class="small">
        <a href={linkTo("api", operationId)}>
          Link to <code>{operationId}</code>
        </a>
      </p>
    </div>
  );
}

const isRefusal = ({ content = {} }: Outcome): boolean => PROBLEM in content;

function Part({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="endpoint-part" aria-label={title}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Contents({ content, schemas }: { content: NonNullable<Outcome["content"]>; schemas: Schemas }) {
  return (
    <>
      {Object.entries(content).map(([type, { schema }]) => (
        <Fold key={type} title={type}>
          {() => <Shape schema={schema} schemas={schemas} />}
        </Fold>
      ))}
    </>
  );
}

function Curl({ text }: { text: string }) {
  const line = useRef<HTMLPreElement>(null);
  const copy = async (): Promise<void> => {
    if (line.current !== null) getSelection()?.selectAllChildren(line.current);
    try {
      await navigator.clipboard.writeText(text);
      say("The line is in the clipboard.");
    } catch {
      // Not every browser lets a page do this: what is marked can be copied by hand.
      say("The line is marked: copy it with the keyboard.");
    }
  };
  return (
    <div class="curl">
      <pre class="code" ref={line}>
        {text}
      </pre>
      <Button onClick={() => void copy()} label="Copy the curl line">
        Copy
      </Button>
    </div>
  );
}
