// Which route takes a request. All routes get their place in one total order when the policy is compiled, so that a
// match is the smallest place among those that fit, and nothing is compared or allocated per request. Each host has a
// radix tree over the characters of its paths: literals and `/*` tails are found while walking it, a `*` that is a
// whole segment is an edge of its own, and other globs hang where their literal beginning ends.
//
// The order (CONTRACT): host exact, wildcard (the longer suffix first), none; then the most literal characters in the
// path, and among as long ones `/a`, `/*a`, `/a/*`, `/a*`; then methods named; then headers named (more first); then
// file order.
// A route that lists GET serves HEAD too (RFC 9110 §9.3.2: HEAD is GET without the content), after any route that
// lists HEAD itself. Hosts and paths are matched in their canonical forms (core/http/target, core/http/path).
import { compileGlob, matchPathFrom } from "./glob.ts";
import { canonicalPattern } from "./pattern.ts";

export interface RouteSpec {
  /** `api.example.com`, `*.example.com` (any depth below, not the domain itself), or absent for every host. */
  readonly host?: string | undefined;
  /** Literal, with an optional trailing `/*`; `*` also as an inner segment or within one (core/match/glob). */
  readonly path: string;
  readonly methods?: readonly string[] | undefined;
  /** All must fit. The value is compared as it is, or as a text glob when it holds a `*`; `*` alone: present. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export interface HeaderLookup {
  get(name: string): string | null;
}

/** Index of the best route in file order, or undefined when none fits. `host` is lower-case, without a port. */
export type RouteMatcher = (host: string, path: string, method: string, headers: HeaderLookup) => number | undefined;

interface HeaderTest {
  readonly name: string;
  readonly test: (value: string) => boolean;
}

/** One way to reach a route. A route that lists GET has a second, lower one for HEAD. */
interface Entry {
  readonly index: number;
  readonly pattern: string;
  readonly methods: readonly string[] | undefined;
  readonly headers: readonly HeaderTest[] | undefined;
  /** Place in the total order, 0 first; set once all entries are known. */
  rank: number;
}

/** A glob whose literal beginning ends at the node that holds it; `from` is where the rest of its pattern starts. */
interface GlobEntry {
  readonly entry: Entry;
  readonly from: number;
  /** What stands behind its last `*`: most globs are refused by their ending alone. */
  readonly ending: string;
  /** Code of the last character of `ending`, -1 when it is empty. */
  readonly last: number;
}

class Node {
  parent: Node | undefined;
  label: string;
  /** First character of each child's label; position n belongs to `children[n]`. */
  readonly codes: number[] = [];
  readonly children: Node[] = [];
  /** Each list is sorted by rank. */
  exact: Entry[] | undefined = undefined;
  prefix: Entry[] | undefined = undefined;
  globs: GlobEntry[] | undefined = undefined;
  /** Where a `*` that stands for a whole segment leads. */
  star: Node | undefined = undefined;
  /** Best rank that this node or one above it (up to the tree's or the star's root) can give, stars included. */
  floor = Infinity;

