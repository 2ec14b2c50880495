// Targeted fields (RFC 9213): Cache-Control for caches like this one alone. A structured dictionary; the first of the target
// list that is there and parses stands in for Cache-Control and Expires altogether (§2.2), one that does not parse is ignored
// whole (§2.1). Read once, when an answer comes in.
import { parseDictionary } from "structured-headers";
import { MAX_DELTA_SECONDS } from "./delta.ts";
import { emptyDirectives, type Directives } from "./directives.ts";

/** For this gateway first, then for any CDN. */
const TARGETS = ["sluice-cache-control", "cdn-cache-control"] as const;

interface Fields {
  get(name: string): string | null;
}

/** Undefined where no targeted field applies: Cache-Control does. */
export function targetedDirectives(headers: Fields): Readonly<Directives> | undefined {
  for (const name of TARGETS) {
    const field = headers.get(name);
    if (field === null || field === "") continue;
    const directives = parseTargeted(field);
    if (directives !== undefined) return directives;
  }
  return undefined;
}

const FLAGS: Readonly<Record<string, (directives: Directives) => void>> = {
  "no-store": (directives) => void (directives.noStore = true),
  private: (directives) => void (directives.isPrivate = true),
  public: (directives) => void (directives.isPublic = true),
  "no-cache": (directives) => void (directives.noCache = true),
  "must-revalidate": (directives) => void (directives.mustRevalidate = true),
  "proxy-revalidate": (directives) => void (directives.proxyRevalidate = true),
  "must-understand": (directives) => void (directives.mustUnderstand = true),
};

const LIFETIMES: Readonly<
  Record<string, "maxAge" | "sharedMaxAge" | "staleWhileRevalidate" | "staleIfError" | undefined>
> = {
  "max-age": "maxAge",
  "s-maxage": "sharedMaxAge",
  "stale-while-revalidate": "staleWhileRevalidate",
  "stale-if-error": "staleIfError",
};

function parseTargeted(field: string): Readonly<Directives> | undefined {
  let dictionary: ReturnType<typeof parseDictionary>;
  try {
    dictionary = parseDictionary(field);
  } catch {
    // Not a structured dictionary: as if it were not there.
    return undefined;
  }
  if (dictionary.size === 0) return undefined;
  const directives = emptyDirectives();
  for (const [name, [value]] of dictionary) {
    const lifetime = LIFETIMES[name];
    if (lifetime !== undefined) {
      // §2.1: a directive of another type than its own is ignored.
      if (typeof value !== "number" || !Number.isInteger(value)) continue;
      directives[lifetime] = Math.min(Math.max(0, value), MAX_DELTA_SECONDS);
    } else if (value !== false) FLAGS[name]?.(directives);
  }
  return directives;
}
