// Set up for each gateway test file: a passing test is silent, a failing one shows what its workers logged meanwhile.
import { afterEach, beforeEach } from "vitest";
import { standing } from "./rig.ts";
import type { Rig } from "./rig.ts";

const loggedBefore = new Map<Rig, number>();

beforeEach(() => {
  loggedBefore.clear();
  for (const rig of standing) loggedBefore.set(rig, rig.logs.length);
});

afterEach((context) => {
  if (context.task.result?.state !== "fail") return;
  for (const rig of standing) {
    const lines = rig.logs.slice(loggedBefore.get(rig) ?? 0).map(({ level, message }) => `  ${level}: ${message}`);
    if (lines.length > 0)
      console.error(`workers of the rig, during "${context.task.name}":\n${lines.slice(-60).join("\n")}`);
  }
});
