// What a route or cache rule may write as its path and host, and the form in which it is compared. Patterns are brought
// to the same canonical form as request paths (core/http/path), so `/caf%c3%a9` and `/café` in a policy are one path.
import { canonicalPath } from "../http/path.ts";

/** The pattern as the matcher compares it. A pattern with a problem stays as it is: it was refused at the door. */
export function canonicalPattern(pattern: string): string {
  const path = canonicalPath(pattern);
  return path.ok ? path.value : pattern;
}

/** Why `pattern` cannot be a path pattern, in words for the policy's author; undefined when it can. */
export function pathPatternProblem(pattern: string): string | undefined {
  if (!pattern.startsWith("/")) return "must start with /";
  if (pattern.length > 2048) return "must not be longer than 2048 characters";
  if (pattern.includes("?") || pattern.includes("#")) return "must be a path: query and fragment are not matched";
  if (pattern.includes("**")) return "must not hold **: a trailing /* takes every depth";
  if (pattern.includes("\\")) return "must not hold a backslash";
  const canonical = canonicalPath(pattern);
  if (!canonical.ok) return `is not a valid path (${canonical.error})`;
  const slashes = (text: string): number => text.split("/").length;
  if (slashes(canonical.value) !== slashes(pattern)) return "must not hold empty or dot segments";
  return undefined;
}

/** Why `host` cannot be a host pattern; undefined when it can. */
export function hostPatternProblem(host: string): string | undefined {
  if (host === "*") return undefined;
  const name = host.startsWith("*.") ? host.slice(2) : host;
  if (name === "") return "must not be empty";
  if (host.length > 255) return "must not be longer than 255 characters";
  if (name.includes("*")) return "may hold * only as its whole first label (*.example.com)";
  if (name.startsWith("[")) return /^\[[0-9a-f:.]+\]$/i.test(name) ? undefined : "is not an IPv6 address in brackets";
  if (name.includes(":")) return "must not hold a port: routes match the name alone";
  if (name.endsWith(".")) return "must not end with a dot";
  if (!/^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i.test(name)) {
    return "is not a host name (write international names in their xn-- form)";
  }
  return undefined;
}
