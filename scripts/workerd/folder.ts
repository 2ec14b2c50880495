// Writes the folder: the two Workers, the configuration, the dashboard, the policy, and what starts it (a script, a
// Dockerfile, a compose file). Whatever state a gateway has left in `data` stays as it is.
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { unstable_readConfig } from "wrangler";
import { bundleWorker, configPath } from "../bundle.ts";
import { buildDashboard } from "../dashboard/build.ts";
import { configuration, type FolderSettings, type ViaTarget } from "./configuration.ts";
import { composeFile, dockerfile, dockerIgnore, environmentFile, readme, runScript } from "./texts.ts";

/** The workerd that is tried here, and that the folder asks for. */
function workerdVersion(): string {
  const miniflare = createRequire(createRequire(import.meta.url).resolve("miniflare"));
  return (miniflare("workerd/package.json") as { version: string }).version;
}

export async function buildFolder(settings: FolderSettings): Promise<void> {
  const { folder, secrets } = settings;
  mkdirSync(path.join(folder, "data"), { recursive: true });
  const [worker, store] = await Promise.all([
    bundleWorker(),
    bundleWorker("scripts/workerd/store.ts"),
    buildDashboard(path.join(folder, "dashboard")),
  ]);
  const config = unstable_readConfig({ config: configPath }, { hideWarnings: true });
  const objects = (config.durable_objects.bindings as readonly { name: string; class_name: string }[]).map(
    ({ name, class_name }) => ({ binding: name, className: class_name }),
  );
  const variables = ["ADMIN_TOKEN", "REGION_NAME", ...secrets];
  const { version, text } = { version: workerdVersion(), text: { settings, variables } };
  const files: Record<string, string> = {
    "worker.js": worker,
    "store.js": store,
    "policy.json": settings.policy,
    "config.capnp": configuration({
      compatibilityDate: config.compatibility_date ?? "",
      compatibilityFlags: config.compatibility_flags,
      objects,
      variables,
      via: settings.via.map((target) => besides(folder, target)),
      address: settings.address,
      allowPrivate: settings.allowPrivate,
      behindProxy: settings.behindProxy,
    }),
    Dockerfile: dockerfile(version, settings.port),
    ".dockerignore": dockerIgnore,
    "compose.yaml": composeFile(settings.port, variables),
    ".env.example": environmentFile(variables),
    "README.md": readme(text.settings, variables, version),
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(path.join(folder, name), content);
  writeFileSync(path.join(folder, "run.sh"), runScript(version), { mode: 0o755 });
}

/** Certificates lie beside the configuration, which embeds them. */
function besides(folder: string, target: ViaTarget): ViaTarget {
  const copied = (file: string, kind: string): string => {
    const name = `${target.name.toLowerCase()}-${kind}.pem`;
    copyFileSync(file, path.join(folder, name));
    return name;
  };
  const { certificate, authority } = target;
  return {
    ...target,
    certificate: certificate && { cert: copied(certificate.cert, "cert"), key: copied(certificate.key, "key") },
    authority: authority && copied(authority, "ca"),
  };
}
