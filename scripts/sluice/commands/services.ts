// sluice services, sluice regions: how instances and regions do, and an operator's word on an instance.
import { styleText } from "node:util";
import type { Command } from "commander";
import { inPath, type AnswerOf } from "../../policy/gateway.ts";
import { connected, remote, type RemoteOptions } from "../connection.ts";
import { paged, type PageOptions } from "../pages.ts";
import { table } from "../../policy/print.ts";
import type { Run } from "../run.ts";
import { OK, printJson, tell, type ExitCode } from "../terminal.ts";

const COMMANDS = {
  drain: "Takes an instance out of service; what is under way ends.",
  open: "Holds its breaker open.",
  close: "Lets it serve again.",
  reset: "Lets it serve again, and forgets what was held against it.",
} as const;

interface OperateOptions extends RemoteOptions {
  readonly note?: string;
}

export function addServices(program: Command, run: Run): void {
  const services = program
    .command("services")
    .description("Services, their instances, and what an operator says of them.");
  paged(remote(services.command("list").description("Lists services with the state of their instances."))).action(
    async (options: PageOptions) => run.exit(await list(run, options)),
  );
  remote(services.command("show").description("Shows one service as each region sees it."))
    .argument("<service>")
    .action(async (name: string, options: RemoteOptions) => run.exit(await show(run, name, options)));
  for (const [command, description] of Object.entries(COMMANDS)) {
    remote(services.command(command).description(description))
      .argument("<service>")
      .argument("<instance>")
      .option("--note <words>", "kept in the audit log")
      .action(async (service: string, instance: string, options: OperateOptions) =>
        run.exit(await operate(run, service, instance, command as keyof typeof COMMANDS, options)),
      );
  }
  paged(remote(program.command("regions").description("Lists regions: load, latency, health."))).action(
    async (options: PageOptions) => run.exit(await regions(run, options)),
  );
}

type Instance = AnswerOf<"GET /admin/services">["items"][number]["instances"][number];

const COLOURS = { closed: "green", ramp: "yellow", half_open: "yellow", open: "red" } as const;

function row(service: string, { id, url, region, breaker, health, totals }: Instance): string[] {
  const why = [breaker.reason, breaker.drained ? "drained" : ""].filter(Boolean).join(", ");
  return [
    service,
    id,
    region,
    styleText(COLOURS[breaker.state], breaker.state) + (why === "" ? "" : styleText("dim", ` ${why}`)),
    health.status,
    totals === null ? "" : `${totals.ok} ok, ${totals.failed} failed`,
    styleText("dim", url),
  ];
}

const HEAD = ["service", "instance", "region", "breaker", "health", "answers", "url"];

function list({ terminal }: Run, options: PageOptions): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    const query = options.page;
    const answer = await gateway.ask("GET /admin/services", ({ admin }) => admin.services.$get({ query }));
    if (!answer.ok) return tell(terminal, answer.error, options.json);
    const { items } = answer.value;
    if (options.json === true) printJson(terminal, answer.value);
    else
      terminal.out(
        table(
          items.flatMap(({ name, instances }) => instances.map((each) => row(name, each))),
          HEAD,
        ),
      );
    return OK;
  });
}

function show({ terminal }: Run, name: string, options: RemoteOptions): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    const param = { name: inPath(name) };
    const answer = await gateway.ask("GET /admin/services/:name", ({ admin }) =>
      admin.services[":name"].$get({ param }),
    );
    if (!answer.ok) return tell(terminal, answer.error, options.json);
    const { instances, decisions } = answer.value;
    if (options.json === true) {
      printJson(terminal, answer.value);
      return OK;
    }
    terminal.out(
      table(
        instances.map((each) => row(name, each)),
        HEAD,
      ),
    );
    const seen = instances.flatMap(({ id, seenFrom }) =>
      Object.entries(seenFrom).map(([region, { inFlight, ewmaMs, p95Ms, requestsPerSecond }]) => [
        id,
        region,
        requestsPerSecond?.toFixed(1) ?? "",
        String(inFlight ?? ""),
        ewmaMs === undefined ? "" : `${Math.round(ewmaMs)} ms`,
        p95Ms === undefined ? "" : `${Math.round(p95Ms)} ms`,
      ]),
    );
    if (seen.length > 0)
      terminal.out(`\n${table(seen, ["instance", "seen from", "a second", "in flight", "mean", "p95"])}`);
    const [last] = decisions.items;
    if (last !== undefined)
      terminal.out(
        `\nlast choice seen: ${last.instance} by ${last.algorithm}, confidence ${last.confidence.toFixed(2)}`,
      );
    return OK;
  });
}

function operate(
  { terminal }: Run,
  service: string,
  instance: string,
  command: keyof typeof COMMANDS,
  options: OperateOptions,
): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    const param = { name: inPath(service), action: `${inPath(instance)}:${command}` as const };
    const query = options.note === undefined ? {} : { note: options.note };
    const answer = await gateway.ask("POST /admin/services/:name/instances/:action", ({ admin }) =>
      admin.services[":name"].instances[":action"].$post({ param, query }),
    );
    if (!answer.ok) return tell(terminal, answer.error, options.json);
    if (options.json === true) printJson(terminal, answer.value);
    else terminal.out(`${styleText("green", "✓")} ${service}/${instance}: ${command}; ${heardBy(answer.value.heard)}`);
    return OK;
  });
}

/** Which regions obey at once. */
export function heardBy(heard: Readonly<Record<string, boolean>>): string {
  const late = Object.entries(heard).flatMap(([region, is]) => (is ? [] : [region]));
  return late.length === 0 ? "every region obeys" : `${late.join(", ")} obeys within seconds, the others do`;
}

function regions({ terminal }: Run, options: PageOptions): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    const query = options.page;
    const answer = await gateway.ask("GET /admin/regions", ({ admin }) => admin.regions.$get({ query }));
    if (!answer.ok) return tell(terminal, answer.error, options.json);
    if (options.json === true) printJson(terminal, answer.value);
    else {
      const rows = answer.value.items.map(({ name, reachable, healthy, inFlight, latencyMs, reading }) => [
        name,
        !reachable ? styleText("red", "unreachable") : healthy === false ? styleText("yellow", "ill") : "well",
        String(reading?.isolates ?? ""),
        reading?.requestsPerSecond.toFixed(1) ?? "",
        String(inFlight),
        latencyMs === null ? "" : `${Math.round(latencyMs)} ms`,
      ]);
      terminal.out(table(rows, ["region", "state", "isolates", "a second", "in flight", "latency"]));
    }
    return OK;
  });
}
