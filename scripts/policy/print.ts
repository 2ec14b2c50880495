// What commands say, for people. Machines ask with --json and get the same facts as one JSON document.
import { styleText } from "node:util";
import Table from "cli-table3";
import type { RouteExplanation } from "../../worker/core/policy/explain.ts";
import type { PolicyProblem } from "../../worker/core/policy/parse.ts";
import type { Change } from "../../worker/core/policy/differences.ts";
import type { AnswerOf } from "./gateway.ts";

type Explanation = AnswerOf<"POST /admin/explain">;
type HistoryEntry = AnswerOf<"GET /admin/policy/history">["items"][number];

const VALUE_LENGTH = 160;

export function problemLines(file: string, problems: readonly PolicyProblem[]): string {
  return problems
    .map(
      ({ path, message }) =>
        `${styleText("red", "✗")} ${file}: ${path === "" ? "the document" : styleText("bold", path)} ${message}`,
    )
    .join("\n");
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > VALUE_LENGTH ? `${text.slice(0, VALUE_LENGTH)}…` : text;
}

export function changeLines(changes: readonly Change[]): string {
  return changes
    .map((change) => {
      switch (change.kind) {
        case "added":
          return styleText("green", `+ ${change.path} ${shown(change.after)}`);
        case "removed":
          return styleText("red", `- ${change.path} ${shown(change.before)}`);
        case "changed":
          return styleText("yellow", `~ ${change.path} ${shown(change.before)} → ${shown(change.after)}`);
      }
    })
    .join("\n");
}

const PLAIN_TABLE = {
  chars: {
    top: "",
    "top-mid": "",
    "top-left": "",
    "top-right": "",
    bottom: "",
    "bottom-mid": "",
    "bottom-left": "",
    "bottom-right": "",
    left: "",
    "left-mid": "",
    mid: "",
    "mid-mid": "",
    right: "",
    "right-mid": "",
    middle: "  ",
  },
  style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
};

export function table(rows: readonly (readonly string[])[], head?: readonly string[]): string {
  const drawn = new Table({ ...PLAIN_TABLE, head: (head ?? []).map((word) => styleText("dim", word)) });
  for (const row of rows) drawn.push([...row]);
  return drawn.toString();
}

export function historyTable(entries: readonly HistoryEntry[]): string {
  const rows = entries.map(({ generation, at, actor, note, bytes, rollbackOf }) => [
    String(generation),
    new Date(at).toISOString(),
    actor,
    `${bytes} B`,
    rollbackOf > 0 ? `as generation ${rollbackOf}${note === "" ? "" : `; ${note}`}` : note,
  ]);
  return table(rows, ["generation", "at", "by", "size", "note"]);
}

export function explanationLines(explanation: RouteExplanation | Explanation): string {
  const { method, host, path, route, refused, nearMisses } = explanation;
  const rows: string[][] = [["request", `${method} ${host}${path}`]];
  if (route === undefined) rows.push(["refused", styleText("red", refused ?? "")]);
  else {
    rows.push(
      [
        "route",
        `${styleText("bold", route.id)}${route.index === undefined ? "" : styleText("dim", ` (routes[${route.index}])`)}`,
      ],
      ["why", route.why],
      ["service", route.service],
    );
    if (route.canary !== undefined) rows.push(["canary", `${route.canary.percent} % to ${route.canary.service}`]);
    rows.push(["forwarded path", route.forwardedPath], ["auth", [route.auth, ...route.permissions].join(" ")]);
    if (route.rateLimit !== undefined) rows.push(["rate limit", route.rateLimit]);
  }
  if ("candidates" in explanation) {
    if (explanation.algorithm !== null) rows.push(["algorithm", explanation.algorithm]);
    explanation.candidates.forEach(({ id, url, region, weight }, index) => {
      rows.push([index === 0 ? "candidates" : "", `${id} ${styleText("dim", `${url} ${region} weight ${weight}`)}`]);
    });
  }
  nearMisses.forEach((miss, index) => {
    rows.push([
      index === 0 ? "other routes" : "",
      `${miss.route} ${styleText("dim", `(routes[${miss.index}])`)} ${miss.words}`,
    ]);
  });
  return table(rows);
}
