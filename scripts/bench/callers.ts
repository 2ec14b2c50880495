// Callers that show who they are: a key and a token that the benchmark's gateway takes, made anew with the same words by
// whoever needs them. Secrets of a machine that is measured, and of nothing else.
import { createHmac } from "node:crypto";
import type { WrittenPolicy } from "../../worker/core/policy/schema.ts";
import { makeApiKey, pepperOf, RANDOM_BYTES, type KeyRecord } from "../../worker/core/security/api-keys.ts";

const ISSUER = "https://bench.example";
const AUDIENCE = "bench";
const YEAR_2100 = 4_102_444_800;

export const SECRETS = {
  BENCH_PEPPER: "the pepper of the benchmark",
  BENCH_SHARED: "the shared key of the benchmark, long enough",
} as const;

export const IDENTITY: NonNullable<WrittenPolicy["security"]> = {
  jwt: {
    issuers: [
      {
        issuer: ISSUER,
        audience: AUDIENCE,
        algorithms: ["HS256"],
        sharedKey: { secret: "BENCH_SHARED" satisfies keyof typeof SECRETS },
      },
    ],
  },
  apiKeys: { pepper: { secret: "BENCH_PEPPER" satisfies keyof typeof SECRETS } },
  rateLimits: { ample: { requestsPerMinute: 100_000_000, requestsPerHour: 1_000_000_000 } },
};

const { id, key, hash } = await makeApiKey(new Uint8Array(RANDOM_BYTES), await pepperOf(SECRETS.BENCH_PEPPER));
export const API_KEY = key;
export const KEY_RECORD: KeyRecord = {
  ...{ id, hash, name: "bench", user: "bench", tenant: "acme", roles: [], permissions: [], rateLimit: "" },
  ...{ createdAt: 1, expiresAt: 0, revokedAt: 0 },
};

/** Of one user; good until the year 2100. */
export function tokenFor(user: string): string {
  const words = [
    { alg: "HS256", typ: "JWT" },
    { iss: ISSUER, aud: AUDIENCE, sub: user, tenant: "acme", roles: ["reader"], iat: 1, exp: YEAR_2100 },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${words}.${createHmac("sha256", SECRETS.BENCH_SHARED).update(words).digest("base64url")}`;
}

export const TOKEN = tokenFor("alice");