  constructor(label: string, parent: Node | undefined) {
    this.label = label;
    this.parent = parent;
  }
}

const SLASH = 47;

export function compileRoutes(specs: readonly RouteSpec[]): RouteMatcher {
  const places = routePlaces(specs);
  const exactHosts = new Map<string, Node>();
  const suffixes = new Map<string, Node>();
  const anyHost = new Node("", undefined);
  for (const { entry, host } of places) {
    if (host === "") insert(anyHost, entry);
    else if (host.startsWith("*")) insert(root(suffixes, host.slice(1)), entry);
    else insert(root(exactHosts, host), entry);
  }
  const nowhere = places.length;
  for (const tree of [anyHost, ...exactHosts.values(), ...suffixes.values()]) freeze(tree, nowhere);
  const indexes = places.map((place) => place.entry.index);
  const hasExact = exactHosts.size > 0;
  const hasSuffixes = suffixes.size > 0;

  return (host, path, method, headers) => {
    if (hasExact) {
      const tree = exactHosts.get(host);
      if (tree !== undefined) {
        const rank = search(tree, path, 0, method, headers, nowhere);
        if (rank !== nowhere) return indexes[rank];
      }
    }
    if (hasSuffixes) {
      for (let dot = host.indexOf(".", 1); dot > 0; dot = host.indexOf(".", dot + 1)) {
        const tree = suffixes.get(host.slice(dot));
        if (tree === undefined) continue;
        const rank = search(tree, path, 0, method, headers, nowhere);
        if (rank !== nowhere) return indexes[rank];
      }
    }
    const rank = search(anyHost, path, 0, method, headers, nowhere);
    return rank === nowhere ? undefined : indexes[rank];
  };
}

/** The indexes of all routes in the order in which they are preferred: for `explain` and `check`. */
export function routeOrder(specs: readonly RouteSpec[]): number[] {
  const seen = new Set<number>();
  for (const { entry } of routePlaces(specs)) seen.add(entry.index);
  return [...seen];
}

/** The best rank below `best` that fits, or `best`. Walks down as far as the path leads, then looks on the way back. */
function search(start: Node, path: string, from: number, method: string, headers: HeaderLookup, best: number): number {
  const end = path.length;
  let node = start;
  let at = from;
  walk: while (at < end) {
    const child = node.codes.indexOf(path.charCodeAt(at));
    if (child < 0) break;
    const next = node.children[child]!;
    const label = next.label;
    const size = label.length;
    if (at + size > end) break;
    for (let i = 1; i < size; i++) if (label.charCodeAt(i) !== path.charCodeAt(at + i)) break walk;
    at += size;
    node = next;
  }
  for (;;) {
    if (node.floor >= best) return best;
    const code = at < end ? path.charCodeAt(at) : -1;
    if (code === -1 && node.exact !== undefined) best = pick(node.exact, method, headers, best);
    if (node.prefix !== undefined && (code === -1 || code === SLASH)) best = pick(node.prefix, method, headers, best);
    if (node.globs !== undefined) best = pickGlob(node.globs, path, at, method, headers, best);
    if (node.star !== undefined && code !== -1 && code !== SLASH) {
      const slash = path.indexOf("/", at);
      best = search(node.star, path, slash < 0 ? end : slash, method, headers, best);
    }
    if (node === start) return best;
    at -= node.label.length;
    node = node.parent!;
  }
}

function pick(entries: readonly Entry[], method: string, headers: HeaderLookup, best: number): number {
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    if (entry.rank >= best) return best;
    if (fits(entry, method, headers)) return entry.rank;
  }
  return best;
}

function pickGlob(
  globs: readonly GlobEntry[],
  path: string,
  at: number,
  method: string,
  headers: HeaderLookup,
  best: number,
): number {
  const last = path.charCodeAt(path.length - 1);
  for (let i = 0; i < globs.length; i++) {
    const glob = globs[i]!;
    const { rank, pattern } = glob.entry;
    if (rank >= best) return best;
    if (glob.last >= 0 && (glob.last !== last || !path.endsWith(glob.ending))) continue;
    if (matchPathFrom(pattern, glob.from, path, at) && fits(glob.entry, method, headers)) return rank;
  }
  return best;
}

function fits(entry: Entry, method: string, headers: HeaderLookup): boolean {
  if (entry.methods !== undefined && !entry.methods.includes(method)) return false;
  if (entry.headers === undefined) return true;
  for (let i = 0; i < entry.headers.length; i++) {
    const { name, test } = entry.headers[i]!;
    const value = headers.get(name);
    if (value === null || !test(value)) return false;
  }
  return true;
}

// Compiling: once per generation and isolate.

interface Place {
  readonly entry: Entry;
  /** Lower-case; "" for every host. */
  readonly host: string;
  /** Higher is more specific; compared field by field. */
  readonly weight: readonly number[];
}

