// Runs many simulations on several threads. A run is decided by its names and its seed alone, so neither the number of
// threads nor the order in which they end changes anything in the results.
import { Worker } from "node:worker_threads";
import type { Done, Job } from "./job.ts";

/** Calls `done` for each as it ends; rejects, and ends all threads, when one fails. */
export async function runJobs(jobs: readonly Job[], threads: number, done: (one: Done) => void): Promise<void> {
  const waiting = [...jobs];
  const workers = Array.from(
    { length: Math.min(threads, jobs.length) },
    () => new Worker(new URL("./job.ts", import.meta.url)),
  );
  try {
    await Promise.all(
      workers.map(
        (worker) =>
          new Promise<void>((resolve, reject) => {
            const next = (): void => {
              const job = waiting.shift();
              if (job === undefined) resolve();
              // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
              else worker.postMessage(job);
            };
            worker.on("message", (one: Done) => {
              done(one);
              next();
            });
            worker.once("error", reject);
            next();
          }),
      ),
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
