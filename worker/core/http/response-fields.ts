// What of an upstream's fields must not reach the client. By name, not in a pass as for requests: the names are few,
// and on workerd asking for six costs a third of a pass over ten. Connection, Keep-Alive, TE, Trailer,
// Transfer-Encoding and Upgrade are not among them: the runtime never writes an upstream's to a client (measured).
import { namedByConnection } from "./connection.ts";

export interface MutableFields {
  get(name: string): string | null;
  has(name: string): boolean;
  set(name: string, value: string): void;
  append(name: string, value: string): void;
  delete(name: string): void;
  getSetCookie(): string[];
}

/** Drops the fields of the upstream's hop, those that its Connection names included (RFC 9110 §7.6.1), in place. */
export function dropAnswerFields(headers: MutableFields, status: number): void {
  const connection = headers.get("connection");
  if (connection !== null) {
    const named: string[] = [];
    // Too many options: the answer stands all the same, and those that were read are dropped.
    namedByConnection(connection, named);
    for (let i = 0; i < named.length; i++) headers.delete(named[i]!);
  }
  if (headers.has("proxy-connection")) headers.delete("proxy-connection");
  // Names another endpoint for its origin; seen from the client that origin is the gateway (RFC 7838 §2.1, §9.1).
  if (headers.has("alt-svc")) headers.delete("alt-svc");
  // RFC 9110 §11.7: challenges of a proxy, for its own client. That client is the gateway.
  if (status === 407) {
    headers.delete("proxy-authenticate");
    headers.delete("proxy-authentication-info");
  }
}
