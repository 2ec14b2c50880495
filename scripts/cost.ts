// npm run cost: what a million requests cost. See --help, and docs/cost.md.
import { runCost } from "./cost/command.ts";

process.exitCode = runCost(process.argv.slice(2), {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
  folder: process.env["INIT_CWD"] ?? process.cwd(),
});
