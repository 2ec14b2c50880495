import { expect, it } from "vitest";
import { unstable_readConfig } from "wrangler";
import { configPath } from "../../../scripts/bundle.ts";
import { namedBindings } from "../../../worker/core/policy/bindings.ts";
import { parsePolicy } from "../../../worker/core/policy/parse.ts";
import { OWN_BINDINGS } from "../../../worker/core/protocol/fields.ts";

const service = (via: string): string =>
  JSON.stringify({ services: { web: { instances: [{ id: "a", url: "http://web", via }] } } });

it("finds every binding a policy sends requests through, and where", () => {
  const parsed = parsePolicy(
    JSON.stringify({
      services: {
        web: {
          instances: [
            { id: "a", url: "http://web", via: "WEB" },
            { id: "b", url: "http://web" },
          ],
        },
      },
      providers: { own: { adapter: "vllm", baseUrl: "http://gpu:8000/v1", via: "GPU_NET" } },
    }),
  );
  expect(parsed.ok && namedBindings(parsed.value)).toEqual([
    { path: "services.web.instances[0].via", name: "WEB" },
    { path: "providers.own.via", name: "GPU_NET" },
  ]);
});

it.each([...OWN_BINDINGS, "web", "WEB-1", "1WEB", ""])("refuses %j as the binding of an upstream", (via) => {
  const parsed = parsePolicy(service(via));
  expect(parsed.ok ? [] : parsed.error.map(({ path }) => path)).toEqual(["services.web.instances[0].via"]);
});

it("knows every binding that wrangler.toml declares as the gateway's own", () => {
  const config = unstable_readConfig({ config: configPath });
  const objects = (config.durable_objects.bindings as readonly { name: string }[]).map(({ name }) => name);
  const stores = (config.kv_namespaces as readonly { binding: string }[]).map(({ binding }) => binding);
  const assets = config.assets?.binding ?? [];
  const declared = [...objects, ...stores, ...Object.keys(config.vars), ...[assets].flat()];
  for (const name of declared) expect(OWN_BINDINGS).toContain(name);
  expect(declared.length).toBeGreaterThan(7);
});
