// Starts the demo services and ends them. They live in a thread (demo/services.ts) that tells its addresses once.
import { Worker } from "node:worker_threads";
import type { DemoInstance } from "./demo/services.ts";

export interface Demo {
  readonly instances: readonly DemoInstance[];
  close(): Promise<void>;
}

export async function startDemo(): Promise<Demo> {
  const thread = new Worker(new URL("./demo/services.ts", import.meta.url));
  const instances = await new Promise<readonly DemoInstance[]>((resolve, reject) => {
    thread.once("message", resolve);
    thread.once("error", reject);
  });
  return { instances, close: async () => void (await thread.terminate()) };
}
