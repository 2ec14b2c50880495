// Documents an operator sends: JSON, policies, conditions of alerts, templates. What is refused is refused in words of ours.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { compileCondition } from "../../worker/core/insight/condition.ts";
import { fillTemplate } from "../../worker/core/insight/template.ts";
import { parsePolicy } from "../../worker/core/policy/parse.ts";
import { pendingSections } from "../../worker/core/policy/pending.ts";
import { DOCUMENT_LIMITS, readJson } from "../../worker/core/protocol/json.ts";
import { fuzz, spoilt, textOf } from "../support/fuzz.ts";

const example = readFileSync(new URL("../../policy.example.json", import.meta.url), "utf8");
const pieces = [
  "{",
  "}",
  "[",
  "]",
  ":",
  ",",
  '"',
  "\\",
  "\\u0000",
  "null",
  "true",
  "1e999",
  "-0",
  '"__proto__":1',
  "services",
  "routes",
  "security",
  " ",
  "\n",
];

fuzz("JSON", 8_000, textOf(pieces), (text) => {
  const read = readJson(text, DOCUMENT_LIMITS);
  return read.ok ? undefined : read.error.message;
});

fuzz("a policy that is none", 4_000, fc.oneof(textOf(pieces), fc.json({ maxDepth: 6 })), (text) => {
  const parsed = parsePolicy(text);
  if (parsed.ok) pendingSections(parsed.value);
  return parsed.ok ? undefined : parsed.error.map(({ message }) => message);
});

fuzz("a policy that was spoilt", 1_000, spoilt(example, pieces), (text) => {
  const parsed = parsePolicy(text);
  return parsed.ok ? undefined : parsed.error.map(({ message }) => message);
});

const words = [
  "metrics.error_rate",
  "metrics.latency_p95_ms",
  "baseline(",
  "deviation(",
  ")",
  "(",
  " > ",
  " && ",
  " || ",
  "!",
  " ? ",
  " : ",
  "0.05",
  "1",
  "'a'",
  ".matches('(a+)+$')",
  ".map(x, x)",
  ".all(x, true)",
  "[",
  "]",
  "{",
  "}",
  "has(",
  "size(",
  " + ",
  " * ",
  " / ",
  " % ",
  "-",
  "true",
  ".",
];
const sight = { metrics: { error_rate: 0.5 }, usual: {} } as unknown as Parameters<
  Extract<ReturnType<typeof compileCondition>, { ok: true }>["value"]["judge"]
>[0];
fuzz("a condition", 4_000, textOf(words, 24), (text) => {
  const compiled = compileCondition(text);
  if (compiled.ok) compiled.value.judge(sight);
});

fuzz(
  "a template",
  3_000,
  textOf(["{", "}", "{metrics.error_rate}", "{{", "$&", "$1", "labels.", "__proto__"]),
  (text) => {
    fillTemplate(text, { "metrics.error_rate": 0.5 });
  },
);
