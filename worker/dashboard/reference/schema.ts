// A schema in words, in members and as an example. References are followed by one step at a time, when somebody looks: a shape that holds
// itself has no end.
import type { Schema, Schemas } from "./document.ts";

export interface Member {
  readonly name: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
}

const SHOWN_VALUES = 24;
/** No example is deeper: what holds itself would be endless. */
const DEEPEST_EXAMPLE = 6;

const nameOf = (reference: string): string => reference.slice(reference.lastIndexOf("/") + 1);

/** What a reference means; a schema that is none is itself. */
const followed = (schema: Schema, schemas: Schemas): Schema =>
  schema.$ref === undefined ? schema : (schemas[nameOf(schema.$ref)] ?? {});

const alternatives = ({ anyOf, oneOf }: Schema): readonly Schema[] => anyOf ?? oneOf ?? [];

/** `string`, `integer or null`, `list of Instance`, `"json" | "html"`. */
export function typeWords(schema: Schema): string {
  if (schema.$ref !== undefined) return nameOf(schema.$ref);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) {
    const values = schema.enum.slice(0, SHOWN_VALUES).map((value) => JSON.stringify(value));
    return [...values, ...(schema.enum.length > SHOWN_VALUES ? ["…"] : [])].join(" | ");
  }
  const options = alternatives(schema);
  if (options.length > 0) return [...new Set(options.map(typeWords))].join(" or ");
  if (schema.prefixItems !== undefined) return `list of [${schema.prefixItems.map(typeWords).join(", ")}]`;
  if (schema.type === "array") return `list of ${schema.items === undefined ? "anything" : typeWords(schema.items)}`;
  if (schema.type === "object" && schema.properties === undefined && typeof schema.additionalProperties === "object")
    return `map to ${typeWords(schema.additionalProperties)}`;
  if (schema.type === undefined) return "anything";
  return typeof schema.type === "string" ? schema.type : schema.type.join(" or ");
}

function range(least: number | undefined, most: number | undefined, unit: string): string[] {
  const after = unit === "" ? "" : ` ${unit}${(most ?? least) === 1 ? "" : "s"}`;
  if (least !== undefined && most !== undefined) return [`${least} to ${most}${after}`];
  if (least !== undefined) return [`at least ${least}${after}`];
  return most === undefined ? [] : [`at most ${most}${after}`];
}

/** What a value must keep beside its type, in words. */
export function limits(schema: Schema): string[] {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems, pattern, format } = schema;
  return [
    ...range(minimum, maximum, ""),
    ...range(minLength, maxLength, "character"),
    ...range(minItems, maxItems, "item"),
    ...(format === undefined ? [] : [format]),
    ...(pattern === undefined ? [] : [`matches ${pattern}`]),
    ...(schema.default === undefined ? [] : [`${JSON.stringify(schema.default)} when absent`]),
  ];
}

/** What stands inside, one step down; none for what has no parts. A list has the members of what it lists. */
export function membersOf(schema: Schema, schemas: Schemas): Member[] {
  const own = followed(schema, schemas);
  const options = alternatives(own).filter(({ type }) => type !== "null");
  if (options.length === 1) return membersOf(options[0]!, schemas);
  if (options.some((option) => membersOf(option, schemas).length > 0))
    return options.map((option, at) => ({ name: `either (${at + 1})`, schema: option, isRequired: false }));
  if (own.prefixItems !== undefined)
    return own.prefixItems.map((item, at) => ({ name: `[${at}]`, schema: item, isRequired: true }));
  if (own.items !== undefined) return membersOf(own.items, schemas);
  const named = Object.entries(own.properties ?? {}).map(([name, property]) => ({
    ...{ name, schema: property },
    isRequired: own.required?.includes(name) === true,
  }));
  const rest = own.additionalProperties;
  return typeof rest === "object" && Object.keys(rest).length > 0
    ? [...named, { name: "any name", schema: rest, isRequired: false }]
    : named;
}

/** A value that the schema takes as far as types go, with no more in it than it must have. */
export function example(schema: Schema, schemas: Schemas, depth = 0): unknown {
  const own = followed(schema, schemas);
  if (own.default !== undefined) return own.default;
  if (own.const !== undefined) return own.const;
  if (own.enum !== undefined) return own.enum[0];
  if (depth > DEEPEST_EXAMPLE) return null;
  const [option] = alternatives(own);
  if (option !== undefined) return example(option, schemas, depth + 1);
  const [type] = typeof own.type === "string" ? [own.type] : (own.type ?? ["null"]);
  switch (type) {
    case "object":
      return Object.fromEntries(
        (own.required ?? []).map((name) => [name, example(own.properties?.[name] ?? {}, schemas, depth + 1)]),
      );
    case "array":
      return own.items === undefined || (own.minItems ?? 0) === 0 ? [] : [example(own.items, schemas, depth + 1)];
    case "integer":
    case "number":
      return own.minimum ?? 0;
    case "boolean":
      return true;
    case "string":
      return "…";
    default:
      return null;
  }
}
