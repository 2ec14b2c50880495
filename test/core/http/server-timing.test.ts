import { expect, it } from "vitest";
import { serverTiming } from "../../../worker/core/http/server-timing.ts";

it.each([
  ["gateway", 0, undefined, "gateway;dur=0"],
  ["upstream", 12.34, undefined, "upstream;dur=12.3"],
  ["upstream", 1000, undefined, "upstream;dur=1000"],
  ["cache", 0.06, "memory", 'cache;dur=0.1;desc="memory"'],
  ["cache", 1, 'a"b\\c', 'cache;dur=1;desc="a\\"b\\\\c"'],
])("%s %d %s", (name, ms, description, expected) => expect(serverTiming(name, ms, description)).toBe(expected));
