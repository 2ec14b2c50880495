// What is deployed, in bytes: the bundle raw and compressed, and which library brought how much of it. The latter is read from
// esbuild's comments, which only the same bundle before it is minified has.
import { gzipSync } from "node:zlib";

export interface LibrarySize {
  readonly library: string;
  readonly bytes: number;
}

export interface BundleSize {
  readonly bytes: number;
  readonly gzipBytes: number;
  /** Largest first; our own rooms stand as `sluice/<room>`. */
  readonly libraries: readonly LibrarySize[];
}

/** `node_modules/@scope/name/…` is `@scope/name`; `worker/core/http/…` is `sluice/core`. */
function libraryOf(file: string): string {
  const installed = file.lastIndexOf("node_modules/");
  if (installed >= 0) {
    const [scope, name] = file.slice(installed + "node_modules/".length).split("/");
    return scope!.startsWith("@") ? `${scope}/${name}` : scope!;
  }
  const parts = file.split("/");
  return `sluice/${parts[0] === "worker" && parts.length > 2 ? parts[1] : parts[0]}`;
}

const FILE_COMMENT = /^ *\/\/ ((?:\.\.\/)*[\w.@+/-]+\.(?:ts|tsx|js|mjs|cjs|json))$/;

/** `readable`: before it was minified. */
export function bundleSize(bundle: string, readable: string): BundleSize {
  const libraries = new Map<string, number>();
  let library = "bundler";
  for (const line of readable.split("\n")) {
    const file = FILE_COMMENT.exec(line)?.[1];
    if (file !== undefined) library = libraryOf(file);
    libraries.set(library, (libraries.get(library) ?? 0) + Buffer.byteLength(line) + 1);
  }
  return {
    bytes: Buffer.byteLength(bundle),
    gzipBytes: gzipSync(bundle, { level: 9 }).length,
    libraries: [...libraries].map(([name, bytes]) => ({ library: name, bytes })).sort((a, b) => b.bytes - a.bytes),
  };
}
