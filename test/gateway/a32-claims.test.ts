// What a token says is judged: from whom, for whom, from when until when. And the keys it is judged with: fetched once for all
// who wait, kept while their issuer is away, changed within ten seconds, refused when they are weak.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { send } from "../support/client.ts";
import { anySigner, bearer, issuer, keySet, requiring, startIssuer } from "../support/identity.ts";
import type { Issuing } from "../support/identity.ts";
import { expectProblem } from "../support/problem.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { AUDIENCE, claimsOf, hmacSigner, ISSUER, newSigner, tokenOf } from "../support/tokens.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const own = anySigner();
const SHARED = "a shared secret of more than 32 bytes";
const OTHER = "https://other.example";

let rig: Rig;
let upstream: Upstream;
let issuing: Issuing;
beforeAll(async () => {
  upstream = await startUpstream({ body: "ok" });
  issuing = await startIssuer([own.jwk]);
  rig = await startRig({ vars: { SHARED_KEY: SHARED }, policy: policy() });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
  await issuing?.upstream.close();
});

const policy = () =>
  requiring(upstream, {
    jwt: {
      issuers: [
        issuer(issuing, { jwks: { refreshSeconds: 600, cooldownSeconds: 1, timeoutMs: 2_000 } }),
        {
          issuer: OTHER,
          audience: ["https://one.example", AUDIENCE],
          algorithms: ["HS256"],
          sharedKey: { secret: "SHARED_KEY" },
          typ: "at+jwt",
          maxAgeSeconds: 600,
          requiredClaims: ["exp", "sub", "scope"],
        },
      ],
    },
  });

const now = (): number => Math.floor(Date.now() / 1000);
const ask = (changes: Record<string, unknown>) => bearer(rig.g1, tokenOf(own, claimsOf(changes)));
const shared = (changes: Record<string, unknown>, header: object = { typ: "at+jwt" }) =>
  bearer(
    rig.g1,
    tokenOf(hmacSigner("HS256", Buffer.from(SHARED)), claimsOf({ iss: OTHER, scope: "a b", ...changes }), header),
  );

const claims: [string, number, () => Record<string, unknown>][] = [
  ["a good token", 200, () => ({})],
  ["over for 61 s", 401, () => ({ exp: now() - 61 })],
  ["over for 30 s", 200, () => ({ exp: now() - 30 })],
  ["not yet good for 61 s", 401, () => ({ nbf: now() + 63 })],
  ["not yet good for 30 s", 200, () => ({ nbf: now() + 30 })],
  ["issued in the future", 401, () => ({ iat: now() + 120 })],
  ["without exp", 401, () => ({ exp: undefined })],
  ["without sub", 401, () => ({ sub: undefined })],
  ["exp a text", 401, () => ({ exp: String(now() + 300) })],
  ["exp null", 401, () => ({ exp: null })],
  ["nbf a text", 401, () => ({ nbf: "0" })],
  ["sub a number", 401, () => ({ sub: 1 })],
  ["of another issuer", 401, () => ({ iss: "https://issuer.example/" })],
  ["of no issuer", 401, () => ({ iss: undefined })],
  ["of a list of issuers", 401, () => ({ iss: [ISSUER] })],
  ["for somebody else", 401, () => ({ aud: "https://elsewhere.example" })],
  ["for nobody", 401, () => ({ aud: undefined })],
  ["for a list without us", 401, () => ({ aud: ["a", "b"] })],
  ["for an empty list", 401, () => ({ aud: [] })],
  ["for a list with us", 200, () => ({ aud: ["a", AUDIENCE] })],
  ["for a list with a number", 401, () => ({ aud: [1, AUDIENCE] })],
  ["roles that are no list", 401, () => ({ roles: { a: 1 } })],
  ["signed by one issuer in the name of another", 401, () => ({ iss: OTHER, scope: "x" })],
];
it.each(claims)("A32: %s → %d", async (_, status, changes) => {
  const answer = await ask(changes());
  expect(answer.status).toBe(status);
  if (status === 401) {
    expectProblem(answer, 401);
    expect(answer.header("www-authenticate")).toBe('Bearer error="invalid_token"');
  }
});

