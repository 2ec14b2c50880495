// npm run deploy: checks, tries out, deploys, seeds the policy and looks whether the gateway is ready. See --help, and
// docs/deployment.md.
import { runDeploy } from "./deploy/command.ts";

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));

process.exitCode = await runDeploy(process.argv.slice(2), {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
  env: process.env,
});
