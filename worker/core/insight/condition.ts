// Conditions of alerts: CEL over `metrics`, and over what is usual: `baseline(metrics.x)` and `deviation(metrics.x)`, mean and standard
// deviation of the figure over the hours before. No regular expressions, no macros (they loop), bounded in size and depth, so
// that no condition can hold up the others. A figure that was not measured makes the condition say nothing, not false.
import { Environment, type ASTNode } from "@marcbachmann/cel-js";
import { ok, refuse, type Result } from "../result/result.ts";
import { MEASURES, type Measure, type Measures } from "./measures.ts";

const LONGEST = 2_048;
const LIMITS = { maxAstNodes: 256, maxDepth: 32, maxListElements: 64, maxMapEntries: 16, maxCallArguments: 4 };
const CALLS: ReadonlySet<string> = new Set(["baseline", "deviation", "double", "int", "size", "has"]);

/** A figure and what is usual of it. */
export interface Usual {
  readonly mean: number;
  readonly deviation: number;
}

export interface Sight {
  readonly metrics: Measures;
  /** By figure; absent while too little is known. */
  readonly usual: Partial<Record<Measure, Usual>>;
}

/** `true` or `false`, `unknown` where a figure it needs was not measured, or why it cannot be said. */
export type Judgement = boolean | "unknown" | { readonly error: string };

export interface Condition {
  readonly source: string;
  /** The figures it looks at, in the order of their first mention. */
  readonly measures: readonly Measure[];
  judge(sight: Sight): Judgement;
}

const environment = (() => {
  const env = new Environment({ limits: LIMITS, homogeneousAggregateLiterals: false })
    .registerVariable("metrics", "map<string, double>")
    .registerVariable("usual", "map<string, double>");
  const arithmetic: Record<string, (a: number, b: number) => number> = {
    "+": (a, b) => a + b,
    "-": (a, b) => a - b,
    "*": (a, b) => a * b,
    "/": (a, b) => a / b,
  };
  for (const [operator, apply] of Object.entries(arithmetic)) {
    for (const pair of [`double ${operator} int`, `int ${operator} double`]) {
      env.registerOperator(`${pair}: double`, (a: number | bigint, b: number | bigint) => apply(Number(a), Number(b)));
    }
  }
  return env;
})();

/** Compiles a condition, or says what is wrong with it. */
export function compileCondition(source: string): Result<Condition, string> {
  if (source.length > LONGEST) return refuse(`must be at most ${LONGEST} characters`);
  const written = usualWritten(source);
  if (!written.ok) return written;
  let evaluate: ReturnType<typeof environment.parse>;
  try {
    evaluate = environment.parse(written.value);
  } catch (error) {
    return refuse(firstLine(error));
  }
  const measures = new Set<Measure>();
  const wrong = inspect(evaluate.ast, measures);
  if (wrong !== undefined) return refuse(wrong);
  const checked = evaluate.check();
  if (!checked.valid) return refuse(firstLine(checked.error));
  if (checked.type !== "bool") return refuse(`must be true or false, but is of type ${checked.type}`);
  return ok({ source, measures: [...measures], judge: (sight) => judge(evaluate, measures, sight) });
}

function judge(
  evaluate: (context: Record<string, Record<string, number>>) => unknown,
  measures: ReadonlySet<Measure>,
  sight: Sight,
): Judgement {
  for (const measure of measures) if (sight.metrics[measure] === undefined) return "unknown";
  const usual: Record<string, number> = {};
  for (const [measure, known] of Object.entries(sight.usual)) {
    usual[`${measure}_mean`] = known.mean;
    usual[`${measure}_deviation`] = known.deviation;
  }
  try {
    return evaluate({ metrics: sight.metrics, usual }) === true;
  } catch (error) {
    // The one thing that may be missing once all figures are there: what is usual.
    const line = firstLine(error);
    return /^No such key: \w+_(mean|deviation)$/.test(line) ? "unknown" : { error: line };
  }
}

/** `baseline(metrics.x)` as `usual.x_mean`, `deviation(metrics.x)` as `usual.x_deviation`; text within quotes stays. */
function usualWritten(source: string): Result<string, string> {
  const parts = source.split(/("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')/);
  const written = parts.map((part, index) =>
    index % 2 === 1
      ? part
      : part.replace(
          /\b(baseline|deviation)\(\s{0,8}metrics\.([a-z0-9_]{1,64})\s{0,8}\)/g,
          (_, call: string, name: string) => `usual.${name}_${call === "baseline" ? "mean" : "deviation"}`,
        ),
  );
  const text = written.join("");
  const left = parts.some((_, index) => index % 2 === 0 && /\b(baseline|deviation)\s*\(/.test(written[index]!));
  return left ? refuse("must call baseline and deviation with one figure, as baseline(metrics.error_rate)") : ok(text);
}

/** What in a tree is not allowed; collects the figures it names. */
function inspect(node: ASTNode, measures: Set<Measure>): string | undefined {
  const { op, args } = node;
  if (op === "call" || op === "rcall") {
    const [name, ...rest] = args as [string, ...(ASTNode | ASTNode[])[]];
    if (op === "rcall" || !CALLS.has(name)) return `must not call ${name}()`;
    return first(rest.flat(), measures);
  }
  if (op === ".") {
    const [on, name] = args;
    if (on.op === "id") {
      const measure = on.args === "usual" ? name.replace(/_(mean|deviation)$/, "") : name;
      if (!Object.hasOwn(MEASURES, measure))
        return `names metrics.${measure}, which is none of ${Object.keys(MEASURES).join(", ")}`;
      measures.add(measure as Measure);
      return undefined;
    }
  }
  return first(Array.isArray(args) ? (args as unknown[]).flat() : [args], measures);
}

function first(nodes: readonly unknown[], measures: Set<Measure>): string | undefined {
  for (const node of nodes) {
    if (typeof node !== "object" || node === null || !("op" in node)) continue;
    const wrong = inspect(node as ASTNode, measures);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split("\n", 1)[0]!.slice(0, 200);