it("A32: without a token the challenge names no error (RFC 6750 §3.1)", async () => {
  const answer = await send(rig.g1);
  expect(answer.status).toBe(401);
  expect(answer.header("www-authenticate")).toBe('Bearer realm="sluice"');
  expect((await send(rig.g1, { headers: { Authorization: "Basic YWxpY2U6eA==" } })).status).toBe(401);
});

it("A32: a second issuer has rules of its own", async () => {
  expect((await shared({})).status).toBe(200);
  expect((await shared({}, { typ: "application/at+JWT" })).status).toBe(200);
  expect((await shared({}, { typ: "JWT" })).status).toBe(401);
  expect((await shared({}, { typ: undefined })).status).toBe(401);
  expect((await shared({ scope: undefined })).status).toBe(401);
  expect((await shared({ exp: now() + 601, iat: now() })).status).toBe(401);
  expect((await shared({ iat: undefined })).status).toBe(401);
  expect((await shared({ iat: now() - 700, exp: now() + 100 })).status).toBe(401);
});

it("a token that has passed is refused when it is over", async () => {
  const token = tokenOf(own, claimsOf({ exp: now() - 58 }));
  expect((await bearer(rig.g1, token)).status).toBe(200);
  await sleep(2_500);
  expect((await bearer(rig.g1, token)).status).toBe(401);
});

it("a new key is found by its name, the old one goes, and an issuer that is away takes nothing away", async () => {
  const next = newSigner("ES256", { kid: "next" });
  issuing.keys = [next.jwk];
  await sleep(1_100);
  expect((await bearer(rig.g1, tokenOf(next, claimsOf()))).status).toBe(200);
  expect((await bearer(rig.g1, tokenOf(own, claimsOf({ jti: "late" })))).status).toBe(401);
  for (const script of [
    { status: 500 },
    { body: "<html>" },
    { body: "{}" },
    keySet([]),
    { status: 302, headers: { Location: "/x" } },
  ]) {
    issuing.upstream.play(script);
    await sleep(1_050);
    // An unknown key asks; what comes is nothing to go by.
    expect((await bearer(rig.g1, tokenOf(newSigner("ES256", { kid: "x" }), claimsOf()))).status).toBe(401);
    expect((await bearer(rig.g1, tokenOf(next, claimsOf({ jti: String(Math.random()) })))).status).toBe(200);
  }
  issuing.upstream.play(() => keySet(issuing.keys));
}, 30_000);

it("weak keys and published private keys are not used, and the report says so", async () => {
  const weak = newSigner("RS256", { bits: 1024, kid: "weak" });
  const leaked = newSigner("ES256", { kid: "leaked" });
  issuing.keys = [own.jwk, weak.jwk, { ...leaked.privateKey!.export({ format: "jwk" }), alg: "ES256", kid: "leaked" }];
  await sleep(1_100);
  expect((await bearer(rig.g1, tokenOf(own, claimsOf({ jti: "w" })))).status).toBe(200);
  for (const signer of [weak, leaked]) expect((await bearer(rig.g1, tokenOf(signer, claimsOf()))).status).toBe(401);
  const report = (await (await rig.admin("security")).json()) as {
    keySets: { refused: { kid: string; problem: string }[] }[];
    counts: Record<string, number>;
  };
  const refused = report.keySets.flatMap((set) => set.refused.map(({ kid }) => kid));
  expect(refused).toEqual(expect.arrayContaining(["weak", "leaked"]));
  expect(report.counts["key_set_problem"]).toBeGreaterThan(0);
  expect(report.counts["credential_refused"]).toBeGreaterThan(20);
});
