// What of the policy an experiment needs to know: whether any may be started, within which bounds, and what there is to break.
import type { WrittenPolicy } from "../../core/policy/schema.ts";
import type { WrittenExperiment } from "./draft.ts";

export interface Playground {
  readonly enabled: boolean;
  readonly maxDurationSeconds: number;
  readonly maxConcurrent: number;
  /** `service orders`, `provider openai`: what may be a target. */
  readonly targets: readonly string[];
  readonly instancesOf: (target: string) => readonly string[];
  readonly experiments: Readonly<Record<string, WrittenExperiment>>;
}

/** Bounds that are not written are those of the schema (core/chaos/options.ts). */
export function playgroundOf({ chaos = {}, services = {}, providers = {} }: WrittenPolicy): Playground {
  const bounds = chaos === false ? {} : chaos;
  const allowed = bounds.services;
  const names = Object.keys(services).filter((name) => allowed?.includes(name) ?? true);
  return {
    enabled: bounds.enabled ?? false,
    maxDurationSeconds: bounds.maxDurationSeconds ?? 3_600,
    maxConcurrent: bounds.maxConcurrent ?? 3,
    targets: [
      ...names.map((name) => `service ${name}`),
      ...(allowed === undefined ? Object.keys(providers).map((name) => `provider ${name}`) : []),
    ],
    instancesOf: (target) =>
      (services[target.replace(/^service /, "")]?.instances ?? []).flatMap(({ id }) => (id === undefined ? [] : [id])),
    experiments: bounds.experiments ?? {},
  };
}
