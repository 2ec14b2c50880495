// npm start: the gateway on this machine as it would be deployed, in several regions and in front of something real.
// What can be wrong with the question is told before anything heavy is loaded, hence the late imports; then come the
// steps, in order. Law: however this ends, nothing of it is left running (playground/ending.ts, playground/leftovers.ts).
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Demo } from "./playground/demo.ts";
import { demoPolicy } from "./playground/demo/policy.ts";
import { Doors } from "./playground/door.ts";
import { Ending } from "./playground/ending.ts";
import { postGuardian } from "./playground/leftovers.ts";
import { checkPolicy, watchPolicyFile, withProviders } from "./playground/policy-file.ts";
import type { CheckedPolicy } from "./playground/policy-file.ts";
import { Wrong, prepare } from "./playground/question.ts";
import type { Region } from "./playground/regions.ts";
import { Report, examplesFor } from "./playground/report.ts";
import { readSettings } from "./playground/settings.ts";
import type { Settings } from "./playground/settings.ts";

const read = readSettings(process.argv.slice(2), process.env, process.env["INIT_CWD"] ?? process.cwd());
const report = new Report(read.ok && read.value.quiet);
const ending = new Ending((problem) => report.problem(problem));

if (read.ok) {
  ending.listen();
  await start(read.value).catch((error: Error) => {
    // What breaks because everything is being undone is no news.
    if (!ending.isBegun) report.problem(error.message);
    return ending.end(error instanceof Wrong ? 2 : 1);
  });
} else if ("text" in read.error) {
  process.stdout.write(read.error.text);
} else {
  report.problem(read.error.problem);
  process.exitCode = 2;
}

async function start(settings: Settings): Promise<void> {
  const doors = new Doors();
  ending.undoLater(() => doors.close());
  const question = await prepare(settings, doors);
  const { regions } = question;

  const temporary = mkdtempSync(path.join(os.tmpdir(), "sluice-"));
  // What Miniflare puts aside goes there too, so that one removal is enough.
  process.env["TMPDIR"] = temporary;
  const guardian = postGuardian(temporary);
  ending.undoLater(async () => {
    await guardian.dismiss();
    rmSync(temporary, { recursive: true, force: true });
  });

  const [worker, demo] = await Promise.all([buildWorker(), settings.source.kind === "demo" ? openDemo() : undefined]);
  const declaredToken: unknown = worker.options.bindings?.["ADMIN_TOKEN"];
  const adminToken =
    settings.adminToken ?? (typeof declaredToken === "string" ? declaredToken : randomBytes(24).toString("base64url"));
  await report.step(
    () => `regions are up: ${regions.map(({ name }) => name).join(", ")}`,
    async () => {
      const { startRegions } = await import("./playground/regions.ts");
      const running = startRegions(regions, doors, {
        ...worker,
        adminToken,
        secrets: Object.fromEntries(
          settings.providers.flatMap(({ secret, key }) => (key === undefined ? [] : [[secret, key]])),
        ),
        stateFolder: settings.persist ?? path.join(temporary, "state"),
        registryFolder: path.join(temporary, "registry"),
        onLog: (who, level, message) => report.log(who, level, message),
        onRestart: (who) => report.problem(`${who}: its workerd died and was started again`),
        onFailure: (who, error) => {
          report.problem(`${who}: its workerd died and does not start again: ${error.message}`);
          void ending.end(1);
        },
      });
      ending.undoLater(() => running.dispose());
      ending.takeSignals();
      await running.ready;
    },
  );

  const policy = demo === undefined ? question.policy : demoPolicyOf(demo, regions, settings);
  await handOver(policy, regions, adminToken);
  if (settings.source.kind === "policy" && policy !== undefined) {
    ending.undoLater(follow(settings.source.file, policy, regions, adminToken));
  }
  const kind = demo !== undefined ? "demo" : policy === undefined ? "none" : "own";
  report.ready(regions, adminToken, examplesFor(kind, regions, adminToken));
}

function buildWorker() {
  return report.step(
    ({ script }) => `the Worker is built: ${Math.round(script.length / 1024)} KiB`,
    async () => {
      const [{ bundleWorker, workerOptions }, { bindDashboard }] = await Promise.all([
        import("./bundle.ts"),
        import("./dashboard/build.ts"),
      ]);
      const [script, files] = await Promise.all([bundleWorker(), bindDashboard()]);
      const options = workerOptions();
      return { script, options: { ...options, serviceBindings: { ...options.serviceBindings, ...files } } };
    },
  );
}

function openDemo(): Promise<Demo> {
  return report.step(
    ({ instances }) => `demo services are up: ${[...new Set(instances.map(({ service }) => service))].join(", ")}`,
    async () => {
      const { startDemo } = await import("./playground/demo.ts");
      const demo = await startDemo();
      ending.undoLater(() => demo.close());
      return demo;
    },
  );
}

function demoPolicyOf({ instances }: Demo, regions: readonly Region[], { providers }: Settings): CheckedPolicy {
  const checked = checkPolicy(JSON.stringify(withProviders(demoPolicy(instances, regions), providers)));
  if (!checked.ok) throw new TypeError(`the demo's policy is not valid: ${checked.error}`);
  return checked.value;
}

/** Until every region obeys the policy; without one, until every region lives. */
async function handOver(policy: CheckedPolicy | undefined, regions: readonly Region[], token: string): Promise<void> {
  const { publish, untilAlive } = await import("./playground/handover.ts");
  const origins = regions.map(({ origin }) => origin);
  if (policy === undefined)
    await report.step(
      () => "every region answers",
      () => untilAlive(origins),
    );
  else {
    await report.step(
      (generation) => `the policy is in force in every region: generation ${generation}`,
      () => publish(policy.text, origins, token),
    );
  }
}

/** Takes every valid change of the file over, one after the other; says of any other what is wrong, and the last good stays. */
function follow(file: string, policy: CheckedPolicy, regions: readonly Region[], token: string): () => void {
  let turn = Promise.resolve();
  const refused = (why: string): void => report.problem(`${file} is not taken over, the last good one stays: ${why}`);
  return watchPolicyFile(file, policy.text, (read) => {
    if (!read.ok) refused(read.error);
    else turn = turn.then(() => handOver(read.value, regions, token)).catch((error: Error) => refused(error.message));
  });
}
