// npm run simulate: the gateway's own choice and breakers against round robin, random, least connections, P2C, peak EWMA and
// Envoy's outlier ejection, in seeded scenarios. See --help, and docs/simulation for the method and the latest results.
import { runSimulateCommand } from "./simulate/command.ts";

process.exitCode = await runSimulateCommand(process.argv.slice(2), {
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
  isInteractive: process.stderr.isTTY,
  folder: process.env["INIT_CWD"] ?? process.cwd(),
});
