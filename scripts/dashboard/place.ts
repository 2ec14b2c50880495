// The checkout, for what is made without a look at wrangler.toml: wrangler itself runs the build.
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
