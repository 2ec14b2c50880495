// Global setup of the gateway tests: the Worker is bundled once a run, and every rig starts from that one file.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { V4WorkerOptionsShape } from "miniflare";
import type { TestProject } from "vitest/node";
import { bundleWorker, workerOptions } from "../../scripts/bundle.ts";

declare module "vitest" {
  export interface ProvidedContext {
    gateway: { scriptPath: string; options: V4WorkerOptionsShape };
  }
}

export default async function bundleOnce(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "sluice-test-"));
  const scriptPath = path.join(folder, "gateway.mjs");
  writeFileSync(scriptPath, await bundleWorker());
  project.provide("gateway", { scriptPath, options: workerOptions() });
  return () => rmSync(folder, { recursive: true, force: true });
}
