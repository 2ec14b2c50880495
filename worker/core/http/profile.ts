// What kind of request this is (SEEDS P1): size, complexity, security level, whether a cache may look at it at all.
// Read from method, path and a few headers, never from the body; made only when a step asks for it.

export type Complexity = "low" | "medium" | "high";
export type SecurityLevel = "standard" | "high" | "critical";

export interface RequestProfile {
  readonly method: string;
  /** Canonical path. */
  readonly path: string;
  /** Bytes as `Content-Length` says; 0 without a body, -1 when a body comes without a length. */
  readonly payloadBytes: number;
  readonly complexity: Complexity;
  /** GET, small, and without `no-cache`; a cache rule may widen it. */
  readonly cacheEligible: boolean;
  readonly securityLevel: SecurityLevel;
}

const HIGH_BYTES = 1024 * 1024;
const MEDIUM_BYTES = 10 * 1024;
const CACHEABLE_BYTES = 100 * 1024;

/** Words that make a path worth guarding, wherever in it they stand. */
const SENSITIVE = ["admin", "auth", "token", "secret"] as const;

export interface ProfileFields {
  get(name: string): string | null;
}

export function profileRequest(method: string, path: string, fields: ProfileFields, hasBody: boolean): RequestProfile {
  const payloadBytes = hasBody ? payloadSize(fields.get("content-length")) : 0;
  return {
    method,
    path,
    payloadBytes,
    complexity: complexityOf(method, payloadBytes),
    cacheEligible: method === "GET" && payloadBytes >= 0 && payloadBytes < CACHEABLE_BYTES && !asksFresh(fields),
    securityLevel: securityLevel(path, fields),
  };
}

/** A body without a length may be large: it counts as what its method makes it, and is never cached by heuristic. */
function payloadSize(contentLength: string | null): number {
  if (contentLength === null) return -1;
  const size = Number(contentLength);
  return Number.isSafeInteger(size) && size >= 0 ? size : -1;
}

export function complexityOf(method: string, payloadBytes: number): Complexity {
  if (payloadBytes > HIGH_BYTES) return "high";
  if (payloadBytes > MEDIUM_BYTES || method === "POST" || method === "PUT" || method === "PATCH") return "medium";
  return "low";
}

/** RFC 9111 §5.2.1.4; `Pragma` only where there is no Cache-Control (§5.4). */
function asksFresh(fields: ProfileFields): boolean {
  const control = fields.get("cache-control");
  return (control ?? fields.get("pragma") ?? "").toLowerCase().includes("no-cache");
}

function securityLevel(path: string, fields: ProfileFields): SecurityLevel {
  const lower = path.toLowerCase();
  for (const word of SENSITIVE) if (lower.includes(word)) return "critical";
  return fields.get("authorization") === null ? "standard" : "high";
}
