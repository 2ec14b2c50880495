// npm run simulate: the gateway's own choice and breakers against round robin, random, least connections, P2C, peak EWMA and
// Envoy's outlier ejection, in seeded scenarios; `npm run simulate -- cache`: what keeping the cache warm is worth; `npm run
// simulate -- scale`: what the objects carry. See --help, docs/simulation for the method and the latest results, and docs/scale.md.
import { runCacheCommand } from "./simulate/cache/command.ts";
import { runSimulateCommand } from "./simulate/command.ts";
import { runScaleCommand } from "./simulate/scale/command.ts";

const [first, ...others] = process.argv.slice(2);
const terminal = {
  out: (text: string) => process.stdout.write(`${text}\n`),
  err: (text: string) => process.stderr.write(`${text}\n`),
  isInteractive: process.stderr.isTTY,
  folder: process.env["INIT_CWD"] ?? process.cwd(),
};
process.exitCode =
  first === "cache"
    ? await runCacheCommand(others, terminal)
    : first === "scale"
      ? await runScaleCommand(others, terminal)
      : await runSimulateCommand(process.argv.slice(2), terminal);
