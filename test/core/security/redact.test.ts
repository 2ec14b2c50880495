import { describe, expect, it } from "vitest";
import { described, isSecretName, redact, REDACTED, queryHoldsSecret } from "../../../worker/core/security/redact.ts";

const CANARY = "c4n4ry5ecret0123456789";

describe("redact", () => {
  it.each([
    `Authorization: Bearer ${CANARY}`,
    `authorization: Basic ${CANARY}==`,
    `{"authorization":"${CANARY}"}`,
    `{"api_key": "${CANARY}", "model": "x"}`,
    `{'apiKey':'${CANARY}'}`,
    `x-api-key=${CANARY}`,
    `GET https://api.example.com/v1?model=x&api_key=${CANARY}&n=1 failed`,
    `GET /v1?access_token=${CANARY}`,
    `Cookie: ${CANARY}`,
    `Set-Cookie: ${CANARY}`,
    `https://user:${CANARY}@example.com/x`,
    `redis://default:${CANARY}@10.0.0.1`,
    `Incorrect API key provided: sk-${CANARY}`,
    `sk-ant-api03-${CANARY}`,
    `key sk_${CANARY}aa.${CANARY}`,
    `token eyJhbGciOiJIUzI1NiJ9.${CANARY}.${CANARY}`,
    `ghp_${CANARY} glpat-${CANARY} xoxb-${CANARY}`,
    `password = ${CANARY}`,
    `sk_${"aB3_".repeat(6)}.${CANARY}`,
    `sk_live_${CANARY}`,
    `client_secret=${CANARY}`,
    `"X-Api-Key":"${CANARY}`,
  ])("%s", (text) => {
    const said = redact(text);
    expect(said).not.toContain(CANARY);
    expect(said).toContain(REDACTED);
  });

  it.each([
    "",
    "connection refused",
    "the model gpt-5 is overloaded, try again in 20 s",
    "GET https://api.example.com/v1/models?limit=20 answered 503",
    'services.users.instances[1].url must be an http URL: "x"',
    "tokens=12 max_tokens: 100",
    `sk_${"aB3_".repeat(6)}: ci, acme`,
  ])("leaves alone: %s", (text) => expect(redact(text)).toBe(text));

  it("is linear, also where nothing ends", () => {
    for (const piece of ["Bearer ", "eyJaaaa.", "sk-", "a=", '"', "://a:", "key='", "x-api-key: ", "a-", "\t "]) {
      const long = piece.repeat(100_000 / piece.length);
      const from = performance.now();
      redact(long);
      expect(performance.now() - from, piece).toBeLessThan(500);
    }
  });

  it("a thrown value is told with its place, and without what it quotes", () => {
    const said = described(new TypeError(`Invalid URL: https://x?api_key=${CANARY}`));
    expect(said).toContain("TypeError");
    expect(said).toContain("redact.test");
    expect(said).not.toContain(CANARY);
    expect(described(`Bearer ${CANARY}`)).toBe(REDACTED);
    expect(described(undefined)).toBe("undefined");
  });

  it("names are known however they are written", () => {
    for (const name of ["X-API-Key", "x_api_key", "apiKey", "API-KEY", "Authorization", "Set-Cookie", "access_token"])
      expect(isSecretName(name)).toBe(true);
    for (const name of ["model", "max_tokens", "keyboard", ""]) expect(isSecretName(name)).toBe(false);
  });
});

it.each([
  ["https://a/b?api_key=1", true],
  ["https://a/b?x=1&access-token=2", true],
  ["https://a/b?x=1&Signature=2&y=3", true],
  ["https://a/b?keyword=monkey", false],
  ["https://a/b?token", false],
  ["https://a/token=1", false],
  ["", false],
])("a query that holds a secret: %s", (url, holds) => expect(queryHoldsSecret(url)).toBe(holds));
