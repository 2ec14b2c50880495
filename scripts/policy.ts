// npm run policy -- <command>: see scripts/policy/commands.ts, or --help.
import { runPolicy } from "./policy/commands.ts";

// Whoever reads may stop reading, as `head` does: there is nobody left to tell.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

process.exitCode = await runPolicy(process.argv.slice(2), {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
  env: process.env,
});
