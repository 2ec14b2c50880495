// The Worker as one module, and its settings, for everything that runs it on this machine: the playground, the
// test rig, the benchmark. Law: nothing stands twice. Entry, compatibility date, flags, vars, bindings and build
// options are read from wrangler.toml by wrangler itself, and esbuild gets the settings `wrangler deploy` gives it,
// so what is tried here is what is deployed.
import { build } from "esbuild";
import type { V4WorkerOptionsShape } from "miniflare";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { unstable_getMiniflareWorkerOptions, unstable_readConfig } from "wrangler";
import type { Unstable_Config } from "wrangler";

/** The checkout: every relative path of ours starts here, wherever the command was given. */
export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** Where wrangler.toml stands. */
export const configPath = path.join(root, "wrangler.toml");

let config: Unstable_Config | undefined;
const readConfig = (): Unstable_Config => (config ??= unstable_readConfig({ config: configPath }));

/**
 * One ES module, as a string. `entry` (default: wrangler.toml's `main`) is resolved against the checkout.
 * `readable`: not minified, whatever is deployed, for whoever looks into it. Throws esbuild's BuildFailure, whose message names file and line.
 */
export async function bundleWorker(entry?: string, readable = false): Promise<string> {
  const { main, minify, keep_names, define, alias } = readConfig();
  const result = await build({
    entryPoints: [entry ?? main ?? "worker/index.ts"],
    absWorkingDir: root,
    bundle: true,
    write: false,
    format: "esm",
    // From here on: wrangler's own choices (its deployment bundler), so that both bundles are the same program.
    target: "es2024",
    supported: { "import-source": true, using: true },
    loader: { ".js": "jsx", ".mjs": "jsx", ".cjs": "jsx" },
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    keepNames: keep_names ?? true,
    minify: !readable && (minify ?? false),
    alias: alias ?? {},
    define: {
      "navigator.userAgent": '"Cloudflare-Workers"',
      "process.env.NODE_ENV": '"production"',
      "global.process.env.NODE_ENV": '"production"',
      "globalThis.process.env.NODE_ENV": '"production"',
      ...define,
    },
    logLevel: "silent",
  });
  const [module] = result.outputFiles;
  if (module === undefined) throw new TypeError("esbuild wrote no module");
  return module.text;
}

/**
 * Settings of the Worker as Miniflare's v4 options take them, everything but the script itself: compatibility date and
 * flags, vars, KV namespaces and Durable Objects of wrangler.toml (and of `.dev.vars`, where there is one). Fresh on every
 * call, so that a caller may change its copy:
 * `new Miniflare(convertV4MiniflareOptions({ ...workerOptions(), modules: true, script: await bundleWorker() }))`.
 */
export function workerOptions(): V4WorkerOptionsShape {
  // Without the dashboard's files: whoever made them binds them (scripts/dashboard/build.ts). A router in front of the Worker,
  // as assets bring it along, would keep the bytes of requests from arriving as they were sent.
  const { modulesRules: _, assets: __, ...options } = unstable_getMiniflareWorkerOptions(readConfig()).workerOptions;
  // Else Miniflare would rewrite the fields of every outgoing request, and upstreams would see a CF-Worker of its own.
  return { ...options, stripCfConnectingIp: false };
}
