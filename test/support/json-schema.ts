// JSON Schema as far as our own documents use it: a validator to hold the published schema against the parser, and a
// generator of documents that a schema allows. An unknown keyword throws: what is not understood must not pass.
import fc from "fast-check";

type Node = Readonly<Record<string, unknown>>;

const ANNOTATIONS = new Set(["$schema", "title", "description", "default", "$defs"]);
const KNOWN = new Set([
  "$ref",
  "type",
  "properties",
  "required",
  "additionalProperties",
  "propertyNames",
  "maxProperties",
  "items",
  "minItems",
  "maxItems",
  "enum",
  "const",
  "anyOf",
  "oneOf",
  "pattern",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "exclusiveMinimum",
]);

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && !Array.isArray(value);

function nodeAt(value: unknown): Node {
  if (!isNode(value)) throw new TypeError("not a schema");
  return value;
}

const listAt = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const numberAt = (value: unknown, otherwise: number): number => (typeof value === "number" ? value : otherwise);

function resolve(root: Node, schema: Node): Node {
  for (const keyword of Object.keys(schema)) {
    if (!KNOWN.has(keyword) && !ANNOTATIONS.has(keyword)) throw new TypeError(`unknown keyword ${keyword}`);
  }
  const reference = schema["$ref"];
  if (typeof reference !== "string") return schema;
  return resolve(root, nodeAt(nodeAt(root["$defs"])[reference.replace("#/$defs/", "")]));
}

/** The paths at which `value` is not what `schema` allows; none when it is. */
export function schemaViolations(root: Node, value: unknown, schema: Node = root, path = ""): string[] {
  const node = resolve(root, schema);
  const here = (holds: boolean, keyword: string): string[] => (holds ? [] : [`${path}: ${keyword}`]);
  const found: string[] = [];
  if (node["const"] !== undefined) found.push(...here(value === node["const"], "const"));
  if (node["enum"] !== undefined) found.push(...here(listAt(node["enum"]).includes(value), "enum"));
  for (const keyword of ["anyOf", "oneOf"]) {
    if (node[keyword] === undefined) continue;
    const fits = listAt(node[keyword]).filter((each) => schemaViolations(root, value, nodeAt(each), path).length === 0);
    found.push(...here(keyword === "anyOf" ? fits.length > 0 : fits.length === 1, keyword));
  }
  if (node["type"] !== undefined)
    found.push(...here(hasType(value, node["type"]), `type ${JSON.stringify(node["type"])}`));
  if (typeof value === "string") {
    found.push(...here(value.length >= numberAt(node["minLength"], 0), "minLength"));
    found.push(...here(value.length <= numberAt(node["maxLength"], Infinity), "maxLength"));
    if (typeof node["pattern"] === "string") found.push(...here(new RegExp(node["pattern"]).test(value), "pattern"));
  }
  if (typeof value === "number") {
    found.push(...here(value >= numberAt(node["minimum"], -Infinity), "minimum"));
    found.push(...here(value <= numberAt(node["maximum"], Infinity), "maximum"));
    found.push(...here(value > numberAt(node["exclusiveMinimum"], -Infinity), "exclusiveMinimum"));
  }
  if (Array.isArray(value)) {
    found.push(...here(value.length >= numberAt(node["minItems"], 0), "minItems"));
    found.push(...here(value.length <= numberAt(node["maxItems"], Infinity), "maxItems"));
    const { items } = node;
    if (isNode(items))
      value.forEach((each, at) => found.push(...schemaViolations(root, each, items, `${path}[${at}]`)));
  }
  if (isNode(value)) found.push(...objectViolations(root, value, node, path));
  return found;
}

function objectViolations(root: Node, value: Node, node: Node, path: string): string[] {
  const properties = isNode(node["properties"]) ? node["properties"] : {};
  const found: string[] = [];
  for (const name of listAt(node["required"])) {
    if (!Object.hasOwn(value, String(name))) found.push(`${path}.${String(name)}: required`);
  }
  if (Object.keys(value).length > numberAt(node["maxProperties"], Infinity)) found.push(`${path}: maxProperties`);
  for (const [name, each] of Object.entries(value)) {
    const at = `${path}.${name}`;
    if (isNode(node["propertyNames"])) found.push(...schemaViolations(root, name, node["propertyNames"], at));
    const own = Object.hasOwn(properties, name) ? properties[name] : node["additionalProperties"];
    if (own === false) found.push(`${at}: unknown`);
    else if (isNode(own)) found.push(...schemaViolations(root, each, own, at));
  }
  return found;
}

function hasType(value: unknown, type: unknown): boolean {
  switch (type) {
    case "object":
      return isNode(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "null":
      return value === null;
    default:
      return typeof value === type;
  }
}

/** Documents that `schema` allows, small ones. */
export function documentsOf(root: Node, schema: Node = root): fc.Arbitrary<unknown> {
  const node = resolve(root, schema);
  if (node["const"] !== undefined) return fc.constant(node["const"]);
  if (node["enum"] !== undefined) return fc.constantFrom(...listAt(node["enum"]));
  const alternatives = [...listAt(node["anyOf"]), ...listAt(node["oneOf"])];
  if (alternatives.length > 0) return fc.oneof(...alternatives.map((each) => documentsOf(root, nodeAt(each))));
  switch (node["type"]) {
    case "object":
      return objectsOf(root, node);
    case "array":
      return fc.array(documentsOf(root, nodeAt(node["items"])), {
        minLength: numberAt(node["minItems"], 0),
        maxLength: Math.min(numberAt(node["maxItems"], 3), numberAt(node["minItems"], 0) + 2),
      });
    case "string":
      return stringsOf(node);
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({
        min: numberAt(node["minimum"], -1e6),
        max: Math.min(numberAt(node["maximum"], 1e6), 2 ** 31 - 1),
      });
    case "number": {
      const floor = numberAt(node["exclusiveMinimum"], numberAt(node["minimum"], -1e6));
      return fc
        .double({ min: floor, max: numberAt(node["maximum"], 1e6), noNaN: true })
        .filter((value) => !Object.is(value, -0) && value > numberAt(node["exclusiveMinimum"], -Infinity));
    }
    case "null":
      return fc.constant(null);
    default:
      throw new TypeError(`no documents for ${JSON.stringify(node).slice(0, 100)}`);
  }
}

function stringsOf(node: Node): fc.Arbitrary<string> {
  const minLength = numberAt(node["minLength"], 0);
  const maxLength = Math.min(numberAt(node["maxLength"], 24), 24);
  if (typeof node["pattern"] !== "string") return fc.string({ minLength, maxLength });
  return fc.stringMatching(new RegExp(node["pattern"]), { maxLength: 40 });
}

function objectsOf(root: Node, node: Node): fc.Arbitrary<unknown> {
  if (isNode(node["additionalProperties"])) {
    const names = isNode(node["propertyNames"])
      ? stringsOf(resolve(root, node["propertyNames"]))
      : fc.string({ maxLength: 8 });
    return fc.dictionary(
      names.filter((name) => !["__proto__", "constructor", "prototype"].includes(name)),
      documentsOf(root, node["additionalProperties"]),
      { maxKeys: 2 },
    );
  }
  const properties = isNode(node["properties"]) ? node["properties"] : {};
  const required = new Set(listAt(node["required"]));
  const model: Record<string, fc.Arbitrary<unknown>> = {};
  for (const [name, each] of Object.entries(properties)) model[name] = documentsOf(root, nodeAt(each));
  return fc.record(model, { requiredKeys: Object.keys(model).filter((name) => required.has(name)) });
}