/** Every way to reach a route, most specific first; its position is its rank. */
function routePlaces(specs: readonly RouteSpec[]): Place[] {
  const places: Place[] = [];
  specs.forEach((spec, index) => {
    const host = spec.host === undefined || spec.host === "*" ? "" : spec.host.toLowerCase();
    const pattern = canonicalPattern(spec.path);
    const methods = spec.methods?.map((method) => method.toUpperCase());
    const headers = Object.entries(spec.headers ?? {}).map(([name, value]) => ({
      name: name.toLowerCase(),
      test: compileGlob(value),
    }));
    const place = (named: readonly string[] | undefined, methodWeight: number): Place => ({
      entry: { index, pattern, methods: named, headers: headers.length > 0 ? headers : undefined, rank: 0 },
      host,
      weight: [...hostWeight(host), ...pathWeight(pattern), methodWeight, headers.length],
    });
    if (methods === undefined || methods.length === 0) {
      places.push(place(undefined, 0));
      return;
    }
    places.push(place(methods, 2));
    if (methods.includes("GET") && !methods.includes("HEAD")) places.push(place(["HEAD"], 1));
  });
  places.sort((a, b) => {
    for (let i = 0; i < a.weight.length; i++) if (a.weight[i] !== b.weight[i]) return b.weight[i]! - a.weight[i]!;
    return a.entry.index - b.entry.index;
  });
  places.forEach((place, rank) => (place.entry.rank = rank));
  return places;
}

/** Exact, wildcard, none; among wildcards the longer suffix, which is the narrower one. */
function hostWeight(host: string): [kind: number, suffix: number] {
  if (host === "") return [0, 0];
  return host.startsWith("*") ? [1, host.length] : [2, 0];
}

/** Literal characters (the `/` of a trailing `/*` is none), then `/a`, `/*a`, `/a/*`, `/a*`: the narrower first. */
function pathWeight(pattern: string): [literals: number, kind: number] {
  const body = pattern.endsWith("/*") ? pattern.slice(0, -2) : pattern;
  let literals = body.length;
  for (let i = 0; i < body.length; i++) if (body[i] === "*") literals--;
  if (!pattern.includes("*")) return [literals, 3];
  if (!pattern.endsWith("*")) return [literals, 2];
  return [literals, body === pattern ? 0 : 1];
}

function root(trees: Map<string, Node>, key: string): Node {
  let tree = trees.get(key);
  if (tree === undefined) trees.set(key, (tree = new Node("", undefined)));
  return tree;
}

/** Hangs an entry where its pattern leads. Entries come in rank order, so every list stays sorted. */
function insert(tree: Node, entry: Entry): void {
  const { pattern } = entry;
  let node = tree;
  let at = 0;
  for (;;) {
    const star = pattern.indexOf("*", at);
    if (star < 0) {
      (grow(node, pattern.slice(at)).exact ??= []).push(entry);
      return;
    }
    const opens = pattern[star - 1] === "/";
    if (opens && star === pattern.length - 1) {
      (grow(node, pattern.slice(at, -2)).prefix ??= []).push(entry);
      return;
    }
    node = grow(node, pattern.slice(at, star));
    if (!opens || pattern[star + 1] !== "/") {
      const ending = pattern.slice(pattern.lastIndexOf("*") + 1);
      const last = ending === "" ? -1 : ending.charCodeAt(ending.length - 1);
      (node.globs ??= []).push({ entry, from: star, ending, last });
      return;
    }
    node = node.star ??= new Node("", undefined);
    at = star + 1;
  }
}

/** The node that `label` leads to below `node`, made if need be; an edge is split where labels part. */
function grow(node: Node, label: string): Node {
  if (label === "") return node;
  const slot = node.codes.indexOf(label.charCodeAt(0));
  if (slot < 0) {
    const child = new Node(label, node);
    node.codes.push(label.charCodeAt(0));
    node.children.push(child);
    return child;
  }
  const child = node.children[slot]!;
  let same = 1;
  while (same < label.length && same < child.label.length && label[same] === child.label[same]) same++;
  if (same === child.label.length) return grow(child, label.slice(same));
  const fork = new Node(label.slice(0, same), node);
  node.children[slot] = fork;
  child.label = child.label.slice(same);
  child.parent = fork;
  fork.codes.push(child.label.charCodeAt(0));
  fork.children.push(child);
  return grow(fork, label.slice(same));
}

/** Sets every `floor`, and returns the best rank in the whole of this subtree. */
function freeze(node: Node, above: number): number {
  const star = node.star === undefined ? Infinity : freeze(node.star, Infinity);
  const here = Math.min(
    node.exact?.[0]?.rank ?? Infinity,
    node.prefix?.[0]?.rank ?? Infinity,
    node.globs?.[0]?.entry.rank ?? Infinity,
    star,
  );
  node.floor = Math.min(here, above);
  let least = here;
  for (const child of node.children) least = Math.min(least, freeze(child, node.floor));
  return least;
}
