import { describe, expect, it } from "vitest";
import { policyJsonSchema } from "../../../worker/core/policy/jsonschema.ts";
import { parsePolicy } from "../../../worker/core/policy/parse.ts";
import type { Policy, WrittenPolicy } from "../../../worker/core/policy/schema.ts";
import { addressProblem, checkTarget } from "../../../worker/core/policy/targets.ts";

const parsed = (document: WrittenPolicy): Policy => {
  const result = parsePolicy(JSON.stringify(document));
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
};

const PRIVATE = /private, loopback or local/;
const LITERAL = /IP address/;

it("leaves addresses alone that a binding carries", () => {
  const policy = parsed({
    services: {
      web: {
        instances: [
          { id: "bound", url: "http://10.0.0.5", via: "OFFICE" },
          { id: "open", url: "http://10.0.0.6" },
        ],
      },
    },
    providers: { own: { adapter: "vllm", baseUrl: "http://10.0.0.7:8000/v1", via: "OFFICE" } },
  });
  const problems = checkTarget(policy, "cloudflare", { allowPrivate: false });
  expect(problems.map(({ path }) => path)).toEqual(["services.web.instances[1].url"]);
});

describe("an address", () => {
  it.each([
    "http://localhost:3000",
    "http://LOCALHOST./",
    "http://api.localhost",
    "http://127.0.0.1",
    "http://127.1",
    "http://2130706433",
    "http://0x7f.0.0.1",
    "http://0177.0.0.1",
    "http://0",
    "http://10.1.2.3",
    "http://172.31.255.255",
    "http://192.168.0.1",
    "http://169.254.169.254/latest/meta-data",
    "http://100.64.0.1",
    "http://[::1]",
    "http://[::]",
    "http://[::ffff:127.0.0.1]",
    "http://[::ffff:a9fe:a9fe]",
    "http://[::127.0.0.1]",
    "http://[64:ff9b::10.0.0.1]",
    "http://[2002:7f00:1::]",
    "http://[fe80::1]",
    "http://[fd00:ec2::254]",
    "http://[ff02::1]",
    "http://printer.local",
    "http://metadata.google.internal",
    "http://db.internal.",
    "http://router.home.arpa",
    "http://intranet",
    "http://①②⑦.0.0.1",
  ])("%s is inside", (url) => {
    expect(addressProblem(url, "local", { allowPrivate: false })).toMatch(PRIVATE);
    expect(addressProblem(url, "local", { allowPrivate: true })).toBeUndefined();
    expect(addressProblem(url, "cloudflare", { allowPrivate: false })).toMatch(PRIVATE);
  });

  it.each(["http://8.8.8.8", "http://134744072", "http://[2606:4700::1111]", "http://[::ffff:8.8.8.8]"])(
    "%s is public, and no name",
    (url) => {
      expect(addressProblem(url, "local", { allowPrivate: false })).toBeUndefined();
      expect(addressProblem(url, "cloudflare", { allowPrivate: false })).toMatch(LITERAL);
    },
  );

  it.each(["http://10.0.0.1", "http://[::1]:80"])(
    "%s is refused by Cloudflare though private ones are allowed",
    (url) => {
      expect(addressProblem(url, "cloudflare", { allowPrivate: true })).toMatch(LITERAL);
    },
  );

  it.each(["https://api.example.com", "http://1.2.3.4.example.com", "http://local.example.com", "http://10.example"])(
    "%s is fine everywhere",
    (url) => {
      expect(addressProblem(url, "cloudflare", { allowPrivate: false })).toBeUndefined();
    },
  );
});

describe("checkTarget", () => {
  const inside = "http://10.0.0.1";
  const policy = parsed({
    regions: { weur: { latitude: 0, longitude: 0, endpoint: inside } },
    services: {
      a: {
        instances: [
          { id: "ok", url: "https://a.example.com" },
          { id: "bad", url: inside },
        ],
      },
      b: { discovery: { kind: "consul", url: inside, service: "b" } },
      c: { discovery: { kind: "dns", name: "c.example.com", resolver: inside } },
    },
    cache: { redis: { url: inside, token: { secret: "T" } } },
    security: { jwt: { issuers: [{ issuer: "i", audience: "a", algorithms: ["RS256"], jwksUrl: inside }] } },
    providers: { p: { adapter: "openai", baseUrl: inside } },
    notifiers: { n: { kind: "webhook", url: inside }, hidden: { kind: "slack", url: { secret: "HOOK" } } },
    telemetry: { otlp: { url: inside } },
  });

  it("finds every address the gateway would call", () => {
    expect(checkTarget(policy, "cloudflare", { allowPrivate: false }).map(({ path }) => path)).toEqual([
      "regions.weur.endpoint",
      "services.a.instances[1].url",
      "services.b.discovery.url",
      "services.c.discovery.resolver",
      "cache.redis.url",
      "security.jwt.issuers[0].jwksUrl",
      "providers.p.baseUrl",
      "notifiers.n.url",
      "telemetry.otlp.url",
    ]);
  });

  it("knows every field of the schema that takes a URL", () => {
    // Whoever adds one sees this fail, and lists it above and in targets.ts.
    expect([...urlFields()].toSorted()).toEqual([
      "cache.redis.url",
      "notifiers.*.url",
      "providers.*.baseUrl",
      "regions.*.endpoint",
      "security.jwt.issuers.[].jwksUrl",
      "services.*.discovery.resolver",
      "services.*.discovery.url",
      "services.*.instances.[].url",
      "telemetry.otlp.url",
    ]);
  });

  it("finds nothing where private addresses are allowed", () => {
    expect(checkTarget(policy, "local", { allowPrivate: true })).toEqual([]);
  });
});

/** Paths of the published schema at which a URL may stand, `*` for any name. */
function urlFields(): Set<string> {
  const schema = JSON.parse(JSON.stringify(policyJsonSchema())) as Record<string, unknown>;
  const found = new Set<string>();
  const visit = (node: unknown, path: readonly string[]): void => {
    if (typeof node !== "object" || node === null) return;
    for (const [key, value] of Object.entries(node)) {
      if (key === "$ref" && typeof value === "string") {
        const name = value.slice(value.lastIndexOf("/") + 1);
        if (name === "httpUrl" || name === "upstreamUrl") found.add(path.join("."));
        else visit((schema["$defs"] as Record<string, unknown>)[name], path);
      } else if (key === "properties") {
        for (const [name, field] of Object.entries(value as object)) visit(field, [...path, name]);
      } else if (key === "additionalProperties") visit(value, [...path, "*"]);
      else if (key === "items") visit(value, [...path, "[]"]);
      else if (key === "anyOf" || key === "oneOf" || key === "allOf") {
        for (const each of value as unknown[]) visit(each, path);
      } else if (key === "pattern" && String(value).startsWith("^https?:")) found.add(path.join("."));
    }
  };
  visit(schema, []);
  // An origin is compared, never called.
  for (const path of found) if (path.endsWith("origins.[]")) found.delete(path);
  return found;
}
