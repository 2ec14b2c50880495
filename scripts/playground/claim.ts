// A folder that is kept between starts belongs to one start at a time: two workerds over the same SQLite files would
// spoil them. The claim is a name the kernel gives back by itself, however its owner ends; so no stale lock can remain.
import { createHash } from "node:crypto";
import { mkdirSync, realpathSync } from "node:fs";
import net from "node:net";

/**
 * Makes the folder where it is missing. False when another start on this machine has it. Elsewhere than on Linux there are
 * no such names, and the claim is always granted. Throws what the file system says.
 */
export async function claimFolder(folder: string): Promise<boolean> {
  mkdirSync(folder, { recursive: true });
  if (process.platform !== "linux") return true;
  const name = createHash("sha256").update(realpathSync(folder)).digest("hex");
  const server = net.createServer((socket) => socket.destroy()).unref();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen({ path: `\0sluice-playground-${name}` }, () => resolve(true));
  });
}
