// Which other origins may use a route from a browser (Fetch standard, CORS protocol): the policy's word, in place of whatever
// the upstream says. A preflight is answered by the gateway and never reaches anybody. An origin that is not listed gets an
// answer without the fields, which the browser keeps from its page.
import type * as v from "valibot";
import type { corsOptions } from "./options.ts";

type CorsOptions = v.InferOutput<typeof corsOptions>;
type Field = readonly [name: string, value: string];

export interface Cors {
  /** All origins, each by the same `*`. */
  readonly any: boolean;
  readonly exact: ReadonlySet<string>;
  /** `https://` and `.example.com` of `https://*.example.com`, and its port. */
  readonly under: readonly { readonly scheme: string; readonly suffix: string }[];
  readonly methods: string;
  /** Lower case; `*` stands for all. */
  readonly headers: ReadonlySet<string>;
  readonly headersField: string;
  readonly expose: string;
  readonly credentials: boolean;
  readonly maxAge: string;
}

const LONGEST_LIST = 4_096;

export function compileCors(options: CorsOptions): Cors {
  const { origins, methods, headers, exposeHeaders, credentials, maxAgeSeconds } = options;
  return {
    any: origins.includes("*"),
    exact: new Set(origins.filter((origin) => !origin.includes("*"))),
    under: origins
      .filter((origin) => origin.includes("//*."))
      .map((origin) => {
        const star = origin.indexOf("*");
        return { scheme: origin.slice(0, star), suffix: origin.slice(star + 1) };
      }),
    methods: methods.join(", "),
    headers: new Set(headers.map((name) => name.toLowerCase())),
    headersField: headers.filter((name) => name !== "*").join(", "),
    expose: exposeHeaders.join(", "),
    credentials,
    maxAge: String(maxAgeSeconds),
  };
}

/** `Access-Control-Allow-Origin` for this origin; undefined when it is not listed. */
export function allowedOrigin(cors: Cors, origin: string): string | undefined {
  if (cors.any) return "*";
  if (cors.exact.has(origin)) return origin;
  for (const { scheme, suffix } of cors.under) {
    if (!origin.startsWith(scheme) || !origin.endsWith(suffix)) continue;
    const label = origin.slice(scheme.length, -suffix.length);
    // Something stands in the star's place, and nothing that would end the host: `https://evil.example/.example.com`.
    if (label !== "" && /^[a-z0-9.-]+$/.test(label)) return origin;
  }
  return undefined;
}

/** A preflight's fields, beside `Vary`; none when the origin is not listed. */
export function preflightFields(cors: Cors, origin: string, asked: string | null): Field[] {
  const allowed = allowedOrigin(cors, origin);
  if (allowed === undefined) return [];
  const headers = cors.headers.has("*") ? echoed(asked, cors.headersField) : cors.headersField;
  const fields: Field[] = [
    ["access-control-allow-origin", allowed],
    ["access-control-allow-methods", cors.methods],
    ["access-control-max-age", cors.maxAge],
  ];
  if (headers !== "") fields.push(["access-control-allow-headers", headers]);
  if (cors.credentials) fields.push(["access-control-allow-credentials", "true"]);
  return fields;
}

/** `*` does not go with credentials, nor does it mean Authorization: what was asked for is named, as far as it is a list of names. */
function echoed(asked: string | null, otherwise: string): string {
  if (asked === null || asked.length > LONGEST_LIST || !/^[!#$%&'*+.^_`|~0-9A-Za-z, \t-]*$/.test(asked))
    return otherwise;
  return asked;
}

export const PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/** What an upstream may have said, all of which is the policy's to say. */
const OWN = [
  "access-control-allow-origin",
  "access-control-allow-credentials",
  "access-control-expose-headers",
  "access-control-allow-methods",
  "access-control-allow-headers",
  "access-control-max-age",
  "access-control-allow-private-network",
] as const;

interface Fields {
  get(name: string): string | null;
  set(name: string, value: string): void;
  append(name: string, value: string): void;
  delete(name: string): void;
}

/** Writes the policy's word into an answer. `origin`: as the request says, null for none. */
export function writeCors(cors: Cors, origin: string | null, headers: Fields): void {
  for (const name of OWN) headers.delete(name);
  // Whoever keeps the answer must know that another origin gets another one.
  if (!cors.any && !/(^|[\s,])(origin|\*)([\s,]|$)/i.test(headers.get("vary") ?? "")) headers.append("vary", "Origin");
  if (origin === null) return;
  const allowed = allowedOrigin(cors, origin);
  if (allowed === undefined) return;
  headers.set("access-control-allow-origin", allowed);
  if (cors.credentials) headers.set("access-control-allow-credentials", "true");
  if (cors.expose !== "") headers.set("access-control-expose-headers", cors.expose);
}
