// sluice keys: API keys, made, seen, changed and revoked. A new key is written to the standard output once, alone on its line, so that it
// can be piped to where it belongs.
import { styleText } from "node:util";
import { InvalidArgumentError, type Command } from "commander";
import { connected, remote, type RemoteOptions } from "../connection.ts";
import { inPath, type AnswerOf } from "../../policy/gateway.ts";
import { more, paged, type PageOptions } from "../pages.ts";
import { table } from "../../policy/print.ts";
import type { Run } from "../run.ts";
import { OK, printJson, tell, type ExitCode } from "../terminal.ts";

interface CreateOptions extends RemoteOptions {
  readonly user?: string;
  readonly tenant?: string;
  readonly role: string[];
  readonly permission: string[];
  readonly rateLimit?: string;
  readonly expires?: string;
}

const gathered = (value: string, before: readonly string[]): string[] => [...before, value];

export function addKeys(program: Command, run: Run): void {
  const keys = program.command("keys").description("API keys of the gateway's clients and operators.");
  remote(keys.command("create").description("Makes a key. It is shown once, and kept nowhere."))
    .argument("<name>", "what it is for")
    .option("--user <user>", "whom it speaks for (default: its name)")
    .option("--tenant <tenant>", "whose tenant it belongs to")
    .option("--role <role>", "a role it has, repeatable", gathered, [])
    .option("--permission <permission>", "a permission it has, repeatable", gathered, [])
    .option("--rate-limit <name>", "one of security.rateLimits")
    .option("--expires <when>", "a time (RFC 3339), or from now: 12h, 90d", moment)
    .addHelpText("after", "\nExample:\n  sluice keys create ci --role sluice:operator --expires 90d")
    .action(async (name: string, options: CreateOptions) => run.exit(await create(run, name, options)));
  paged(remote(keys.command("list").description("Lists keys, newest first."))).action(async (options: PageOptions) =>
    run.exit(await list(run, options)),
  );
  remote(keys.command("show").description("Shows one key."))
    .argument("<id>")
    .action(async (id: string, options: RemoteOptions) => run.exit(await show(run, id, options)));
  remote(keys.command("revoke").description("Revokes a key: refused everywhere within five seconds."))
    .argument("<id>")
    .action(async (id: string, options: RemoteOptions) => run.exit(await revoke(run, id, options)));
}

const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export function moment(value: string): string {
  const [, number, unit] = /^(\d{1,6})([mhd])$/.exec(value) ?? [];
  if (number !== undefined)
    return new Date(Date.now() + Number(number) * UNITS[unit as keyof typeof UNITS]).toISOString();
  const at = Date.parse(value);
  if (Number.isNaN(at)) throw new InvalidArgumentError("It must be a time, or like 12h or 90d.");
  return new Date(at).toISOString();
}

function create({ terminal }: Run, name: string, options: CreateOptions): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    const { user, tenant, role: roles, permission: permissions, rateLimit, expires } = options;
    const json = {
      ...{ name, roles, permissions },
      ...(user === undefined ? {} : { user }),
      ...(tenant === undefined ? {} : { tenant }),
      ...(rateLimit === undefined ? {} : { rateLimit }),
      ...(expires === undefined ? {} : { expiresAt: expires }),
    };
    const answer = await gateway.ask("POST /admin/keys", ({ admin }) => admin.keys.$post({ json }));
    if (!answer.ok) return tell(terminal, answer.error, options.json);
    if (options.json === true) printJson(terminal, answer.value);
    else {
      terminal.err(`${styleText("green", "✓")} ${answer.value.id} is good everywhere; the key, shown this once:`);
      terminal.out(answer.value.key);
    }
    return OK;
  });
}

type Key = AnswerOf<"GET /admin/keys/:id">;
const when = (at: number | null): string => (at === null ? "" : new Date(at).toISOString().slice(0, 19));

const row = ({ id, name, user, tenant, roles, createdAt, expiresAt, revokedAt }: Key): string[] => [
  id,
  name,
  [user, tenant].filter(Boolean).join(" of "),
  roles.join(" "),
  when(createdAt),
  revokedAt === null
    ? expiresAt === null
      ? ""
      : `until ${when(expiresAt)}`
    : styleText("red", `revoked ${when(revokedAt)}`),
];
const HEAD = ["id", "name", "for", "roles", "made", ""];

function list({ terminal }: Run, options: PageOptions): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    const query = options.page;
    const answer = await gateway.ask("GET /admin/keys", ({ admin }) => admin.keys.$get({ query }));
    if (!answer.ok) return tell(terminal, answer.error, options.json);
    if (options.json === true) printJson(terminal, answer.value);
    else terminal.out([table(answer.value.items.map(row), HEAD), ...more(answer.value.next)].join("\n"));
    return OK;
  });
}

function show({ terminal }: Run, id: string, options: RemoteOptions): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    const param = { id: inPath(id) };
    const answer = await gateway.ask("GET /admin/keys/:id", ({ admin }) => admin.keys[":id"].$get({ param }));
    if (!answer.ok) return tell(terminal, answer.error, options.json);
    if (options.json === true) printJson(terminal, answer.value);
    else terminal.out(table([row(answer.value)], HEAD));
    return OK;
  });
}

function revoke({ terminal }: Run, id: string, options: RemoteOptions): Promise<ExitCode> {
  return connected(terminal, options, async (gateway) => {
    const param = { id: inPath(id) };
    const answer = await gateway.ask("DELETE /admin/keys/:id", ({ admin }) => admin.keys[":id"].$delete({ param }));
    if (!answer.ok) return tell(terminal, answer.error, options.json);
    if (options.json === true) printJson(terminal, answer.value);
    else terminal.out(`${styleText("green", "✓")} ${id} is revoked`);
    return OK;
  });
}
