// The lines of wrangler.toml that docs/deployment.md shows, put behind the file as it is and read by the real wrangler: each
// must be taken, and each binding be among those that the Worker would have.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { configPath, root } from "../../../scripts/bundle.ts";
import { wrangler } from "../../../scripts/deploy/wrangler.ts";

it("wrangler takes the lines that the documentation shows", async () => {
  const page = readFileSync(path.join(root, "docs", "deployment.md"), "utf8");
  const shown = [...page.matchAll(/^```toml\n([^]*?)^```$/gm)].map(([, lines]) => lines!);
  expect(shown.length).toBeGreaterThanOrEqual(5);
  const folder = mkdtempSync(path.join(os.tmpdir(), "sluice-toml-"));
  // Beside the file itself, for paths in it are relative to where it lies.
  const file = path.join(root, `.wrangler-documented-${process.pid}.toml`);
  try {
    writeFileSync(file, [readFileSync(configPath, "utf8"), ...shown].join("\n"));
    const quiet = { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_HIDE_BANNER: "true" };
    const dryRun = await wrangler(quiet)(["deploy", "--dry-run", "--config", file, "--env", "", "--outdir", folder]);
    expect([dryRun.code, dryRun.stderr]).toEqual([0, ""]);
    const bindings = ["KV", "SERVICE", "REGION", "CONTROL", "INSIGHT", "LIMITER", "BATCH"];
    for (const name of [...bindings, "ANALYTICS", "ORDERS", "OFFICE", "LEGACY_CERT"]) {
      expect(dryRun.stdout).toContain(`env.${name} `);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(file, { force: true });
  }
}, 60_000);
