// npm run soak: the gateway under mixed load while upstreams, objects, KV, Redis and whole processes fail, and its promises checked against a
// history of all that was said. See --help, and docs/reliability.md for the method and the latest report.
import { runSoakCommand } from "./soak/command.ts";

process.exitCode = await runSoakCommand(process.argv.slice(2), {
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
  folder: process.env["INIT_CWD"] ?? process.cwd(),
});
// Miniflare and the door keep timers of their own.
process.exit();
