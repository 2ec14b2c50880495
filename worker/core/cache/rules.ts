// The rules of a policy, compiled once per generation: which of them takes a request (SEEDS P12), and all of it that can be
// known before one comes. The highest priority wins, then the order of the file. A trie over literal path segments finds
// the few rules that could match, so that a thousand rules cost what a handful does; without rules nothing is looked up.
import { compilePathGlob } from "../match/glob.ts";
import { canonicalPattern } from "../match/pattern.ts";
import { varyPart, type VaryPart } from "./key-parts.ts";
import type { CacheOptions, CacheRule } from "./options.ts";
import type { QueryKey } from "./query.ts";

export interface CompiledRule {
  /** The match in words; unique in the policy. For metrics, `explain` and records. */
  readonly id: string;
  readonly options: CacheRule;
  /** Undefined: any whose answers may be cached. */
  readonly methods: ReadonlySet<string> | undefined;
  readonly parts: readonly VaryPart[];
  readonly query: QueryKey;
  /** The query is keyed as it was received: nothing to do per request. */
  readonly wholeQuery: boolean;
  /** The key names who asks: by `varyBy`, or because the strategy adds the identity. */
  readonly byCredential: boolean;
  readonly byCookie: boolean;
  /** Media types it stores, lower case; undefined: any. A trailing `*` takes the rest. */
  readonly contentTypes: readonly string[] | undefined;
  readonly statuses: ReadonlySet<number> | undefined;
}

export interface RuleQuestion {
  readonly method: string;
  /** Lower case, without a port. */
  readonly host: string;
  /** Canonical public path. */
  readonly path: string;
  /** -1: a body of unknown length. */
  readonly payloadBytes: number;
}

export interface CompiledRules {
  readonly all: readonly CompiledRule[];
  /** A rule that takes POST: only then is the body of one ever looked at. */
  readonly takesPost: boolean;
  find(question: RuleQuestion): CompiledRule | undefined;
}

/** A rule and how it is asked; `rank` 0 is asked first. */
interface Ranked {
  readonly rank: number;
  readonly rule: CompiledRule;
  readonly matchesPath: (path: string) => boolean;
  readonly matchesHost: ((host: string) => boolean) | undefined;
}

interface Node {
  readonly children: Map<string, Node>;
  /** By rank. */
  readonly own: Ranked[];
}

export function compileRules({ rules }: Pick<CacheOptions, "rules">): CompiledRules {
  const ids = ruleIds(rules);
  const inForce = rules
    .map((options, index) => ({ options, id: ids[index]! }))
    .filter(({ options }) => options.enabled)
    .toSorted((a, b) => b.options.priority - a.options.priority);
  const all = inForce.map(({ options, id }) => compileRule(options, id));
  if (all.length === 0) return { all, takesPost: false, find: () => undefined };
  const root: Node = { children: new Map(), own: [] };
  for (const [rank, rule] of all.entries()) plant(root, rank, rule);
  const takesPost = all.some(({ methods }) => methods?.has("POST"));
  return { all, takesPost, find: (question) => findIn(root, question) };
}

function compileRule(options: CacheRule, id: string): CompiledRule {
  const methods = options.match.slice(0, options.match.indexOf(" "));
  const parts = options.varyBy.map(varyPart);
  const named = (name: string): boolean =>
    parts.some((part) => (part.kind === "header" || part.kind === "either") && part.name.toLowerCase() === name);
  const { query, conditions } = options;
  return {
    id,
    options,
    methods: methods === "*" ? undefined : new Set(methods.split(",")),
    parts,
    query: { mode: query.mode, names: new Set(query.names), sort: query.sort },
    wholeQuery: query.mode === "all" && !query.sort,
    byCredential: named("authorization") || options.strategy === "user_context",
    byCookie: named("cookie") || parts.some(({ kind }) => kind === "cookie"),
    contentTypes: conditions.contentTypes?.map((type) => type.toLowerCase()),
    statuses: conditions.statuses === undefined ? undefined : new Set(conditions.statuses),
  };
}

