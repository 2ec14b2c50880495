// Which credentials a request shows, and what of it must go no further. A key is the gateway's affair and ends here; a token
// in Authorization goes on, for an upstream may want to look at it too. Where nobody is asked who he is, only what is
// plainly one of our own keys is held back.
import { isLikeKey, readApiKey } from "./api-keys.ts";
import type { IdentityRules, KeyRules } from "./rules.ts";

export interface Credential {
  readonly from: "bearer" | "key" | "query" | "access";
  readonly text: string;
}

export interface Shown {
  readonly credentials: readonly Credential[];
  /** Lower-case names. */
  readonly drop: readonly string[];
  readonly query: string;
  readonly fromQuery: boolean;
  /** What was shown in a way that is not taken; "" for nothing. */
  readonly problem: string;
}

interface Source {
  readonly headers: { get(name: string): string | null };
  readonly fields: { readonly authorization: string | undefined };
  readonly query: string;
}

const ACCESS = "cf-access-jwt-assertion";
const NONE: readonly string[] = [];
const NOBODY: readonly Credential[] = [];

export function readShown(source: Source, rules: IdentityRules, unguarded: boolean): Shown {
  const { keys, fields } = rules;
  const { headers } = source;
  const shown = { credentials: NOBODY, drop: NONE, query: source.query, fromQuery: false, problem: "" };
  if (fields !== undefined) shown.drop = [fields.user, fields.tenant, fields.roles, fields.signature];
  if (unguarded) return keys === undefined ? shown : withoutOwnKeys(shown, source, keys);
  const found: Credential[] = [];
  const bearer = bearerOf(source.fields.authorization);
  const isKey = bearer !== undefined && keys !== undefined && isLikeKey(bearer);
  if (isKey) shown.drop = [...shown.drop, "authorization"];
  if (keys !== undefined) {
    const key = headers.get(keys.header);
    if (key !== null) {
      found.push({ from: "key", text: key });
      shown.drop = [...shown.drop, keys.header];
    }
    if (source.query !== "") readQuery(shown, found, source.query, keys);
  }
  if (rules.access !== undefined) {
    const token = headers.get(ACCESS);
    if (token !== null) found.push({ from: "access", text: token });
  }
  // Where no tokens are taken, what is no key is the upstream's affair, unless it is all there is to go by.
  if (bearer !== undefined && (isKey || rules.issuers.size > 0 || found.length === 0)) {
    found.push({ from: "bearer", text: bearer });
  }
  shown.credentials = found;
  return shown;
}

type Draft = { -readonly [Name in keyof Shown]: Shown[Name] };

function readQuery(shown: Draft, found: Credential[], query: string, keys: KeyRules): void {
  const taken = takeFromQuery(query, keys.queryName);
  if (taken.values.length === 0) return;
  shown.query = taken.query;
  shown.fromQuery = true;
  if (!keys.allowInQuery) shown.problem = "key_in_query_not_taken";
  for (const text of taken.values) found.push({ from: "query", text });
}

function withoutOwnKeys(shown: Draft, { headers, fields, query }: Source, keys: KeyRules): Shown {
  const isOurs = (text: string | null | undefined): boolean =>
    typeof text === "string" && readApiKey(text) !== undefined;
  if (isOurs(headers.get(keys.header))) shown.drop = [...shown.drop, keys.header];
  if (isOurs(bearerOf(fields.authorization))) shown.drop = [...shown.drop, "authorization"];
  if (query !== "") {
    const taken = takeFromQuery(query, keys.queryName);
    if (taken.values.some(isOurs)) shown.query = taken.query;
  }
  return shown;
}

/** RFC 6750 §2.1; the scheme without regard to case (RFC 9110 §11.1). Other schemes are between client and upstream. */
export function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.length < 7 || authorization.charCodeAt(6) !== 32) return undefined;
  if (authorization.slice(0, 6).toLowerCase() !== "bearer") return undefined;
  return authorization.slice(7).trim();
}

/** The parameter's values, however its name is written, and the query without them; a query that has none stays as it is. */
export function takeFromQuery(
  query: string,
  name: string,
): { readonly query: string; readonly values: readonly string[] } {
  if (!query.includes(name) && !query.includes("%")) return { query, values: NONE };
  const values: string[] = [];
  const kept = query
    .slice(1)
    .split("&")
    .filter((pair) => {
      const equals = pair.indexOf("=");
      const written = equals < 0 ? pair : pair.slice(0, equals);
      if (written !== name && decoded(written) !== name) return true;
      values.push(decoded(equals < 0 ? "" : pair.slice(equals + 1)));
      return false;
    });
  if (values.length === 0) return { query, values };
  return { query: kept.length === 0 ? "" : `?${kept.join("&")}`, values };
}

/** As a form field (WHATWG URL §5.1); what cannot be decoded stays as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}
