// sluice alerts, suggestions, security, audit: what happened, what follows from it, and who did what.
import { styleText } from "node:util";
import type { Command } from "commander";
import { connected, remote, type RemoteOptions } from "../connection.ts";
import { inPath } from "../../policy/gateway.ts";
import { more, paged, type PageOptions } from "../pages.ts";
import { table } from "../../policy/print.ts";
import type { Run } from "../run.ts";
import { OK, printJson, tell, type ExitCode } from "../terminal.ts";
import { moment } from "./keys.ts";
import { heardBy } from "./services.ts";

const when = (at: number): string => (at === 0 ? "" : new Date(at).toISOString().slice(0, 19));

export function addInsight(program: Command, run: Run): void {
  const alerts = program.command("alerts").description("Alerts, and the rules that raise them.");
  paged(remote(alerts.command("list").description("Lists alerts, newest first, and how each rule does."))).action(
    async (options: PageOptions) => run.exit(await listAlerts(run, options)),
  );
  remote(alerts.command("ack").description("Acknowledges an alert."))
    .argument("<id>")
    .action(async (id: string, options: RemoteOptions) => run.exit(await acknowledge(run, id, options)));

  const suggestions = program
    .command("suggestions")
    .description("What was learned, and what is changed because of it.");
  paged(remote(suggestions.command("list").description("Lists suggestions, newest first."))).action(
    async (options: PageOptions) => run.exit(await listSuggestions(run, options)),
  );
  for (const [command, description] of [
    ["apply", "Puts a suggestion into force."],
    ["rollback", "Takes a suggestion back."],
  ] as const) {
    remote(suggestions.command(command).description(description))
      .argument("<id>")
      .action(async (id: string, options: RemoteOptions) => run.exit(await decide(run, id, command, options)));
  }

  remote(program.command("security").description("Shows who came with wrong credentials, or was limited."))
    .option("--limit <number>", "events at the most", "20")
    .action(async (options: RemoteOptions & { limit: string }) => run.exit(await security(run, options)));

  paged(remote(program.command("audit").description("Lists who changed what, newest first.")))
    .option("--actor <actor>", "of this one alone")
    .option("--action <action>", "of this kind alone: policy, policy.put, keys, …")
    .option("--since <when>", "from then on: a time, or like 2h, meaning two hours ago", ago)
    .addHelpText("after", "\nExample:\n  sluice audit --action policy --since 7d")
    .action(async (options: AuditOptions) => run.exit(await audit(run, options)));
}

/** `2h`: two hours ago. */
function ago(value: string): string {
  const at = Date.parse(moment(value));
  return String(/^\d+[mhd]$/.test(value) ? 2 * Date.now() - at : at);
}

const SEVERITY = { info: "dim", warning: "yellow", error: "red", critical: "red" } as const;

function listAlerts({ terminal }: Run, options: PageOptions): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    const query = options.page;
    const answer = await gateway.ask("GET /admin/alerts", ({ admin }) => admin.alerts.$get({ query }));
    if (!answer.ok) return tell(terminal, answer.error, options.json);
    const { items, rules, next } = answer.value;
    if (options.json === true) {
      printJson(terminal, answer.value);
      return OK;
    }
    const rows = items.map(({ id, rule, severity, state, title, firedAt, acknowledgedBy }) => [
      id,
      styleText(SEVERITY[severity], severity),
      state === "acknowledged" ? `acknowledged by ${acknowledgedBy}` : state,
      when(firedAt),
      rule,
      title,
    ]);
    terminal.out(
      rows.length === 0 ? "no alert was raised" : table(rows, ["id", "severity", "state", "fired", "rule", ""]),
    );
    for (const line of more(next)) terminal.out(line);
    const standing = rules.map(({ rule, status, condition, error }) => [rule, status, error || condition]);
    if (standing.length > 0) terminal.out(`\n${table(standing, ["rule", "status", "condition"])}`);
    return OK;
  });
}

