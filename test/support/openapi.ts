// The OpenAPI document as a judge of what goes over the wire: which operation a request is, and whether its body and its answer are
// what the document says. Stricter than the document on one point: a member that it does not name is a finding, for an answer that
// says more than is written down is not documented.
import { readFileSync } from "node:fs";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

type Node = Record<string, unknown>;

interface Operation {
  operationId: string;
  requestBody?: { content: Record<string, { schema: Node }> };
  responses: Record<string, { content?: Record<string, { schema: Node }> }>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Node> };
}

export const documentFile = new URL("../../docs/openapi.json", import.meta.url);
export const readDocument = (): Document => JSON.parse(readFileSync(documentFile, "utf8")) as Document;

export class ApiContract {
  /** Operations, with the statuses that were seen of each. */
  readonly seen = new Map<string, Set<number>>();
  readonly #document = readDocument();
  readonly #ajv = new Ajv2020({ allErrors: true, strict: false, formats: { "date-time": true } });
  readonly #compiled = new Map<object, ValidateFunction>();
  readonly #schemas: Node;

  constructor() {
    this.#schemas = closed(this.#document.components.schemas) as Node;
  }

  /** Every operation as `METHOD path`. */
  get operations(): string[] {
    return Object.entries(this.#document.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    );
  }

  /** What is wrong with this exchange by the document; none when nothing is. */
  async problems(
    request: { method: string; url: string; body?: string | undefined },
    answer: Response,
  ): Promise<string[]> {
    const { pathname } = new URL(request.url);
    const found = this.#find(request.method, pathname);
    if (found === undefined) return [`${request.method} ${pathname} is not in the document`];
    const [name, operation] = found;
    const statuses = this.seen.get(name) ?? new Set();
    this.seen.set(name, statuses.add(answer.status));
    const where = `${name} ${answer.status}`;
    const documented = operation.responses[answer.status];
    if (documented === undefined) return [`${where} is not in the document`];
    const problems: string[] = [];
    const asked =
      operation.requestBody?.content["application/json"] ?? Object.values(operation.requestBody?.content ?? {})[0];
    if (request.body !== undefined && answer.ok) {
      if (asked === undefined) problems.push(`${where}: a body that the document does not know`);
      else problems.push(...this.#check(asked.schema, JSON.parse(request.body), `${where} request`));
    }
    const text = await answer.clone().text();
    if (documented.content === undefined) return text === "" ? problems : [...problems, `${where}: a body`];
    const type = answer.headers.get("content-type")?.split(";")[0] ?? "";
    const media = documented.content[type];
    if (media === undefined) return [...problems, `${where}: ${type} is not in the document`];
    if (!type.endsWith("json")) return problems;
    return [...problems, ...this.#check(media.schema, JSON.parse(text), where)];
  }

  /** The most literal path wins, as in OpenAPI. */
  #find(method: string, pathname: string): [string, Operation] | undefined {
    const fits = Object.entries(this.#document.paths).filter(([path, item]) => {
      const pattern = path.replaceAll(/[.*+?^$()|[\]\\]/g, "\\$&").replaceAll(/\{\w+\}/g, "[^/:]+");
      return item[method.toLowerCase()] !== undefined && new RegExp(`^${pattern}$`).test(pathname);
    });
    const [best] = fits.toSorted(([a], [b]) => a.split("{").length - b.split("{").length);
    return best && [`${method} ${best[0]}`, best[1][method.toLowerCase()]!];
  }

  #check(schema: Node, value: unknown, where: string): string[] {
    let validate = this.#compiled.get(schema);
    if (validate === undefined) {
      validate = this.#ajv.compile({ ...(closed(schema) as Node), components: { schemas: this.#schemas } });
      this.#compiled.set(schema, validate);
    }
    if (validate(value)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${where}: ${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }
}

/** The same schema, in which an object that says nothing of other members has none. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const node = Object.fromEntries(Object.entries(schema).map(([keyword, value]) => [keyword, closed(value)]));
  return "properties" in node && !("additionalProperties" in node) ? { ...node, additionalProperties: false } : node;
}
