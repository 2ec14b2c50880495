// sluice cache: what it is worth, what a request would find, and what it is to forget.
import { styleText } from "node:util";
import type { Command } from "commander";
import { connected, remote, type RemoteOptions } from "../connection.ts";
import type { AnswerOf } from "../../policy/gateway.ts";
import { headerField, type HeaderField } from "../header-field.ts";
import { more, paged, type PageOptions } from "../pages.ts";
import { table } from "../../policy/print.ts";
import type { Run } from "../run.ts";
import { OK, printJson, tell, type ExitCode } from "../terminal.ts";
import { heardBy } from "./services.ts";

interface LookupOptions extends RemoteOptions {
  readonly request: string;
  readonly header: readonly HeaderField[];
}

interface PurgeOptions extends RemoteOptions {
  readonly prefix?: string;
  readonly tag?: string;
  readonly pattern?: string;
  readonly all?: boolean;
  readonly soft?: boolean;
}

export function addCache(program: Command, run: Run): void {
  const cache = program
    .command("cache")
    .description("What the cache is worth, what it holds, and what it is to forget.");
  remote(cache.command("stats").description("Shows what the cache is worth, over all regions.")).action(
    async (options: RemoteOptions) => run.exit(await stats(run, options)),
  );
  paged(remote(cache.command("keys").description("Lists the most used keys."))).action(async (options: PageOptions) =>
    run.exit(await keys(run, options)),
  );
  remote(cache.command("lookup").description("Tells what a request would find in the cache, and why."))
    .argument("<url>", "absolute, or a path on the gateway")
    .option("-X, --request <method>", "method", "GET")
    .option("-H, --header <field>", "header field 'Name: value', repeatable", headerField, [])
    .action(async (url: string, options: LookupOptions) => run.exit(await lookup(run, url, options)));
  remote(cache.command("purge").description("Purges, everywhere: a URL, or what one of the options names."))
    .argument("[url]", "one URL, or a path on any host")
    .option("--prefix <url>", "everything under a URL or path")
    .option("--tag <tag>", "everything with a tag")
    .option("--pattern <pattern>", "everything that fits, `*` for what varies")
    .option("--all", "everything")
    .option("--soft", "makes entries stale instead of ending them")
    .addHelpText(
      "after",
      "\nExamples:\n  sluice cache purge /api/v1/users/7\n  sluice cache purge --prefix /api/v1/users\n  sluice cache purge --tag products --soft",
    )
    .action(async (url: string | undefined, options: PurgeOptions) => run.exit(await purge(run, url, options)));
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

type Usage = AnswerOf<"GET /admin/cache/stats">["total"];
const usageRow = ({ name, hits, stale, misses, hitRatio, stored, wasted, bytes }: Usage): string[] => [
  name,
  String(hits),
  String(stale),
  String(misses),
  percent(hitRatio),
  String(stored),
  String(wasted),
  String(bytes),
];
const USAGE_HEAD = ["", "hits", "stale", "misses", "hit ratio", "stored", "for nothing", "bytes"];

function stats({ terminal }: Run, options: RemoteOptions): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    const answer = await gateway.ask("GET /admin/cache/stats", ({ admin }) => admin.cache.stats.$get());
    if (!answer.ok) return tell(terminal, answer.error, options.json);
    const { total, patterns, advice, since, isolate } = answer.value;
    if (options.json === true) {
      printJson(terminal, answer.value);
      return OK;
    }
    terminal.out(table([{ ...total, name: `since ${since}` }, ...patterns].map(usageRow), USAGE_HEAD));
    if (isolate !== null) {
      const levels = isolate.levels.map(({ name, hits, misses, stored, failures, timeouts, resting }) => [
        name,
        String(hits),
        String(misses),
        String(stored),
        String(failures + timeouts),
        resting ? styleText("yellow", "resting") : "",
      ]);
      if (levels.length > 0)
        terminal.out(`\n${table(levels, ["level (this isolate)", "hits", "misses", "stored", "failures", ""])}`);
    }
    for (const { target, kind, reason } of advice) terminal.out(`→ ${target}: ${kind.replaceAll("_", " ")}: ${reason}`);
    return OK;
  });
}

function keys({ terminal }: Run, options: PageOptions): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    const query = options.page;
    const answer = await gateway.ask("GET /admin/cache/keys", ({ admin }) => admin.cache.keys.$get({ query }));
    if (!answer.ok) return tell(terminal, answer.error, options.json);
    if (options.json === true) printJson(terminal, answer.value);
    else terminal.out([table(answer.value.items.map(usageRow), USAGE_HEAD), ...more(answer.value.next)].join("\n"));
    return OK;
  });
}

function lookup({ terminal }: Run, url: string, options: LookupOptions): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    const json = { url, method: options.request, headers: Object.fromEntries(options.header) };
    const answer = await gateway.ask("POST /admin/cache/lookup", ({ admin }) => admin.cache.lookup.$post({ json }));
    if (!answer.ok) return tell(terminal, answer.error, options.json);
    const { would, why, level, label, pattern, rule, variants = [] } = answer.value;
    if (options.json === true) {
      printJson(terminal, answer.value);
      return OK;
    }
    const rows = [
      ["would", `${styleText("bold", would)} ${why}${level == null ? "" : styleText("dim", ` (${level})`)}`],
      ...(label === undefined ? [] : [["key", label]]),
      ...(rule == null ? [] : [["rule", `${rule.id} ${styleText("dim", `${rule.strategy}, ${rule.mode}`)}`]]),
      ...(pattern === undefined ? [] : [["pattern", pattern]]),
      ...variants.map(({ level: at, status, ageSeconds, ttlSeconds, purge: purged }) => [
        "stored",
        `${status} in ${at}, age ${ageSeconds} s of ${ttlSeconds} s${purged === "stands" ? "" : `, purged: ${purged}`}`,
      ]),
    ];
    terminal.out(table(rows));
    return OK;
  });
}

function purge({ terminal }: Run, url: string | undefined, options: PurgeOptions): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    const { prefix, tag, pattern, all, soft } = options;
    const asked = { url, prefix, tag, pattern, all, soft };
    const json = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
    const answer = await gateway.ask("POST /admin/cache/purge", ({ admin }) => admin.cache.purge.$post({ json }));
    if (!answer.ok) return tell(terminal, answer.error, options.json);
    const { kind, target, heard } = answer.value;
    if (options.json === true) printJson(terminal, answer.value);
    else
      terminal.out(`${styleText("green", "✓")} purged ${[kind, target].filter(Boolean).join(" ")}; ${heardBy(heard)}`);
    return OK;
  });
}
