// sluice: the whole of the command line as one program. Each group of commands stands in a file of its own.
import { Command } from "commander";
import { addChaos } from "../chaos/commands.ts";
import { addExplain, addPolicy } from "../policy/commands.ts";
import { addCache } from "./commands/cache.ts";
import { addInsight } from "./commands/insight.ts";
import { addKeys } from "./commands/keys.ts";
import { addProfile } from "./commands/profile.ts";
import { addScripts } from "./commands/scripts.ts";
import { addServices } from "./commands/services.ts";
import { addStatus } from "./commands/status.ts";
import { runProgram, type Run } from "./run.ts";
import { EXIT_CODES, type Terminal } from "./terminal.ts";

const EXAMPLES = `
Examples:
  npm run sluice -- start
  SLUICE_TOKEN=… npm run sluice -- status
  npm run sluice -- policy push policy.json --note "new route"
  npm run sluice -- cache purge --prefix /api/v1/users
  npm run sluice -- profile add prod --url https://api.example.com
  npm run sluice -- services list --profile prod --json`;

export const runSluice = (args: readonly string[], terminal: Terminal): Promise<number> =>
  runProgram(args, terminal, program);

function program(run: Run): Command {
  const sluice = new Command("sluice")
    .description("Runs, asks and commands a Sluice gateway.")
    // Options behind the name of a script are the script's own.
    .enablePositionalOptions()
    .addHelpText("after", `${EXAMPLES}\n${EXIT_CODES}`);
  addStatus(sluice, run);
  addPolicy(sluice.command("policy"), run);
  addExplain(sluice, run);
  addServices(sluice, run);
  addCache(sluice, run);
  addKeys(sluice, run);
  addInsight(sluice, run);
  addChaos(sluice.command("chaos"), run);
  addProfile(sluice, run);
  addScripts(sluice, run);
  return sluice;
}
