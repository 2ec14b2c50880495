// The gateway's OpenAPI document, as much of it as the page reads, and what it says as a list: one entry an endpoint.

/** A schema of JSON Schema 2020-12. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
  readonly format?: string;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

type Content = Readonly<Record<string, { readonly schema: Schema }>>;

export interface Outcome {
  readonly description: string;
  readonly content?: Content;
}

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, Outcome>>;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
}

export type Schemas = Readonly<Record<string, Schema>>;

export interface ApiDocument {
  readonly openapi: string;
  readonly info: { readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Schemas };
}

export interface Endpoint extends Operation {
  readonly method: string;
  readonly path: string;
  /** Undefined: open to all. */
  readonly role: string | undefined;
}

export const endpointsOf = ({ paths }: ApiDocument): Endpoint[] =>
  Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      ...operation,
      ...{ method: method.toUpperCase(), path },
      role: operation.security?.[0]?.["bearer"]?.[0]?.replace(/^sluice:/, ""),
    })),
  );

/** Each word is to be found somewhere in what an endpoint says of itself; no words find all. */
export function matching(endpoints: readonly Endpoint[], words: string): Endpoint[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return endpoints.filter(({ method, path, role, operationId, tags, summary, description = "", parameters = [] }) => {
    const names = parameters.map(({ name }) => name);
    const said = [method, path, role, operationId, ...tags, summary, description, ...names].join(" ").toLowerCase();
    return wanted.every((word) => said.includes(word));
  });
}
