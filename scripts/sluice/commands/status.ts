// sluice status: how a gateway is, on one screen; exit code 1 when it cannot serve.
import { styleText } from "node:util";
import type { Command } from "commander";
import { connected, remote, type RemoteOptions } from "../connection.ts";
import { table } from "../../policy/print.ts";
import type { Run } from "../run.ts";
import { FAILED, OK, printJson, tell, type ExitCode } from "../terminal.ts";

export function addStatus(program: Command, run: Run): void {
  remote(program.command("status").description("Shows how a gateway is: ready, generation, instances, alerts.")).action(
    async (options: RemoteOptions) => run.exit(await status(run, options)),
  );
}

function status({ terminal }: Run, options: RemoteOptions): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    // Health depends on nothing: what cannot answer it is not there.
    const health = await gateway.ask("GET /health", (client) => client.health.$get());
    if (!health.ok) return tell(terminal, health.error, options.json);
    const [ready, me, services, alerts, experiments] = await Promise.all([
      gateway.ask("GET /ready", (client) => client.ready.$get()),
      gateway.ask("GET /admin/me", ({ admin }) => admin.me.$get()),
      gateway.ask("GET /admin/services", ({ admin }) => admin.services.$get({ query: { limit: "200" } })),
      gateway.ask("GET /admin/alerts", ({ admin }) => admin.alerts.$get({ query: { limit: "200" } })),
      gateway.ask("GET /admin/chaos/experiments", ({ admin }) => admin.chaos.experiments.$get()),
    ]);
    const breakers: Record<string, number> = {};
    const items = services.ok ? services.value.items : [];
    const instances = items.flatMap((service) => service.instances);
    for (const { breaker } of instances) breakers[breaker.state] = (breakers[breaker.state] ?? 0) + 1;
    const found = {
      url: gateway.url,
      ready: ready.ok,
      region: health.value.region,
      generation: me.ok ? me.value.generation : ready.ok ? ready.value.policy.generation : null,
      role: me.ok ? me.value.role : null,
      actor: me.ok ? me.value.actor : null,
      services: services.ok ? { services: items.length, instances: instances.length, breakers } : null,
      activeAlerts: alerts.ok ? alerts.value.items.filter(({ state }) => state === "active").length : null,
      runningExperiments: experiments.ok
        ? experiments.value.items.filter(({ state }) => state === "running").length
        : null,
    };
    if (options.json === true) printJson(terminal, found);
    else {
      const unknown = styleText("dim", me.ok ? "unknown" : me.error.words);
      const states = Object.entries(breakers).map(([state, count]) => `${count} ${state.replaceAll("_", " ")}`);
      terminal.out(
        table([
          ["gateway", `${gateway.url} ${found.ready ? styleText("green", "ready") : styleText("red", "not ready")}`],
          ["region", found.region],
          ["policy", found.generation === null ? unknown : `generation ${found.generation}`],
          ["you", found.role === null ? unknown : `${found.role}, as ${found.actor}`],
          [
            "services",
            found.services === null
              ? unknown
              : `${items.length} with ${instances.length} instances: ${states.join(", ")}`,
          ],
          ["alerts", found.activeAlerts === null ? unknown : `${found.activeAlerts} active`],
          ["experiments", found.runningExperiments === null ? unknown : `${found.runningExperiments} running`],
        ]),
      );
    }
    return found.ready ? OK : FAILED;
  });
}
