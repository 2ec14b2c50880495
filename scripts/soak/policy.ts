// The policy of the soak, as an operator would write it: services in front of what is well, what is rough and what is odd, a cache over all
// levels, keys, AI, and as many alert rules as acknowledgements are to be tried. `variant` makes documents that differ and mean the same.
import type { WrittenPolicy } from "../../worker/core/policy/schema.ts";

export const REDIS_TOKEN = "REDIS_TOKEN";
export const PEPPER = "SOAK_PEPPER";
export const PROVIDER_KEY = "SOAK_PROVIDER_KEY";
/** Field of answers that names the variant of the policy in force. */
const VARIANT = "x-soak-variant";

export interface Places {
  readonly steady: readonly string[];
  readonly rough: readonly string[];
  readonly odd: readonly string[];
  readonly providers: readonly string[];
  readonly redis: string;
}

type Service = NonNullable<WrittenPolicy["services"]>[string];

const DEADLINE_MS = 8_000;
/** Of what is well: it may take as long as the machine is busy. */
const PATIENT_MS = 20_000;
/** The longest a request may take by the policy. */
export const LONGEST_MS = { well: PATIENT_MS, rough: DEADLINE_MS } as const;

function service(name: string, urls: readonly string[], changes: Service = {}): Service {
  return {
    instances: urls.map((url, index) => ({ id: `${name}-${index + 1}`, url })),
    timeouts: { headersMs: 3_000, idleMs: 3_000, totalMs: DEADLINE_MS },
    ...changes,
  };
}

export function soakPolicy(places: Places, alerts: number, variant: number): WrittenPolicy {
  const { steady, rough, odd, providers, redis } = places;
  const patient: Service = {
    timeouts: { headersMs: PATIENT_MS, idleMs: PATIENT_MS, totalMs: PATIENT_MS },
    breaker: false,
  };
  return {
    expose: true,
    services: {
      steady: service("steady", steady, patient),
      counted: service("counted", steady, patient),
      rough: service("rough", rough, { attempts: { max: 3, hedgeAfter: 400 } }),
      odd: service("odd", [...odd, ...steady.slice(0, 1)], { attempts: { max: 2 } }),
      spare: service("spare", steady, patient),
    },
    routes: [
      { match: { path: "/steady/*" }, service: "steady", stripPrefix: "/steady" },
      { match: { path: "/counted/*" }, service: "counted", stripPrefix: "/counted" },
      { match: { path: "/rough/*" }, service: "rough", stripPrefix: "/rough" },
      { match: { path: "/odd/*" }, service: "odd", stripPrefix: "/odd" },
      { match: { path: "/spare/*" }, service: "spare", stripPrefix: "/spare" },
      { match: { path: "/keyed/*" }, service: "steady", stripPrefix: "/keyed", auth: "required" },
      {
        match: { path: "/*" },
        service: "steady",
        rewrite: { responseHeaders: { set: { [VARIANT]: String(variant) } } },
      },
    ],
    cache: {
      tiers: ["memory", "edge", "global", "redis"],
      admitAfter: 1,
      redis: { url: redis, token: { secret: REDIS_TOKEN } },
      rules: [],
    },
    security: { apiKeys: { pepper: { secret: PEPPER }, allowInQuery: true } },
    ai: { auth: "none" },
    providers: Object.fromEntries(
      providers.map((url, index) => [
        `provider-${index + 1}`,
        { adapter: "openai", baseUrl: `${url}/v1`, key: { secret: PROVIDER_KEY }, models: ["words"] },
      ]),
    ),
    models: {
      words: {
        targets: providers.map((_, index) => `provider-${index + 1}/words`),
        strategy: "priority",
        stream: { firstTokenMs: 3_000, idleMs: 3_000 },
      },
    },
    alerts: Array.from({ length: alerts }, (_, index) => ({
      name: `traffic-${index}`,
      when: "metrics.requests > 0",
    })),
    telemetry: { logs: { sampleRate: 1 } },
  };
}
