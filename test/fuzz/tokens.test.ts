// Tokens, keys, claims, and the redaction of text from outside.
import fc from "fast-check";
import { readApiKey, readKeyRecord } from "../../worker/core/security/api-keys.ts";
import { callerOf, claimProblem, readClaims } from "../../worker/core/security/claims.ts";
import { fromBase64url, toBase64url } from "../../worker/core/security/encoding.ts";
import { asFieldValue } from "../../worker/core/security/identity-headers.ts";
import { readKeys } from "../../worker/core/security/jwk.ts";
import { parseJws, verifyJws } from "../../worker/core/security/jws.ts";
import { readPublicKey } from "../../worker/core/security/pem.ts";
import { redact } from "../../worker/core/security/redact.ts";
import { CANARY, fuzz, spoilt, textOf } from "../support/fuzz.ts";
import { b64, claimsOf, newSigner, tokenOf } from "../support/tokens.ts";

const signer = newSigner("ES256");
const good = tokenOf(signer, claimsOf({ secret: CANARY }));
const pieces = [
  ".",
  "=",
  "-",
  "_",
  "+",
  "/",
  "A",
  "eyJ",
  b64('{"alg":"none"}'),
  b64('{"alg":"ES256","crit":["exp"]}'),
  b64("{"),
  " ",
  "\n",
];
const keys = readKeys(signer.jwk);

fuzz("a token that is none", 10_000, textOf(pieces), async (text) => {
  const result = await verifyJws(text, keys, { now: 0, algorithms: ["ES256"] });
  return result.ok ? "verified" : result;
});

fuzz("a token that was spoilt", 6_000, spoilt(good, pieces), async (text) => {
  const result = await verifyJws(text, keys, { now: Date.now(), algorithms: ["ES256"] });
  return result.ok && text !== good ? fromBase64url(text.split(".")[1]!)!.length : undefined;
});

const json = fc.json({ maxDepth: 8 });
const rules = {
  issuer: "i",
  audiences: ["a"],
  leewaySeconds: 60,
  maxAgeSeconds: 100,
  typ: "",
  required: ["exp", "a.b"],
};
const names = { user: ["sub", "a.b.c"], tenant: "tenant", roles: "roles", permissions: "scope" };
const claims = fc.oneof(
  json,
  fc
    .record({
      iss: fc.constant("i"),
      aud: fc.anything(),
      exp: fc.anything(),
      iat: fc.anything(),
      sub: fc.anything(),
      roles: fc.anything(),
    })
    .map((value) => safely(value)),
);
fuzz("claims", 6_000, claims, (text) => {
  const read = readClaims(new TextEncoder().encode(text));
  if (read === undefined) return undefined;
  callerOf(read, names);
  return claimProblem(read, { alg: "ES256" }, rules, 0);
});

const member = fc.oneof(
  fc.constantFrom("oct", "RSA", "EC", "OKP", "P-256", "AQAB", "sig", "verify", "ES256", ""),
  fc.anything(),
  fc.constant(CANARY),
);
fuzz(
  "a key set",
  5_000,
  fc.oneof(
    fc.anything(),
    fc.record({
      keys: fc.array(
        fc.dictionary(
          fc.constantFrom("kty", "crv", "x", "y", "n", "e", "k", "d", "alg", "use", "key_ops", "kid", "exp"),
          member,
        ),
        { maxLength: 5 },
      ),
    }),
  ),
  (value) => readKeys(value).problems.map(({ problem }) => problem),
);

fuzz(
  "a key, a record, base64url, PEM",
  4_000,
  textOf([
    "sk_",
    ".",
    "A",
    "=",
    "{",
    "}",
    '"',
    "-----BEGIN PUBLIC KEY-----",
    "-----END PUBLIC KEY-----",
    "\n",
    "MFkwEwYH",
  ]),
  async (text) => {
    readApiKey(text);
    readKeyRecord(text);
    asFieldValue(text);
    const bytes = fromBase64url(text);
    if (bytes !== undefined && toBase64url(bytes) !== text) throw new Error("two spellings for the same bytes");
    await readPublicKey(text, ["ES256"]);
  },
);

fuzz("any token taken apart", 4_000, fc.anything(), (value) => {
  parseJws(value);
});

const secret = fc.constantFrom(
  `Bearer ${CANARY}`,
  `api_key=${CANARY}`,
  `"authorization": "${CANARY}"`,
  `sk-${CANARY}`,
  `https://u:${CANARY}@h/`,
  `x-api-key: ${CANARY}`,
);
fuzz(
  "redaction",
  5_000,
  fc.tuple(fc.string({ maxLength: 200 }), secret, fc.string({ unit: "binary", maxLength: 200 })),
  ([before, held, after]) => redact(`${before}\n${held}\n${after.replaceAll(CANARY, "")}`),
);
const noisy = textOf(["Bearer ", "eyJ", ".", "sk-", "a=", '"', "'", "://", ":", "@", "x-api-key: ", "\t", "key"]);
fuzz("redaction of noise", 3_000, noisy, (text) => {
  redact(text);
});

function safely(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch {
    return "{}";
  }
}
