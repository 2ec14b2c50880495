// An endpoint as a line for a shell. The token stands in it as the variable that the command line reads too, never as itself.
import type { Endpoint, Schemas } from "./document.ts";
import { example } from "./schema.ts";

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** What is to be filled in stands in capitals: curl takes braces for a list. */
function filled({ path, parameters = [] }: Endpoint): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const command = parameters.find((parameter) => parameter.name === name)?.schema.enum?.[0];
    return typeof command === "string" ? command : name.toUpperCase();
  });
}

export function curlLine(endpoint: Endpoint, origin: string, schemas: Schemas): string {
  const { method, role, requestBody, responses } = endpoint;
  const [type, media] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  const body = media === undefined ? undefined : JSON.stringify(example(media.schema, schemas));
  return [
    `curl -sS ${method === "GET" ? "" : `-X ${method} `}${quoted(origin + filled(endpoint))}`,
    ...(role === undefined ? [] : [`-H "Authorization: Bearer $SLUICE_TOKEN"`]),
    // RFC 6585 §3: without it the answer is 428.
    ...(responses["428"] === undefined ? [] : [`-H 'If-Match: "ETAG"'`]),
    ...(type === undefined ? [] : [`-H ${quoted(`Content-Type: ${type}`)}`]),
    // Of a body that may be anything no example would say anything.
    ...(body === undefined ? [] : [`-d ${body === "{}" || body === "null" ? "@body.json" : quoted(body)}`]),
  ].join(" \\\n  ");
}
