// Makes the dashboard's files: one script and one sheet by esbuild, the page, the icon, the world as one path, and the OpenAPI document,
// which the admin API hands out. Law: a file is written whole or not at all and only when it changed, so that two builds at once, and a
// gateway that reads meanwhile, never meet half of one.
import { build } from "esbuild";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { root } from "./place.ts";
import { world } from "./world.ts";

export interface BuiltFile {
  readonly name: string;
  readonly bytes: number;
  readonly gzipBytes: number;
}

const source = path.join(root, "worker", "dashboard");
export const folder = path.join(root, "dist", "dashboard");

/** Makes the files and binds them, as a service of Miniflare or workerd: a folder, without a router in front of the Worker. */
export async function bindDashboard(to = folder): Promise<{ ASSETS: { disk: { path: string; writable: boolean } } }> {
  await buildDashboard(to);
  return { ASSETS: { disk: { path: to, writable: false } } };
}

/** Throws esbuild's BuildFailure, whose message names file and line. */
export async function buildDashboard(to: string): Promise<BuiltFile[]> {
  const { outputFiles } = await build({
    entryPoints: [
      { in: path.join(source, "main.tsx"), out: "app" },
      { in: path.join(source, "style.css"), out: "app" },
    ],
    absWorkingDir: root,
    outdir: to,
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    // Browsers of the last three years or so.
    target: ["chrome123", "firefox120", "safari17.5"],
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "eof",
    logLevel: "silent",
  });
  const files = new Map<string, Uint8Array>(outputFiles.map((file) => [path.basename(file.path), file.contents]));
  for (const name of ["index.html", "icon.svg"]) files.set(name, readFileSync(path.join(source, name)));
  files.set("world.json", new TextEncoder().encode(JSON.stringify({ land: world() })));
  const document = readFileSync(path.join(root, "docs", "openapi.json"), "utf8");
  files.set("openapi.json", new TextEncoder().encode(JSON.stringify(JSON.parse(document))));
  mkdirSync(to, { recursive: true });
  return [...files].map(([name, contents]) => {
    put(path.join(to, name), contents);
    return { name, bytes: contents.byteLength, gzipBytes: gzipSync(contents, { level: 9 }).byteLength };
  });
}

function put(file: string, contents: Uint8Array): void {
  try {
    if (readFileSync(file).equals(contents)) return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const aside = `${file}.${process.pid}`;
  writeFileSync(aside, contents);
  renameSync(aside, file);
}
