// The policy reference as a page: every field of the JSON Schema in a table, one section a block, generated so that it
// cannot tell of a field that is not there. `npm run policy -- reference` writes it; a test holds it current.

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

/** Blocks deeper than this are shown as one line: the schema itself tells the rest. */
const DEEPEST = 6;

export function policyReference(document: object): string {
  const root = document as Schema;
  const page = [
    "# Policy reference",
    "",
    "Generated from the schema by `npm run policy -- reference`. What the fields mean together is told in [policy.md](policy.md).",
  ];
  for (const [section, schema] of Object.entries(root.properties ?? {})) {
    if (section.startsWith("$")) continue;
    page.push("", `## ${section}`, "");
    const { described } = resolve(schema, root);
    if (described !== undefined) page.push(described, "");
    page.push("| field | takes | default | |", "|---|---|---|---|");
    page.push(...rows(section, schema, root, 0, root.required?.includes(section) === true));
  }
  return `${page.join("\n")}\n`;
}

function rows(path: string, schema: Schema, root: Schema, depth: number, required: boolean): string[] {
  const { bare, described } = resolve(schema, root);
  const own = `| \`${path}\` | ${cell(takes(schema, root))} | ${required ? "required" : defaultOf(schema)} | ${cell(described ?? "")} |`;
  if (depth >= DEEPEST) return [own];
  const below: string[] = [];
  for (const block of blocks(bare, root)) {
    for (const [name, field] of Object.entries(block.properties ?? {})) {
      below.push(...rows(`${path}.${name}`, field, root, depth + 1, block.required?.includes(name) === true));
    }
    if (typeof block.additionalProperties === "object") {
      below.push(...nested(`${path}.<name>`, block.additionalProperties, root, depth));
    }
    if (block.items !== undefined) below.push(...nested(`${path}[]`, block.items, root, depth));
  }
  return [own, ...new Set(below)];
}

/** What a list or a record holds: its own line only when it is no block. */
function nested(path: string, schema: Schema, root: Schema, depth: number): string[] {
  const lines = rows(path, schema, root, depth + 1, false);
  return lines.length > 1 ? lines.slice(1) : [];
}

function resolve(schema: Schema, root: Schema): { readonly bare: Schema; readonly described: string | undefined } {
  const target = schema.$ref === undefined ? undefined : root.$defs?.[schema.$ref.slice("#/$defs/".length)];
  if (target === undefined) return { bare: schema, described: schema.description };
  const below = resolve(target, root);
  return { bare: below.bare, described: schema.description ?? below.described };
}

/** The alternatives that have fields of their own. */
function blocks(schema: Schema, root: Schema): Schema[] {
  const choices = schema.anyOf ?? schema.oneOf;
  return choices === undefined ? [schema] : choices.flatMap((choice) => blocks(resolve(choice, root).bare, root));
}

function takes(schema: Schema, root: Schema): string {
  const { bare } = resolve(schema, root);
  if (bare.const !== undefined) return code(bare.const);
  if (bare.enum !== undefined) return bare.enum.map(code).join(", ");
  const choices = bare.anyOf ?? bare.oneOf;
  if (choices !== undefined) return [...new Set(choices.map((choice) => takes(choice, root)))].join(" or ");
  if (bare.type === "array") return `list of ${bare.items === undefined ? "anything" : takes(bare.items, root)}`;
  if (bare.type === "object") return typeof bare.additionalProperties === "object" ? "names to values" : "block";
  return `${String(bare.type ?? "anything")}${range(bare)}`;
}

function range({ minimum, exclusiveMinimum, maximum }: Schema): string {
  const low =
    minimum === undefined ? (exclusiveMinimum === undefined ? "" : `above ${exclusiveMinimum}`) : String(minimum);
  if (low === "" && maximum === undefined) return "";
  return maximum === undefined ? `, from ${low}` : `, ${low === "" ? "up to" : `${low} to`} ${maximum}`;
}

function defaultOf(schema: Schema): string {
  if (schema.default === undefined) return "";
  const written = JSON.stringify(schema.default);
  return written === "{}" ? "its defaults" : written.length > 60 ? "see the schema" : code(schema.default);
}

const code = (value: unknown): string => `\`${JSON.stringify(value)}\``;
const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
