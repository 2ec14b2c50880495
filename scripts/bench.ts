// npm run bench: the gateway beside a bare pass-through, the honest floor and a Worker that answers from memory, on raw
// workerd, in interleaved rounds. See --help, and docs/performance.md for the method.
import { runBenchCommand } from "./bench/command.ts";

// Ends children too: they are ended when this process exits.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));

process.exitCode = await runBenchCommand(process.argv.slice(2), {
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
  folder: process.env["INIT_CWD"] ?? process.cwd(),
});
