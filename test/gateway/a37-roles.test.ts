// Every endpoint of the admin API, asked by nobody and by each role, with keys and with tokens, over HTTP.
import { afterAll, beforeAll, expect, it } from "vitest";
import { NEEDS, ROLES } from "../../worker/admin/access.ts";
import { anySigner, issuer, requiring, startIssuer } from "../support/identity.ts";
import type { Issuing } from "../support/identity.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { claimsOf, tokenOf } from "../support/tokens.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const own = anySigner();
let rig: Rig;
let upstream: Upstream;
let issuing: Issuing;
let policy: ReturnType<typeof requiring>;
beforeAll(async () => {
  upstream = await startUpstream({ body: "ok" });
  issuing = await startIssuer([own.jwk]);
  policy = requiring(upstream, { jwt: { issuers: [issuer(issuing)] }, apiKeys: {} });
  rig = await startRig({ policy });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
  await issuing?.upstream.close();
});

const ask = async (name: string, authorization: string | undefined): Promise<number> => {
  const [method = "", path = ""] = name.split(" ");
  const target = path
    .replace(":name", "web")
    .replace(":action", "nothing:at-all")
    .replace(":id", `sk_${"A".repeat(24)}`);
  const answer = await fetch(`${rig.g1}/_sluice${target}`, {
    method,
    headers: authorization === undefined ? {} : { authorization },
    ...(method === "GET" || method === "DELETE" ? {} : { body: "{" }),
  });
  await answer.body?.cancel();
  return answer.status;
};

async function keyOf(...roles: string[]): Promise<string> {
  const answer = await rig.admin("keys", { method: "POST", body: JSON.stringify({ name: "robot", roles }) });
  expect(answer.status, await answer.clone().text()).toBe(201);
  return ((await answer.json()) as { key: string }).key;
}

it("A37: every endpoint × {nobody, viewer, operator, admin}", async () => {
  const bearers = new Map<string, string[]>();
  for (const role of ROLES) {
    bearers.set(role, [
      await keyOf(`sluice:${role}`),
      tokenOf(own, claimsOf({ roles: [`sluice:${role}`] })),
      tokenOf(own, claimsOf({ permissions: `other sluice:${role}` })),
    ]);
  }
  const strangers = [
    await keyOf(),
    await keyOf("admin", "viewer"),
    tokenOf(own, claimsOf({ roles: ["sluice", "admin"] })),
  ];
  const wrong: string[] = [];
  const check = (what: string, got: number, expected: boolean): void => {
    if (!expected) wrong.push(`${what}: ${got}`);
  };
  for (const [name, needed] of Object.entries(NEEDS)) {
    for (const none of [
      undefined,
      "",
      "Bearer",
      "Bearer x",
      "Basic YWRtaW46YWRtaW4=",
      `Bearer ${tokenOf(own, claimsOf({ aud: "x" }))}`,
    ]) {
      const got = await ask(name, none);
      check(`${name} by ${none ?? "nobody"}`, got, got === 401);
    }
    for (const token of strangers) {
      const got = await ask(name, `Bearer ${token}`);
      check(`${name} by a stranger`, got, got === 403);
    }
    for (const [role, tokens] of bearers) {
      const may = ROLES.indexOf(role as (typeof ROLES)[number]) >= ROLES.indexOf(needed);
      for (const token of tokens) {
        const got = await ask(name, `Bearer ${token}`);
        check(`${name} by ${role}`, got, may ? got !== 401 && got !== 403 : got === 403);
      }
    }
  }
  expect(wrong).toEqual([]);
});

it("A37: no way in but the header, and what is not there is not found for an admin, and nobody else's business", async () => {
  const key = await keyOf("sluice:admin");
  const without = async (target: string, headers: Record<string, string> = {}): Promise<number> => {
    const answer = await fetch(`${rig.g1}/_sluice/admin/${target}`, { headers });
    await answer.body?.cancel();
    return answer.status;
  };
  expect(await without(`policy?api_key=${key}`)).toBe(401);
  expect(await without(`policy?access_token=${key}`)).toBe(401);
  expect(await without("policy", { "x-api-key": key })).toBe(401);
  expect(await without("policy", { cookie: `token=${key}; authorization=Bearer ${key}` })).toBe(401);
  expect(await without("nothing")).toBe(401);
  expect(await without("nothing", { authorization: `Bearer ${key}` })).toBe(404);
  expect(await without("policy", { authorization: `Bearer ${key}` })).toBe(200);
});

it("the audit log names who it was, and a revoked key is no admin any more", async () => {
  const key = await keyOf("sluice:admin");
  const id = key.split(".")[0]!;
  const authorization = `Bearer ${key}`;
  const put = { method: "PUT", body: JSON.stringify({ ...policy, expose: false }) };
  expect((await rig.admin("policy", { ...put, headers: { authorization } })).status).toBe(200);
  const token = tokenOf(own, claimsOf({ sub: "olga", roles: ["sluice:operator"] }));
  await rig.admin("services/web/instances/web-1:reset", {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
  });
  const audit = await (await rig.admin("audit")).text();
  expect(audit).toContain(`key ${id}`);
  expect(audit).toContain("olga");
  expect(audit).toContain("admin token");
  await rig.admin(`keys/${id}`, { method: "DELETE" });
  expect((await rig.admin("policy", { headers: { authorization } })).status).toBe(401);
});
