// The admin API for those who write scripts: the gateway's own OpenAPI document, as one reads it.
import { useMemo, useState } from "preact/hooks";
import { plural } from "../format.ts";
import type { PageProps } from "../page-props.ts";
import { Card, Empty, Field, PageHead, ProblemNote } from "../parts/basics.tsx";
import { endpointsOf, matching, type ApiDocument } from "../reference/document.ts";
import { EndpointDetails } from "../reference/endpoint.tsx";
import { Prose } from "../reference/shape.tsx";
import { useResource } from "../resource.ts";

export function Api({ rest: [named] }: PageProps) {
  const { value: document, problem } = useResource<ApiDocument>("openapi.json");
  return (
    <>
      <PageHead title="API" lead="All that the dashboard does a script can do: every endpoint, and what it takes." />
      <ProblemNote problem={problem} />
      {document !== undefined && <Reference document={document} named={named} />}
    </>
  );
}

function Reference({ document, named }: { document: ApiDocument; named: string | undefined }) {
  const [words, setWords] = useState("");
  const endpoints = useMemo(() => endpointsOf(document), [document]);
  const found = matching(endpoints, words);
  return (
    <>
      <Card
        name="find-endpoint"
        aside={
          <span>
            {plural(found.length, "endpoint")} · OpenAPI {document.openapi} · version {document.info.version}
          </span>
        }
      >
        <div class="stack">
          <Prose text={document.info.description} />
          <Field label="Find">
            <input
              type="search"
              value={words}
              placeholder="path, method, role or what it does"
              onInput={({ currentTarget }) => setWords(currentTarget.value)}
            />
          </Field>
        </div>
      </Card>
      {found.length === 0 && <Empty title="No endpoint has these words" />}
      {document.tags.map(({ name, description }) => {
        const own = found.filter(({ tags }) => tags.includes(name));
        if (own.length === 0) return null;
        return (
          <Card key={name} name={`endpoints-${name}`} title={name} aside={description}>
            {own.map((endpoint) => (
              <EndpointDetails
                key={endpoint.operationId}
                endpoint={endpoint}
                schemas={document.components.schemas}
                isNamed={endpoint.operationId === named}
              />
            ))}
          </Card>
        );
      })}
    </>
  );
}
