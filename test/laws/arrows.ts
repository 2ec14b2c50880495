// The laws of the house as a checker over source text: where an import may point, what the core may not touch, how a file
// opens and is named. It parses instead of matching text, so that a comment or a string never breaks a law, and it takes
// the tree as a map, so that a broken one can be handed in: a law that cannot be seen to fail keeps nothing.
import path from "node:path";
import { parseSync } from "rolldown/utils";

/** Source text by path from the checkout's root, `/` between folders. */
export type Tree = ReadonlyMap<string, string>;

export type Law =
  | "arrow"
  | "rooms"
  | "cycle"
  | "extension"
  | "runtime"
  | "purity"
  | "any"
  | "shared"
  | "opening"
  | "name"
  | "length"
  | "object"
  | "unfinished"
  | "key";

export interface Finding {
  readonly law: Law;
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** Rooms of core that stand alone; `policy` may read the others' `options.ts`. */
const CLOSED_ROOMS = [
  "policy",
  "security",
  "cache",
  "routing",
  "resilience",
  "providers",
  "insight",
  "condense",
  "batch",
  "chaos",
];
const COMMON_ROOMS = ["http", "result", "stats", "match", "protocol"];

/** Lines a file may have before its opening must say, in a line `Length: why`, why it is one idea all the same. */
const MOST_LINES = { source: 350, other: 500, test: 800 };

const IMPURE = new Set(
  (
    "fetch caches console process globalThis self scheduler performance navigator " +
    "setTimeout setInterval setImmediate clearTimeout clearInterval queueMicrotask"
  ).split(" "),
);
const IMPURE_MEMBERS = new Set(
  "Date.now Math.random AbortSignal.timeout crypto.randomUUID crypto.getRandomValues".split(" "),
);
const UNNAMED = /^(utils?|helpers?|managers?|misc|commons?)$/i;

interface Import {
  readonly specifier: string;
  readonly line: number;
}

interface Source {
  readonly file: string;
  readonly text: string;
  readonly program: Node;
  readonly comments: readonly { readonly value: string; readonly start: number; readonly end: number }[];
  readonly imports: readonly Import[];
  lineOf(offset: number): number;
}

/** An AST node as this file reads it: a type, an offset and whatever else stands in it. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";

/** Called for each node: `key` is the field of the parent it stands in, `above` its ancestors from the root on. */
type Enter = (node: Node, key: string, above: readonly Node[]) => boolean;

/** Depth first; `enter` returns false to leave a subtree out. */
function walk(node: Node, enter: Enter, key = "", above: readonly Node[] = []): void {
  if (!enter(node, key, above)) return;
  const here = [...above, node];
  for (const [name, value] of Object.entries(node)) {
    if (isNode(value)) walk(value, enter, name, here);
    else if (Array.isArray(value)) for (const item of value) if (isNode(item)) walk(item, enter, name, here);
  }
}

const childrenOf = (value: unknown): Node[] =>
  Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : [];

/** Whether this ancestor binds `name` for what stands inside it: a parameter, or a declaration in its block. */
function binds(node: Node, name: string): boolean {
  const declared = [...childrenOf(node["body"]), ...childrenOf(node["init"]), ...childrenOf(node["left"])].map((each) =>
    each.type.startsWith("Export") && isNode(each["declaration"]) ? each["declaration"] : each,
  );
  const patterns = [
    ...childrenOf(node["params"]),
    ...childrenOf(node["param"]),
    ...declared
      .filter(({ type }) => type === "VariableDeclaration")
      .flatMap((each) => childrenOf(each["declarations"]).flatMap((one) => childrenOf(one["id"]))),
    ...declared
      .filter(({ type }) => /^(Function|Class)Declaration$/.test(type))
      .flatMap((each) => childrenOf(each["id"])),
    ...declared
      .filter(({ type }) => type === "ImportDeclaration")
      .flatMap((each) => childrenOf(each["specifiers"]).flatMap((one) => childrenOf(one["local"]))),
  ];
  let found = false;
  for (const pattern of patterns) {
    walk(pattern, (each, key) => {
      if (key === "key" || key === "right" || key === "typeAnnotation") return false;
      found ||= each.type === "Identifier" && nameOf(each) === name;
      return !found;
    });
  }
  return found;
}

const literal = (node: unknown): string | undefined =>
  isNode(node) && node.type === "Literal" && typeof node["value"] === "string" ? node["value"] : undefined;

/** Of an identifier; "" for anything else. */
const nameOf = (node: unknown): string => (isNode(node) && typeof node["name"] === "string" ? node["name"] : "");

function parse(file: string, text: string): Source {
  const { program, comments, errors } = parseSync(file, text);
  const [error] = errors;
  if (error !== undefined) throw new SyntaxError(`${file}: ${error.message}`);
  const starts = [0];
  for (let index = text.indexOf("\n"); index !== -1; index = text.indexOf("\n", index + 1)) starts.push(index + 1);
  const lineOf = (offset: number): number => starts.findLastIndex((start) => start <= offset) + 1;
  const root = program as unknown as Node;
  const imports: Import[] = [];
  walk(root, (node) => {
    // Static and dynamic imports, re-exports, and the type `import("…")`: an arrow is an arrow.
    const specifier = /^(Import(Declaration|Expression)|Export(Named|All)Declaration|TSImportType)$/.test(node.type)
      ? (literal(node["source"]) ?? literal(node["argument"]))
      : undefined;
    if (specifier !== undefined) imports.push({ specifier, line: lineOf(node.start) });
    return true;
  });
  return { file, text, program: root, comments, imports, lineOf };
}

/** Where a file stands: which room, how high. Imports point to lower rooms or stay in their own. */
function placeOf(file: string): { room: string; height: number } | undefined {
  const [top = "", second = ""] = file.split("/");
  if (top === "durable-objects") return { room: top, height: 2 };
  if (top !== "worker") return undefined;
  switch (second) {
    case "core":
      return { room: "core", height: 0 };
    case "platform":
      return { room: "platform", height: 1 };
    case "pipeline":
    case "ai":
    case "admin":
      return { room: second, height: 2 };
    case "dashboard":
      // A program of its own, for browsers: it reads core, and nobody reads it.
      return { room: second, height: 1 };
    case "app.ts":
      return { room: "app", height: 3 };
    case "index.ts":
      return { room: "index", height: 4 };
    default:
      return { room: `worker/${second}`, height: Number.NaN };
  }
}

const coreRoomOf = (file: string): string | undefined => /^worker\/core\/([^/]+)\//.exec(file)?.[1];
const isRelative = (specifier: string): boolean => specifier.startsWith("./") || specifier.startsWith("../");
const resolved = (from: string, specifier: string): string => path.posix.join(path.posix.dirname(from), specifier);

type Report = (law: Law, line: number, message: string) => void;

function checkImports(source: Source, tree: Tree, report: Report): void {
  const place = placeOf(source.file);
  if (place !== undefined && Number.isNaN(place.height)) report("rooms", 1, `${place.room} is no room of the house`);
  for (const { specifier, line } of source.imports) {
    if (!isRelative(specifier)) {
      checkPackage(source.file, specifier, line, report);
      continue;
    }
    const target = resolved(source.file, specifier);
    if (!/\.(tsx?|mjs|json|html|css|sql)$/.test(specifier))
      report("extension", line, `"${specifier}" has no extension`);
    else if (/\.tsx?$/.test(specifier) && !tree.has(target)) report("extension", line, `"${specifier}" leads nowhere`);
    if (place !== undefined) checkArrow(source.file, place, target, line, report);
  }
}

/** The runtime's own modules: `cloudflare:` is for what touches the platform, `node:` for what runs on Node. */
function checkPackage(file: string, specifier: string, line: number, report: Report): void {
  if (placeOf(file) === undefined) return;
  if (specifier.startsWith("node:")) report("runtime", line, `"${specifier}": the Worker does not run on Node`);
  if (coreRoomOf(file) !== undefined && /^(cloudflare:|hono(\/|$)|itty-router)/.test(specifier)) {
    report("purity", line, `core imports "${specifier}"`);
  }
}

function checkArrow(
  file: string,
  from: { room: string; height: number },
  target: string,
  line: number,
  report: Report,
): void {
  const to = placeOf(target);
  if (to === undefined) return report("arrow", line, `${from.room} imports ${target}, which is no part of the Worker`);
  if (from.room !== to.room && (!(to.height < from.height) || to.room === "dashboard")) {
    return report(
      "arrow",
      line,
      `${from.room} imports ${to.room} (${target}): core <- platform <- {pipeline, ai, admin, durable-objects} <- app <- index; core <- dashboard`,
    );
  }
  const fromRoom = coreRoomOf(file);
  const toRoom = coreRoomOf(target);
  if (fromRoom === undefined || toRoom === undefined || fromRoom === toRoom || COMMON_ROOMS.includes(toRoom)) return;
  if (fromRoom === "policy" && path.posix.basename(target) === "options.ts") return;
  report(
    "rooms",
    line,
    `core/${fromRoom} imports core/${toRoom}: only ${COMMON_ROOMS.join(", ")} are shared, and only policy reads options.ts`,
  );
}

/** Time, chance and the outside are arguments of the core, never reached for. */
function checkPurity(source: Source, report: Report): void {
  const room = coreRoomOf(source.file);
  if (room === undefined) return;
  if (!CLOSED_ROOMS.includes(room) && !COMMON_ROOMS.includes(room))
    report("rooms", 1, `core/${room} is no room of the core`);
  walk(source.program, (node, key, above) => {
    const line = source.lineOf(node.start);
    if (node.type === "Identifier") {
      const name = nameOf(node);
      const parent = above.at(-1);
      // A field's name is no reach, unless it stands for the value too, as in `{ fetch }`.
      const isMere = (key === "key" || key === "property") && parent?.["computed"] !== true;
      if (IMPURE.has(name) && !isMere && !above.some((each) => binds(each, name))) {
        report("purity", line, `core reaches for ${name}`);
      }
      return true;
    }
    if (node.type === "MemberExpression") {
      const spelled = `${nameOf(node["object"])}.${literal(node["property"]) ?? nameOf(node["property"])}`;
      if (IMPURE_MEMBERS.has(spelled)) report("purity", line, `core reaches for ${spelled}`);
    }
    const calls = node.type === "NewExpression" || node.type === "CallExpression";
    if (
      calls &&
      nameOf(node["callee"]) === "Date" &&
      (node.type === "CallExpression" || (node["arguments"] as unknown[]).length === 0)
    ) {
      report("purity", line, "core asks Date for the time");
    }
    // Types name things without reaching for them; what wraps an expression is looked through.
    return !node.type.startsWith("TS") || /^TS(As|Satisfies|NonNull|Instantiation)/.test(node.type);
  });
}

/** Where a promise of the compiler's making may be: the one of a time, for whoever sets it. */
const TIMES = "worker/platform/after.ts";
const FOLLOWING = new Set(["then", "catch", "finally"]);

/**
 * What one request settles or keeps and another may await (worker/platform/share.ts). `new Promise` is settled by whoever gets hold of
 * its resolvers; a promise that is kept is awaited by whoever finds it.
 */
function checkShared(source: Source, report: Report): void {
  const { file, program } = source;
  if (!/^(worker|durable-objects)\//.test(file) || file.startsWith("worker/dashboard/") || file === TIMES) return;
  walk(program, (node) => {
    const line = source.lineOf(node.start);
    if (node.type === "NewExpression" && isNamed(node["callee"], "Promise"))
      report("shared", line, "`new Promise`: after() for a time, else Promise.withResolvers()");
    if (node.type === "AssignmentExpression" && isMember(node["left"]) && isFollowing(node["right"]))
      report("shared", line, "a promise that is kept comes from share()");
    return true;
  });
}

const isNamed = (node: unknown, name: string): boolean =>
  isNode(node) && node.type === "Identifier" && nameOf(node) === name;
const isMember = (node: unknown): boolean => isNode(node) && node.type === "MemberExpression";

/** `x.then(…)` and its like. */
function isFollowing(node: unknown): boolean {
  if (!isNode(node) || node.type !== "CallExpression") return false;
  const callee = node["callee"];
  return isNode(callee) && callee.type === "MemberExpression" && FOLLOWING.has(nameOf(callee["property"]));
}

function checkForm(source: Source, report: Report): void {
  const { file, text, comments } = source;
  walk(source.program, (node) => {
    if (node.type === "TSAnyKeyword") report("any", source.lineOf(node.start), "`any`: say `unknown`, or the type");
    if (node.type === "ClassDeclaration" && /(Manager|Helper|Utils?)$/.test(nameOf(node["id"]))) {
      report("name", source.lineOf(node.start), `${nameOf(node["id"])} does not say what it is`);
    }
    return true;
  });
  for (const segment of file.split("/")) {
    if (UNNAMED.test(segment.replace(/\..*$/, ""))) report("name", 1, `"${segment}" does not say what is in it`);
  }
  for (const comment of comments) {
    if (/\b(TODO|FIXME|XXX|HACK)\b/.test(comment.value))
      report("unfinished", source.lineOf(comment.start), comment.value.trim());
  }
  const opening = openingOf(source);
  // A unit test is opened by its path: it mirrors what it tests.
  if (opening.length < 30 && !file.endsWith(".test.ts"))
    report("opening", 1, "the file does not open with what it is for");
  const most = MOST_LINES[file.endsWith(".test.ts") ? "test" : placeOf(file) === undefined ? "other" : "source"];
  const lines = text.split("\n").length - 1;
  if (lines > most && !/\bLength: \S/.test(opening))
    report("length", most, `${lines} lines, more than ${most}, and no "Length: why" in its opening`);
}

/** The comments a file starts with, before its first code. */
function openingOf({ text, comments }: Source): string {
  let end = /^#!.*\n/.exec(text)?.[0].length ?? 0;
  let opening = "";
  for (const comment of comments) {
    if (text.slice(end, comment.start).trim() !== "") break;
    opening += `${comment.value}\n`;
    end = comment.end;
  }
  return opening.trim();
}

/** One Durable Object class a file, called FooObject. */
function checkObjects(source: Source, report: Report): void {
  if (!source.file.startsWith("durable-objects/")) return;
  const classes: string[] = [];
  walk(source.program, (node) => {
    if (
      node.type === "ExportNamedDeclaration" &&
      isNode(node["declaration"]) &&
      node["declaration"].type === "ClassDeclaration"
    ) {
      classes.push(nameOf(node["declaration"]["id"]));
    }
    return true;
  });
  if (classes.length > 1) report("object", 1, `${classes.join(" and ")}: one class a file`);
  for (const name of classes) if (!name.endsWith("Object")) report("object", 1, `${name} does not end in Object`);
}

/** A KV key is spelled once, in core/protocol/names.ts. Keys are the strings there that have a slash. */
function checkKeys(sources: readonly Source[]): Finding[] {
  const names = sources.find(({ file }) => file === "worker/core/protocol/names.ts");
  if (names === undefined) return [];
  const strings = (source: Source): { value: string; line: number }[] => {
    const found: { value: string; line: number }[] = [];
    walk(source.program, (node, key) => {
      const value = key === "source" ? undefined : literal(node);
      if (value?.includes("/") === true) found.push({ value, line: source.lineOf(node.start) });
      return true;
    });
    return found;
  };
  const keys = new Set(strings(names).map(({ value }) => value));
  return sources
    .filter(({ file }) => file !== names.file && !file.startsWith("test/"))
    .flatMap((source) =>
      strings(source)
        .filter(({ value }) => keys.has(value))
        .map(({ value, line }) => ({
          law: "key" as const,
          file: source.file,
          line,
          message: `"${value}" is spelled again: import it from core/protocol/names.ts`,
        })),
    );
}

/** Tarjan's strongly connected components: each one larger than a file is a cycle, type imports included. */
function checkCycles(sources: readonly Source[]): Finding[] {
  const targets = new Map(
    sources.map(({ file, imports }) => [
      file,
      imports.filter(({ specifier }) => isRelative(specifier)).map(({ specifier }) => resolved(file, specifier)),
    ]),
  );
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const findings: Finding[] = [];
  const visit = (file: string): number => {
    const index = order.size;
    order.set(file, index);
    stack.push(file);
    let lowest = index;
    for (const target of targets.get(file) ?? []) {
      if (!targets.has(target)) continue;
      if (!order.has(target)) lowest = Math.min(lowest, visit(target));
      else if (stack.includes(target)) lowest = Math.min(lowest, low.get(target) ?? (order.get(target) as number));
    }
    low.set(file, lowest);
    if (lowest !== index) return lowest;
    const members = stack.splice(stack.indexOf(file));
    if (members.length > 1 || targets.get(file)?.includes(file) === true) {
      findings.push({
        law: "cycle",
        file,
        line: 1,
        message: `imports run in a circle: ${members.toSorted().join(", ")}`,
      });
    }
    return lowest;
  };
  for (const file of targets.keys()) if (!order.has(file)) visit(file);
  return findings;
}

/** Everything in the tree that breaks a law, in the order of files and lines. */
export function inspect(tree: Tree): Finding[] {
  const sources = [...tree].map(([file, text]) => parse(file, text));
  const findings: Finding[] = [...checkCycles(sources), ...checkKeys(sources)];
  for (const source of sources) {
    const report: Report = (law, line, message) => findings.push({ law, file: source.file, line, message });
    checkImports(source, tree, report);
    checkPurity(source, report);
    checkShared(source, report);
    checkForm(source, report);
    checkObjects(source, report);
  }
  return findings.toSorted((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
}
