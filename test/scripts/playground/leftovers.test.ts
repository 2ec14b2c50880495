// The guardian with a sleeping program in workerd's place: what counts is that it goes when its starter is killed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { claimFolder } from "../../../scripts/playground/claim.ts";
import { gone } from "../../support/processes.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "sluice-leftovers-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const module = new URL("../../../scripts/playground/leftovers.ts", import.meta.url).href;

/** Starts a process with a guardian; answers with it, the pid of its workerd and its folder. */
async function startGuarded() {
  const kept = path.join(folder, "a 'folder'");
  mkdirSync(kept);
  writeFileSync(path.join(kept, "state"), "");
  copyFileSync("/bin/sleep", path.join(folder, "workerd-sleep"));
  const program = `
    import { spawn } from "node:child_process";
    import { postGuardian } from ${JSON.stringify(module)};
    const guardian = postGuardian(${JSON.stringify(kept)});
    const workerd = spawn(${JSON.stringify(path.join(folder, "workerd-sleep"))}, ["600"], { stdio: "ignore" });
    workerd.once("spawn", () => console.log(workerd.pid));
    process.on("SIGTERM", async () => {
      await guardian.dismiss();
      process.exit();
    });
  `;
  const starter = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = (await once(starter.stdout, "data")) as [Buffer];
  return { starter, workerd: Number(String(said)), kept };
}

it("a starter that is killed leaves neither process nor folder", async () => {
  const { starter, workerd, kept } = await startGuarded();
  starter.kill("SIGKILL");
  await gone([workerd]);
  await expect.poll(() => existsSync(kept)).toBe(false);
});

it("a starter that ends in order and dismisses it keeps what it has kept", async () => {
  const { starter, workerd, kept } = await startGuarded();
  starter.kill("SIGTERM");
  await once(starter, "exit");
  expect(existsSync(kept)).toBe(true);
  process.kill(workerd, "SIGKILL");
});

it.runIf(process.platform === "linux")("a folder belongs to one start at a time", async () => {
  const kept = path.join(folder, "kept", "deep");
  expect(await claimFolder(kept)).toBe(true);
  expect(await claimFolder(path.join(kept, "..", "deep"))).toBe(false);
  expect(await claimFolder(path.join(folder, "other"))).toBe(true);
});
