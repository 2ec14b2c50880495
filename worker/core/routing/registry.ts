// What discovery has found (SEEDS P9): one shape for every registry, and the law by which a new answer takes over. A list is
// replaced as a whole and never by nothing: a catalogue that is suddenly empty is far more often broken than true, and
// instances that are really gone are found out by breakers and checks. What a registry says of health comes with every
// answer and changes no generation.
import type { FoundInstance, FoundMetadata, HealthStatus, Registry } from "../protocol/reports.ts";
import { hash32 } from "../stats/hash.ts";

/** One answer of a registry. */
export interface Found {
  readonly instances: FoundInstance[];
  /** By instance id; undefined where the registry knows nothing of health. */
  readonly health: Readonly<Record<string, HealthStatus>> | undefined;
}

export const MOST_FOUND = 1_000;

/** The registry after an answer; the same object when its list stays as it is. */
export function adopt(registry: Registry | undefined, found: Found, now: number): Registry | undefined {
  const instances = found.instances.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  if (instances.length === 0) return registry;
  if (registry !== undefined && JSON.stringify(registry.instances) === JSON.stringify(instances)) return registry;
  // From the clock, so that a store that was lost never gives a number out twice.
  return { generation: Math.max(now, (registry?.generation ?? 0) + 1), instances };
}

const MOST_LABELS = 32;
const LONGEST_LABEL = 256;
const LABEL_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const LEVELS = ["low", "standard", "high", "critical"] as const;

/** Words of a registry, `key: value`, as an instance's metadata: those the policy knows by their meaning, the rest as labels. */
export function metadataFrom(words: Iterable<readonly [string, string]>): FoundMetadata {
  const metadata: FoundMetadata = {};
  const labels: Record<string, string> = {};
  let count = 0;
  for (const [key, value] of words) {
    const level = LEVELS.find((each) => each === value);
    const bytes = wholeNumber(value);
    if (key === "securityLevel" && level !== undefined) metadata.securityLevel = level;
    else if (key === "maxPayloadBytes" && bytes !== undefined) metadata.maxPayloadBytes = bytes;
    else if (key === "methods")
      metadata.methods = value.split(",", MOST_LABELS).map((method) => method.trim().slice(0, 32));
    else if (key === "supportsComplex") metadata.supportsComplex = value === "true";
    else if (LABEL_NAME.test(key) && value !== "" && count++ < MOST_LABELS) labels[key] = value.slice(0, LONGEST_LABEL);
  }
  return count === 0 ? metadata : { ...metadata, labels };
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** A name for logs, metrics and paths out of any text; what had to be changed or cut ends in a hash, so that none collide. */
export function nameFrom(text: string): string {
  if (NAME.test(text)) return text;
  const plain = text.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return `${plain.slice(0, 54) || "instance"}-${hash32(text).toString(16).padStart(8, "0")}`;
}

const HOST_NAME = /^(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?$/;
const IPV6 = /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/;

/** An instance's URL; undefined when the registry's words are no host and port. */
export function urlFrom(scheme: "http" | "https", host: string, port: number): string | undefined {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  if (host.length > 253 || !(HOST_NAME.test(host) || IPV6.test(host))) return undefined;
  const authority = IPV6.test(host) ? `[${host}]` : host.replace(/\.$/, "");
  return URL.parse(`${scheme}://${authority}:${port}`)?.origin;
}
