// Algorithms a token may not choose (A33), keys it may not bring (A34), and what it may not demand (A35).
import { createPublicKey } from "node:crypto";
import type { JsonWebKey } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bearer, issuer, requiring, startIssuer } from "../support/identity.ts";
import type { Issuing } from "../support/identity.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startSink } from "../support/sink.ts";
import type { Sink } from "../support/sink.ts";
import { b64, claimsOf, hmacSigner, newSigner, tokenOf } from "../support/tokens.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const own = newSigner("RS256");
const publicKey = createPublicKey({ key: own.jwk as JsonWebKey, format: "jwk" });
const pem = String(publicKey.export({ type: "spki", format: "pem" }));

let rig: Rig;
let upstream: Upstream;
let issuing: Issuing;
let sink: Sink;
beforeAll(async () => {
  upstream = await startUpstream({ body: "ok" });
  issuing = await startIssuer([own.jwk]);
  sink = await startSink();
  rig = await startRig({
    vars: { PUBLIC_KEY: pem },
    policy: requiring(upstream, {
      jwt: {
        issuers: [
          issuer(issuing),
          {
            issuer: "https://pem.example",
            audience: "https://api.example",
            algorithms: ["RS256"],
            publicKey: { secret: "PUBLIC_KEY" },
          },
        ],
      },
    }),
  });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
  await issuing?.upstream.close();
  await sink?.close();
});

it("A33: no algorithm, in whatever letters", async () => {
  const body = b64(JSON.stringify(claimsOf()));
  for (const alg of ["none", "None", "nOnE", "NONE", "", undefined, null, 0, "none "]) {
    const head = b64(JSON.stringify({ alg, kid: "key-1" }));
    for (const signature of ["", b64("x"), tokenOf(own, claimsOf()).split(".")[2]!]) {
      expect((await bearer(rig.g1, `${head}.${body}.${signature}`)).status, String(alg)).toBe(401);
    }
  }
  expect((await bearer(rig.g1, tokenOf(own, claimsOf()))).status).toBe(200);
});

it("A33: a public key is no secret, in whatever form, from a set or from a secret", async () => {
  const der = publicKey.export({ type: "spki", format: "der" });
  const pkcs1 = String(publicKey.export({ type: "pkcs1", format: "pem" }));
  const forms: (string | Buffer)[] = [
    pem,
    pem.trimEnd(),
    `${pem}\n`,
    pem.replaceAll("\n", "\r\n"),
    der,
    der.toString("base64"),
    pkcs1,
  ];
  forms.push(
    JSON.stringify(own.jwk),
    JSON.stringify({ keys: [own.jwk] }),
    String(own.jwk["n"]),
    Buffer.from(String(own.jwk["n"]), "base64url"),
  );
  for (const iss of ["https://issuer.example", "https://pem.example"]) {
    for (const form of forms) {
      for (const alg of ["HS256", "HS384", "HS512"]) {
        const forged = tokenOf(hmacSigner(alg, Buffer.from(form)), claimsOf({ iss }));
        expect((await bearer(rig.g1, forged)).status).toBe(401);
      }
    }
  }
  expect((await bearer(rig.g1, tokenOf(own, claimsOf({ iss: "https://pem.example" })))).status).toBe(200);
});

it("A34: a key that a token brings along is neither fetched nor believed", async () => {
  const attacker = newSigner("RS256");
  const url = `${sink.origin}/keys`;
  const headers = [
    { jku: url },
    { x5u: url },
    { jwk: attacker.jwk },
    { jwk: { ...attacker.jwk, kid: "key-1" } },
    { x5c: [b64("certificate")] },
    { jku: url, x5u: url, jwk: attacker.jwk },
  ];
  for (const header of headers) {
    expect((await bearer(rig.g1, tokenOf(attacker, claimsOf(), header))).status).toBe(401);
    expect((await bearer(rig.g1, tokenOf(attacker, claimsOf(), { ...header, kid: url }))).status).toBe(401);
    // Signed well, and still it points elsewhere.
    expect((await bearer(rig.g1, tokenOf(own, claimsOf(), header))).status).toBe(401);
  }
  expect({ connections: sink.connections, bytes: sink.bytes }).toEqual({ connections: 0, bytes: 0 });
});

it("A35: what is critical and not understood", async () => {
  const headers = [
    { crit: ["http://example.com/unknown"], "http://example.com/unknown": 1 },
    { crit: ["exp"], exp: 9_999_999_999 },
    { crit: [] },
    { crit: null },
    { crit: "exp" },
    { crit: ["b64"], b64: true },
    { crit: ["b64"], b64: false },
    { b64: false },
  ];
  for (const header of headers) {
    expect((await bearer(rig.g1, tokenOf(own, claimsOf(), header))).status, JSON.stringify(header)).toBe(401);
  }
  const payload = JSON.stringify(claimsOf());
  const head = b64(JSON.stringify({ alg: "RS256", kid: "key-1", b64: false, crit: ["b64"] }));
  expect((await bearer(rig.g1, `${head}.${payload}.${b64(own.sign(`${head}.${payload}`))}`)).status).toBe(401);
});