function acknowledge({ terminal }: Run, id: string, options: RemoteOptions): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    const param = { action: `${inPath(id)}:ack` as const };
    const answer = await gateway.ask("POST /admin/alerts/:action", ({ admin }) =>
      admin.alerts[":action"].$post({ param }),
    );
    if (!answer.ok) return tell(terminal, answer.error, options.json);
    if (options.json === true) printJson(terminal, answer.value);
    else terminal.out(`${styleText("green", "✓")} ${id} is ${answer.value.state} by ${answer.value.acknowledgedBy}`);
    return OK;
  });
}

function listSuggestions({ terminal }: Run, options: PageOptions): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    const query = options.page;
    const answer = await gateway.ask("GET /admin/suggestions", ({ admin }) => admin.suggestions.$get({ query }));
    if (!answer.ok) return tell(terminal, answer.error, options.json);
    if (options.json === true) printJson(terminal, answer.value);
    else {
      const rows = answer.value.items.map((each) => [
        each.id,
        each.kind,
        each.service,
        each.state.replaceAll("_", " "),
        `${(each.effect.expected * 100).toFixed(1)} % ${each.effect.measure}`,
        each.reason,
      ]);
      const head = ["id", "kind", "service", "state", "should help by", "why"];
      terminal.out(rows.length === 0 ? "nothing was suggested yet" : table(rows, head));
      for (const line of more(answer.value.next)) terminal.out(line);
    }
    return OK;
  });
}

function decide(
  { terminal }: Run,
  id: string,
  decision: "apply" | "rollback",
  options: RemoteOptions,
): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    const param = { action: `${inPath(id)}:${decision}` as const };
    const answer = await gateway.ask("POST /admin/suggestions/:action", ({ admin }) =>
      admin.suggestions[":action"].$post({ param }),
    );
    if (!answer.ok) return tell(terminal, answer.error, options.json);
    if (options.json === true) printJson(terminal, answer.value);
    else terminal.out(`${styleText("green", "✓")} ${id}: ${decision}; ${heardBy(answer.value.heard)}`);
    return OK;
  });
}

function security({ terminal }: Run, options: RemoteOptions & { limit: string }): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    const query = { limit: options.limit };
    const answer = await gateway.ask("GET /admin/security", ({ admin }) => admin.security.$get({ query }));
    if (!answer.ok) return tell(terminal, answer.error, options.json);
    const { events, counts, limited, keys } = answer.value;
    if (options.json === true) {
      printJson(terminal, answer.value);
      return OK;
    }
    const sums = Object.entries(counts).map(([kind, count]) => [kind.replaceAll("_", " "), String(count)]);
    terminal.out(table([["API keys", String(keys.count ?? "unknown")], ...sums]));
    const rows = events.map(({ at, kind, detail, route, address, who, count }) => [
      when(at),
      kind.replaceAll("_", " "),
      detail,
      route,
      [who, address].filter(Boolean).join(" from "),
      String(count),
    ]);
    if (rows.length > 0) terminal.out(`\n${table(rows, ["first", "what", "why", "route", "who", "times"])}`);
    const held = limited.map(({ limit, who, kind, until }) => [limit, who, kind, `until ${when(until)}`]);
    if (held.length > 0) terminal.out(`\n${table(held, ["limit", "who", "", ""])}`);
    return OK;
  });
}

interface AuditOptions extends PageOptions {
  readonly actor?: string;
  readonly action?: string;
  readonly since?: string;
}

function audit({ terminal }: Run, options: AuditOptions): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    const { actor, action, since: from, page } = options;
    const asked = { ...page, actor, action, from };
    const query = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
    const answer = await gateway.ask("GET /admin/audit", ({ admin }) => admin.audit.$get({ query }));
    if (!answer.ok) return tell(terminal, answer.error, options.json);
    if (options.json === true) printJson(terminal, answer.value);
    else {
      const rows = answer.value.items.map(({ at, actor: who, action: what, detail }) => [when(at), who, what, detail]);
      terminal.out([table(rows, ["at", "who", "what", ""]), ...more(answer.value.next)].join("\n"));
    }
    return OK;
  });
}
