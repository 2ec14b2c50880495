// npm run build:workerd -- --out DIR: a folder that runs the gateway on plain workerd. See --help, and docs/deployment.md.
import { runBuildWorkerd } from "./workerd/command.ts";

process.exitCode = await runBuildWorkerd(process.argv.slice(2), {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
  folder: process.env["INIT_CWD"] ?? process.cwd(),
});
