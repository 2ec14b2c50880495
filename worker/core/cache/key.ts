// The primary key (RFC 9111 §2): everything forwarded that may change an answer and is not nominated by `Vary`. Its length
// is bounded by that of a URL and of a rule's extra; levels with shorter keys hash it, and compare the one in the metadata.
import type { RequestInfluence } from "./influence.ts";

export interface KeyParts {
  /** Of the authenticated caller, "" for none. */
  readonly tenant: string;
  /** The route: it decides which service is asked, and may do so by more than the URL. */
  readonly route: string;
  readonly scheme: string;
  readonly authority: string;
  /** As received: what goes to the upstream is made of it and of nothing else. */
  readonly path: string;
  /** With its `?`, or "". */
  readonly query: string;
}

/** A character that none of the parts can hold. */
const SEPARATOR = "\n";

/** HEAD is answered from GET's entry, and by its own only when there is none: one class (§2, §4.3.5). */
const methodClass = (method: string): string => (method === "HEAD" ? "GET" : method);

export function primaryKey(method: string, parts: KeyParts, influence: RequestInfluence | undefined): string {
  const { tenant, route, scheme, authority, path, query } = parts;
  const url = `${methodClass(method)} ${scheme}://${authority}${path}${influence?.query ?? query}`;
  const key = `${url}${SEPARATOR}${route}`;
  const extra = influence === undefined ? "" : influence.extra;
  return tenant === "" && extra === "" ? key : `${key}${SEPARATOR}${tenant}${SEPARATOR}${extra}`;
}
