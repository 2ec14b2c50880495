// Identity beside the numbered scenarios: one fetch for a cold crowd, 503 where no key was ever seen, who the upstream is told,
// several issuers' namesakes, and Cloudflare Access by its rules.
import { afterEach, expect, it } from "vitest";
import type { WrittenPolicy } from "../../worker/core/policy/schema.ts";
import { get, send } from "../support/client.ts";
import { anySigner, bearer, issuer, keySet, macOf, requiring, startIssuer } from "../support/identity.ts";
import type { Issuing } from "../support/identity.ts";
import { expectProblem } from "../support/problem.ts";
import { startRig } from "../support/rig.ts";
import type { Rig, RigOptions } from "../support/rig.ts";
import { claimsOf, newSigner, tokenOf } from "../support/tokens.ts";
import type { Signer } from "../support/tokens.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const own = anySigner();
let rig: Rig;
let upstream: Upstream;
let issuing: Issuing;
afterEach(async () => {
  await rig?.close();
  await upstream?.close();
  await issuing?.upstream.close();
});

type Security = NonNullable<WrittenPolicy["security"]>;

async function stand(
  security: (issuing: Issuing) => Security,
  route: Parameters<typeof requiring>[2] = {},
  options: RigOptions = {},
): Promise<void> {
  upstream = await startUpstream({ body: "ok" });
  issuing = await startIssuer([own.jwk]);
  rig = await startRig({ policy: requiring(upstream, security(issuing), route), ...options });
}

it("thirty cold requests with thirty tokens make one fetch of the key set", async () => {
  await stand((from) => ({ jwt: { issuers: [issuer(from)] } }));
  issuing.upstream.play(async (exchange) => {
    await exchange.wait(300);
    return keySet(issuing.keys);
  });
  const tokens = Array.from({ length: 30 }, (_, at) => tokenOf(own, claimsOf({ jti: String(at) })));
  const answers = await Promise.all(tokens.map((token) => bearer(rig.g1, token)));
  expect(answers.map(({ status }) => status)).toEqual(Array<number>(30).fill(200));
  expect(issuing.upstream.count).toBe(1);
  // Ten unknown keys ask once more, and then not again for ten seconds.
  const unknown = newSigner("ES256", { kid: "unknown" });
  for (let at = 0; at < 10; at++)
    expect((await bearer(rig.g1, tokenOf(unknown, claimsOf({ jti: `u${at}` })))).status).toBe(401);
  expect(issuing.upstream.count).toBeLessThanOrEqual(2);
});

it("no key set was ever loaded: 503 for everybody where identity is needed, and the issuer's return is noticed", async () => {
  await stand((from) => ({ jwt: { issuers: [issuer(from, { jwks: { timeoutMs: 500 } })] } }));
  issuing.upstream.play({ status: 500 });
  const good = tokenOf(own, claimsOf());
  for (const answer of [await bearer(rig.g1, good), await send(rig.g1), await bearer(rig.g1, good)]) {
    const problem = expectProblem(answer, 503);
    expect(problem.type).toContain("identity_unavailable");
    expect(Number(answer.header("retry-after"))).toBeGreaterThanOrEqual(1);
  }
  expect(upstream.count).toBe(0);
  expect((await bearer(rig.g1, "x.y.z")).status).toBe(401);
  issuing.upstream.play(() => keySet(issuing.keys));
  await expect.poll(async () => (await bearer(rig.g1, good)).status, { timeout: 5_000, interval: 200 }).toBe(200);
  expect((await send(rig.g1)).status).toBe(401);
});

it("a key set at a private address is not asked where that is not allowed", async () => {
  await stand((from) => ({ jwt: { issuers: [issuer(from)] } }));
  const port = issuing.upstream.port;
  await rig.close();
  rig = await startRig({ vars: { ALLOW_PRIVATE: "false" } });
  const refused = await rig.admin("policy", {
    method: "PUT",
    body: JSON.stringify(requiring(upstream, { jwt: { issuers: [issuer(issuing)] } })),
  });
  expect(refused.status).toBe(422);
  expect(await refused.text()).toContain("security.jwt.issuers[0].jwksUrl");
  expect(port).toBeGreaterThan(0);
  expect(issuing.upstream.count).toBe(0);
});

it("upstreams are told who it is, in fields no client can write, signed", async () => {
  const security = (from: Issuing): Security => ({
    jwt: { issuers: [issuer(from)] },
    identityHeaders: { key: { secret: "SIGNING" } },
  });
  await stand(security, { auth: "optional" }, { vars: { SIGNING: "a signing key" } });
  const forged = {
    "X-Sluice-User": "root",
    "x-sluice-tenant": "all",
    "X-SLUICE-ROLES": "admin",
    "X-Sluice-Signature": "t=1,v1=x",
  };
  await get(rig.g1, "/nobody", forged);
  for (const name of Object.keys(forged)) expect(upstream.last.header(name)).toBeUndefined();
  const token = tokenOf(own, claimsOf({ sub: "älice, %", tenant: "acme", roles: ["a", "b,c"] }));
  for (let at = 0; at < 2; at++) {
    await get(rig.g1, "/somebody", { ...forged, Authorization: `Bearer ${token}` });
    const { last } = upstream;
    expect(last.all("x-sluice-user")).toEqual(["%C3%A4lice%2C%20%25"]);
    expect(last.header("x-sluice-tenant")).toBe("acme");
    expect(last.header("x-sluice-roles")).toBe("a,b%2Cc");
    const [, time, mac] = /^t=(\d+),v1=(\S+)$/.exec(last.header("x-sluice-signature") ?? "") ?? [];
    expect(Math.abs(Number(time) - Date.now() / 1000)).toBeLessThan(120);
    expect(mac).toBe(macOf("a signing key", `${time}\n%C3%A4lice%2C%20%25\nacme\na,b%2Cc`));
    // A token is not the gateway's alone.
    expect(last.header("authorization")).toBe(`Bearer ${token}`);
  }
});

