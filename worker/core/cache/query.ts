// Which part of a query tells entries apart, as a rule says (SEEDS P12): all of it as received, nothing, only these names,
// all but these. What is left keeps its bytes; sorting is by name, then by the order it came in, for the order of equal names
// may mean something. Only keys are made of this: the upstream gets the query as it was sent.

export interface QueryKey {
  readonly mode: "all" | "ignore" | "only" | "except";
  readonly names: ReadonlySet<string>;
  readonly sort: boolean;
}

/** `query` begins with `?`, or is empty; so does the answer. */
export function keyedQuery(query: string, { mode, names, sort }: QueryKey): string {
  if (query.length <= 1 || mode === "ignore") return "";
  if (mode === "all" && !sort) return query;
  const kept: { name: string; pair: string }[] = [];
  for (const pair of query.slice(1).split("&")) {
    if (pair === "") continue;
    const name = nameOf(pair);
    if (mode === "all" || names.has(name) === (mode === "only")) kept.push({ name, pair });
  }
  // Stable since ES2019: equal names stay in their order.
  if (sort) kept.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return kept.length === 0 ? "" : `?${kept.map(({ pair }) => pair).join("&")}`;
}

/** All values of a name, decoded, in their order; undefined when it does not occur. */
export function queryValue(query: string, name: string): string | undefined {
  if (query.length <= 1) return undefined;
  const values: string[] = [];
  for (const pair of query.slice(1).split("&")) {
    if (pair === "" || nameOf(pair) !== name) continue;
    const equals = pair.indexOf("=");
    values.push(equals < 0 ? "" : decoded(pair.slice(equals + 1)));
  }
  return values.length === 0 ? undefined : values.join("\n");
}

function nameOf(pair: string): string {
  const equals = pair.indexOf("=");
  return decoded(equals < 0 ? pair : pair.slice(0, equals));
}

/** As forms write it (URL Standard §5.1); what is no valid encoding stands for itself. */
function decoded(text: string): string {
  if (!text.includes("%") && !text.includes("+")) return text;
  const spaced = text.replaceAll("+", " ");
  try {
    return decodeURIComponent(spaced);
  } catch {
    // Not UTF-8, or a lone %: two such texts are the same only when they are written the same.
    return spaced;
  }
}
