// Tokens that are wrong in every way there is, over HTTP: each of them is 401, none reaches the upstream. The vectors proper are
// the verifier's own tests (test/core/security/jws.test.ts); here stands what the gateway makes of them.
import { afterAll, beforeAll, expect, it } from "vitest";
import { bearer, issuer, requiring, startIssuer } from "../support/identity.ts";
import type { Issuing } from "../support/identity.ts";
import { expectProblem } from "../support/problem.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { b64, claimsOf, hmacSigner, newSigner, signWith, tokenOf } from "../support/tokens.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const rsa = newSigner("RS256", { kid: "rsa" });
const ec = newSigner("ES256", { kid: "ec" });
const ed = newSigner("EdDSA", { kid: "ed" });
const signers = [rsa, ec, ed];

let rig: Rig;
let upstream: Upstream;
let issuing: Issuing;
beforeAll(async () => {
  upstream = await startUpstream({ body: "ok" });
  issuing = await startIssuer(signers.map(({ jwk }) => jwk));
  rig = await startRig({ policy: requiring(upstream, { jwt: { issuers: [issuer(issuing)] } }) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
  await issuing?.upstream.close();
});

/** By what is wrong with them. */
function* wrongTokens(): Generator<[string, string]> {
  for (const signer of signers) {
    const { alg } = signer;
    const good = tokenOf(signer, claimsOf());
    const [head, body, signature] = good.split(".") as [string, string, string];
    const data = `${head}.${body}`;
    for (const [index, part] of [head, body, signature].entries()) {
      const variants: [string, string][] = [
        ["padding", `${part}=`],
        ["double padding", `${part}==`],
        ["a plus", `${part.slice(0, 4)}+${part.slice(5)}`],
        ["a slash", `${part.slice(0, 4)}/${part.slice(5)}`],
        ["a percent", `${part.slice(0, 4)}%41${part.slice(4)}`],
        ["an odd letter", `${part}A`],
        ["a letter less", part.slice(0, -1)],
        ["nothing", ""],
      ];
      for (const [what, changed] of variants) {
        const parts = [head, body, signature];
        parts[index] = changed;
        yield [`${alg}: ${what} in segment ${index + 1}`, parts.join(".")];
      }
    }
    yield [`${alg}: two segments`, data];
    yield [`${alg}: four segments`, `${good}.${signature}`];
    yield [`${alg}: an end that is open`, `${good}.`];
    yield [`${alg}: JSON serialisation`, JSON.stringify({ protected: head, payload: body, signature })];
    yield [`${alg}: another payload`, `${head}.${b64(JSON.stringify(claimsOf({ sub: "mallory" })))}.${signature}`];
    yield [`${alg}: another's key`, tokenOf({ ...newSigner(alg), jwk: signer.jwk }, claimsOf())];
    yield [`${alg}: a kid of nobody`, tokenOf(signer, claimsOf(), { kid: "nobody" })];
    yield [`${alg}: zeros for a signature`, `${data}.${b64(Buffer.alloc(Buffer.from(signature, "base64url").length))}`];
    yield [
      `${alg}: alg twice`,
      tokenOf(signer, claimsOf(), `{"alg":"none","alg":"${alg}","kid":"${String(signer.jwk["kid"])}"}`),
    ];
    yield [`${alg}: a claim twice`, tokenOf(signer, JSON.stringify(claimsOf()).replace("{", '{"sub":"mallory",'))];
    yield [`${alg}: claims that are a list`, tokenOf(signer, [claimsOf()])];
    yield [`${alg}: claims that are no JSON`, tokenOf(signer, "sub=alice")];
    yield [`${alg}: claims that are no UTF-8`, tokenOf(signer, Buffer.from([0x7b, 0xff, 0x7d]))];
    yield [`${alg}: lower case`, tokenOf(signer, claimsOf(), { alg: alg.toLowerCase() })];
    yield [`${alg}: 17 KB`, tokenOf(signer, claimsOf({ x: "x".repeat(13_000) }))];
    for (const other of ["RS256", "RS384", "PS256", "ES256", "ES384", "EdDSA", "HS256"]) {
      if (other !== alg) yield [`${alg}: says it is ${other}`, tokenOf(signer, claimsOf(), { alg: other })];
    }
  }
  const data = `${b64('{"alg":"PS256","kid":"rsa"}')}.${b64(JSON.stringify(claimsOf()))}`;
  yield ["a key of RS256 used for PS256", `${data}.${b64(signWith("PS256", rsa.privateKey!, data))}`];
  yield ["a secret nobody has given", tokenOf(hmacSigner("HS256", Buffer.alloc(32), "rsa"), claimsOf())];
  yield ["no token", "x"];
  yield ["dots", "..."];
}

it("A31: good tokens of each kind pass", async () => {
  for (const signer of signers) expect((await bearer(rig.g1, tokenOf(signer, claimsOf()))).status).toBe(200);
  expect(upstream.count).toBe(signers.length);
});

it("A31: every other is 401 and reaches nobody", async () => {
  upstream.clear();
  const passed: string[] = [];
  let count = 0;
  for (const [what, token] of wrongTokens()) {
    count++;
    const answer = await bearer(rig.g1, token);
    if (answer.status !== 401) passed.push(`${what}: ${answer.status}`);
    else expectProblem(answer, 401);
  }
  expect(passed).toEqual([]);
  expect(count).toBeGreaterThan(120);
  expect(upstream.count).toBe(0);
});
