// One thread of the simulator: takes runs by name, one after the other, and posts their results.
import { parentPort } from "node:worker_threads";
import { CONTESTANTS } from "./contestants.ts";
import type { Result } from "./measure.ts";
import { simulate } from "./run.ts";
import { SCENARIOS } from "./scenarios.ts";

export interface Job {
  readonly scenario: string;
  readonly contestant: string;
  readonly seed: number;
}

export interface Done extends Job {
  readonly result: Result;
}

const port = parentPort!;
port.on("message", (job: Job) => {
  const scenario = SCENARIOS.find(({ name }) => name === job.scenario)!;
  const contestant = CONTESTANTS.find(({ name }) => name === job.contestant)!;
  port.postMessage({ ...job, result: simulate(contestant, scenario, job.seed) } satisfies Done);
});
