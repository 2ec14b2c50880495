// npm run dashboard -- build: the dashboard's files, into dist/dashboard; `npm start` and `npm run deploy` make them by themselves.
import path from "node:path";
import { Command } from "commander";
import { buildDashboard, folder } from "./dashboard/build.ts";
import { root } from "./dashboard/place.ts";

const program = new Command("dashboard").description("the operators' page under /_sluice/dashboard");
program
  .command("build", { isDefault: true })
  .description("makes its files")
  .argument("[folder]", "where they go", folder)
  .action(async (to: string) => {
    const files = await buildDashboard(path.resolve(root, to));
    for (const { name, bytes, gzipBytes } of files)
      console.log(`${name.padEnd(12)} ${kib(bytes)} KiB, ${kib(gzipBytes)} KiB compressed`);
  });

const kib = (bytes: number): string => (bytes / 1_024).toFixed(1).padStart(6);

await program.parseAsync();
