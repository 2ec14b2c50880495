// npm run sluice -- <command>: see scripts/sluice/program.ts, or --help.
import { runSluice } from "./sluice/program.ts";

// Whoever reads may stop reading, as `head` does: there is nobody left to tell.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

// Files named in arguments are meant from where the command was given; npm runs us in the checkout and says where that was.
const from = process.env["INIT_CWD"];
if (from !== undefined && from !== "") process.chdir(from);

process.exitCode = await runSluice(process.argv.slice(2), {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
  env: process.env,
});
