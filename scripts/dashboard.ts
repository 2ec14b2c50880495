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

interface PictureFlags {
  readonly url: string;
  readonly page: string;
  readonly dark?: true;
  readonly width: string;
  readonly height: string;
  readonly wait: string;
  readonly browser: string;
}

program
  .command("picture")
  .description("takes a picture of it at a running gateway; its token is read from SLUICE_ADMIN_TOKEN")
  .argument("[file]", "where it goes", path.join(root, "docs", "images", "dashboard.png"))
  .option("--url <origin>", "the gateway", "http://127.0.0.1:8787")
  .option("--page <name>", "which page", "overview")
  .option("--dark", "in dark colours")
  .option("--width <px>", "of the window", "1280")
  .option("--height <px>", "of the window", "860")
  .option("--wait <ms>", "how long it is let live before", "4000")
  .option("--browser <file>", "a Chromium of this machine", "/usr/bin/chromium")
  .action(async (file: string, flags: PictureFlags) => {
    const token = process.env["SLUICE_ADMIN_TOKEN"] ?? "";
    if (token === "") program.error("SLUICE_ADMIN_TOKEN is not set: npm start prints the token");
    const { takePicture } = await import("./dashboard/picture.ts");
    await takePicture({
      ...{ origin: flags.url, token, page: flags.page, browser: flags.browser },
      ...{ width: Number(flags.width), height: Number(flags.height), waitMs: Number(flags.wait) },
      scheme: flags.dark === true ? "dark" : "light",
      file: path.resolve(root, file),
    });
    console.log(path.relative(root, path.resolve(root, file)));
  });

const kib = (bytes: number): string => (bytes / 1_024).toFixed(1).padStart(6);

await program.parseAsync();
