// What is looked at before anybody is asked who he is: addresses that are let in or kept out, methods that nobody may use, media
// types that a body may have. Compiled once a generation.
import { inRange, parseAddress, parseRange, type AddressRange } from "../match/address.ts";

export interface AddressRules {
  /** Undefined: everybody who is not kept out. */
  readonly allow: readonly AddressRange[] | undefined;
  readonly deny: readonly AddressRange[];
}

/** Undefined where the policy lets everybody in. */
export function compileAddresses(written: {
  readonly allow?: readonly string[] | undefined;
  readonly deny: readonly string[];
}): AddressRules | undefined {
  if (written.allow === undefined && written.deny.length === 0) return undefined;
  const ranges = (each: readonly string[]): AddressRange[] => each.flatMap((text) => parseRange(text) ?? []);
  return { allow: written.allow && ranges(written.allow), deny: ranges(written.deny) };
}

/** An address that nobody vouches for is in no list: kept out where there is a list of those let in. */
export function letsIn(rules: AddressRules, address: string): boolean {
  const parsed = parseAddress(address);
  if (parsed === undefined) return rules.allow === undefined;
  if (rules.deny.some((range) => inRange(parsed, range))) return false;
  return rules.allow === undefined || rules.allow.some((range) => inRange(parsed, range));
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/** `Allow` of a method that is forbidden (RFC 9110 §15.5.6). */
export const allowField = (forbidden: ReadonlySet<string>): string =>
  METHODS.filter((method) => !forbidden.has(method)).join(", ");

/** Whether a body may have this Content-Type: `application/json`, or `image/*` for a whole family. */
export function takesType(allowed: readonly string[], contentType: string | null): boolean {
  if (contentType === null) return false;
  const semicolon = contentType.indexOf(";");
  const essence = (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
  for (const each of allowed) {
    if (each === essence || each === "*/*") return true;
    if (each.endsWith("/*") && essence.startsWith(each.slice(0, -1)) && essence.length >= each.length) return true;
  }
  return false;
}