it("where somebody would merely be liked to be known: nobody is nobody, and a wrong token is refused", async () => {
  await stand((from) => ({ jwt: { issuers: [issuer(from)] } }), { auth: "optional" });
  expect((await send(rig.g1)).status).toBe(200);
  expect((await send(rig.g1, { headers: { Authorization: "Basic eA==" } })).status).toBe(200);
  expect((await bearer(rig.g1, tokenOf(own, claimsOf()))).status).toBe(200);
  expect((await bearer(rig.g1, tokenOf(own, claimsOf({ exp: 1 })))).status).toBe(401);
  expect((await bearer(rig.g1, "x")).status).toBe(401);
});

it("permissions come from the token and from the roles of the policy", async () => {
  const security = (from: Issuing): Security => ({
    jwt: { issuers: [issuer(from, { claims: { permissions: "scope", roles: "realm_access.roles" } })] },
    roles: { reader: ["orders:read"], all: ["orders:*"] },
  });
  await stand(security, { permissions: ["orders:read", "orders:list"] });
  const ask = async (changes: Record<string, unknown>): Promise<number> =>
    (await bearer(rig.g1, tokenOf(own, claimsOf(changes)))).status;
  expect(await ask({})).toBe(403);
  expect(await ask({ scope: "orders:read" })).toBe(403);
  expect(await ask({ scope: "orders:read orders:list" })).toBe(200);
  expect(await ask({ scope: "orders:list", realm_access: { roles: ["reader"] } })).toBe(200);
  expect(await ask({ realm_access: { roles: ["all"] } })).toBe(200);
  expect(await ask({ scope: "*" })).toBe(200);
  expect(await ask({ scope: "orders" })).toBe(403);
});

it("Access: its own field, its own issuer; the same token in Authorization is none", async () => {
  await stand(() => ({ access: { teamDomain: "acme.cloudflareaccess.com", audience: "aud-tag" }, apiKeys: {} }));
  const token = tokenOf(newSigner("RS256"), claimsOf({ iss: "https://acme.cloudflareaccess.com", aud: ["aud-tag"] }));
  expect((await bearer(rig.g1, token)).status).toBe(401);
  expect((await send(rig.g1, { headers: { "Cf-Access-Jwt-Assertion": "x" } })).status).toBe(401);
  expect((await send(rig.g1, { headers: { "Cf-Access-Jwt-Assertion": tokenOf(own, claimsOf()) } })).status).toBe(401);
});

it("Access: what its own keys have signed for this application is let in, and goes no further as what it was", async () => {
  const [key, next, stranger] = ["one", "two", "one"].map((kid) => newSigner("RS256", { kid })) as [
    Signer,
    Signer,
    Signer,
  ];
  const certs = await startUpstream();
  // As Access publishes them: the current key and the next one, in a set, and as certificates beside it.
  const published = {
    ...{ keys: [key.jwk, next.jwk] },
    public_cert: { kid: "one", cert: "-----BEGIN" },
    public_certs: [],
  };
  certs.play({ headers: { "Content-Type": "application/json" }, body: JSON.stringify(published) });
  const team = "acme.cloudflareaccess.com";
  await stand(
    () => ({ access: { teamDomain: team, audience: "aud-tag" }, identityHeaders: {} }),
    {},
    { hosts: { [team]: certs.origin } },
  );
  const claims = (changes: object = {}) =>
    claimsOf({
      ...{ iss: `https://${team}`, aud: ["aud-tag"], sub: "7335d417-61da-459d-899c-0a01c76a2f94" },
      ...{ email: "alice@example.com", type: "app", country: "DE", identity_nonce: "6ei69kawdKzMIAPF" },
      ...changes,
    });
  const ask = (token: string) =>
    send(rig.g1, { headers: { "Cf-Access-Jwt-Assertion": token, "X-Sluice-User": "root" } });
  for (const signer of [key, next]) {
    const answer = await ask(tokenOf(signer, claims()));
    expect(answer.status, answer.text).toBe(200);
    expect(upstream.last.all("x-sluice-user")).toEqual(["alice@example.com"]);
  }
  expect(certs.requests.map(({ target }) => target)).toEqual(["/cdn-cgi/access/certs"]);
  const passed = upstream.count;
  const refused: [Signer, object][] = [
    [stranger, {}],
    [key, { aud: ["another-app"] }],
    [key, { aud: undefined }],
    [key, { iss: "https://other.cloudflareaccess.com" }],
    [key, { exp: Math.floor(Date.now() / 1_000) - 61 }],
  ];
  for (const [signer, changes] of refused) expect((await ask(tokenOf(signer, claims(changes)))).status).toBe(401);
  // It is Access's own field, or nothing.
  expect((await bearer(rig.g1, tokenOf(key, claims()))).status).toBe(401);
  expect(upstream.count).toBe(passed);
  await certs.close();
});

it("nobody can be known: a route that needs somebody answers 503, one that does not passes", async () => {
  await stand(() => ({}));
  expect((await bearer(rig.g1, tokenOf(own, claimsOf()))).status).toBe(503);
  expect((await send(rig.g1)).status).toBe(503);
  expect(upstream.count).toBe(0);
});
