// One run: a contestant, a scenario, a seed.
import { BEGINNING, Clock } from "./clock.ts";
import { Driver } from "./driver.ts";
import type { Contestant } from "./gateway.ts";
import { Measure } from "./measure.ts";
import type { Result } from "./measure.ts";
import type { Scenario } from "./scenario.ts";
import { World } from "./world.ts";

export function simulate(contestant: Contestant, scenario: Scenario, seed: number): Result {
  const clock = new Clock();
  const world = new World(scenario, seed, clock);
  const measure = new Measure(scenario);
  const driver = new Driver(world, contestant, seed, measure);
  world.open((request) => driver.arrive(request));
  // Requests of the last second get their time, too.
  clock.runUntil(BEGINNING + scenario.seconds * 1000 + scenario.deadlineMs + 1000);
  return measure.result(world, driver.objectCalls);
}
