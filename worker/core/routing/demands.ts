// What an instance is able to take, from its metadata in the policy or a registry (SEEDS P5), as the compatibility factor
// reads it. The seed's defaults: standard security, any size and method, complex requests too.
import {
  SECURITY_CRITICAL,
  SECURITY_HIGH,
  SECURITY_LOW,
  SECURITY_STANDARD,
  methodBit,
  type Demands,
} from "./strategy.ts";

export interface Metadata {
  readonly securityLevel?: "low" | "standard" | "high" | "critical" | undefined;
  readonly maxPayloadBytes?: number | undefined;
  readonly methods?: readonly string[] | undefined;
  readonly supportsComplex?: boolean | undefined;
}

export const SECURITY = {
  low: SECURITY_LOW,
  standard: SECURITY_STANDARD,
  high: SECURITY_HIGH,
  critical: SECURITY_CRITICAL,
} as const;

export const COMPLEXITY = { low: 0, medium: 1, high: 2 } as const;

const ANY_METHOD = 0xff;

/** Undefined where nothing is said, so that choice has nothing to look at. */
export function demandsOf({ securityLevel, maxPayloadBytes, methods, supportsComplex }: Metadata): Demands | undefined {
  const silent = [securityLevel, maxPayloadBytes, methods, supportsComplex].every((said) => said === undefined);
  if (silent) return undefined;
  return {
    security: SECURITY[securityLevel ?? "standard"],
    maxPayloadBytes: maxPayloadBytes ?? Number.POSITIVE_INFINITY,
    methods: methods?.reduce((bits, method) => bits | methodBit(method.toUpperCase()), 0) ?? ANY_METHOD,
    supportsComplex: supportsComplex ?? true,
  };
}