/** The match as it was written, with a number behind those that would read alike. */
function ruleIds(rules: readonly CacheRule[]): string[] {
  const seen = new Set<string>();
  return rules.map(({ match, host }, index) => {
    const words = host === undefined ? match : match.replace(" ", ` ${host}`);
    const id = seen.has(words) ? `${words} #${index}` : words;
    seen.add(id);
    return id;
  });
}

/** Below the last literal segment in front of its first `*`. */
function plant(root: Node, rank: number, rule: CompiledRule): void {
  const { match, host } = rule.options;
  const pattern = canonicalPattern(match.slice(match.indexOf(" ") + 1));
  let node = root;
  for (const segment of pattern.slice(1).split("/")) {
    if (segment.includes("*")) break;
    let child = node.children.get(segment);
    if (child === undefined) node.children.set(segment, (child = { children: new Map(), own: [] }));
    node = child;
  }
  node.own.push({ rank, rule, matchesPath: compilePathGlob(pattern), matchesHost: hostTest(host) });
}

function hostTest(host: string | undefined): ((host: string) => boolean) | undefined {
  if (host === undefined || host === "*") return undefined;
  const lower = host.toLowerCase();
  if (!lower.startsWith("*.")) return (asked) => asked === lower;
  const suffix = lower.slice(1);
  return (asked) => asked.length > suffix.length && asked.endsWith(suffix);
}

function findIn(root: Node, question: RuleQuestion): CompiledRule | undefined {
  let best = firstOf(root.own, question, undefined);
  let node: Node | undefined = root;
  const { path } = question;
  for (let at = 1; at <= path.length;) {
    const slash = path.indexOf("/", at);
    const end = slash < 0 ? path.length : slash;
    node = node.children.get(path.slice(at, end));
    if (node === undefined) break;
    best = firstOf(node.own, question, best);
    at = end + 1;
  }
  return best?.rule;
}

/** The first of these that matches and goes before the best so far. */
function firstOf(own: readonly Ranked[], question: RuleQuestion, best: Ranked | undefined): Ranked | undefined {
  for (const each of own) {
    if (best !== undefined && each.rank > best.rank) break;
    if (takes(each, question)) return each;
  }
  return best;
}

function takes(
  { rule, matchesPath, matchesHost }: Ranked,
  { method, host, path, payloadBytes }: RuleQuestion,
): boolean {
  if (!takesMethod(rule.methods, method)) return false;
  if (matchesHost !== undefined && !matchesHost(host)) return false;
  return takesPayload(rule, payloadBytes) && matchesPath(path);
}

/** HEAD is answered from the entry of GET (RFC 9111 §4), so a rule for GET is one for HEAD; `*` never means POST. */
function takesMethod(methods: ReadonlySet<string> | undefined, method: string): boolean {
  if (methods === undefined) return method === "GET" || method === "HEAD";
  return methods.has(method) || (method === "HEAD" && methods.has("GET"));
}

/** A length that is not known yet may fit: it is looked at again when the body has been read. */
export function takesPayload({ options }: CompiledRule, payloadBytes: number): boolean {
  const { minPayloadBytes = 0, maxPayloadBytes = Infinity } = options.conditions;
  return payloadBytes < 0 || (payloadBytes >= minPayloadBytes && payloadBytes <= maxPayloadBytes);
}

/** Whether the rule speaks of such an answer at all. `contentType` is lower case and without parameters. */
export function takesAnswer(
  { statuses, contentTypes }: CompiledRule,
  { status, contentType }: { readonly status: number; readonly contentType: string },
): boolean {
  if (statuses !== undefined && !statuses.has(status)) return false;
  if (contentTypes === undefined) return true;
  return contentTypes.some((wanted) =>
    wanted.endsWith("*") ? contentType.startsWith(wanted.slice(0, -1)) : contentType === wanted,
  );
}
