// Lists that come in pages: --limit and --cursor, as the admin API has them.
import { InvalidArgumentError, type Command } from "commander";
import type { RemoteOptions } from "./connection.ts";

export interface PageOptions extends RemoteOptions {
  readonly limit?: string;
  readonly cursor?: string;
  /** Both as the client takes them. */
  readonly page: { limit?: string; cursor?: string };
}

export const paged = (command: Command): Command =>
  command
    .option("--limit <number>", "at most so many: 1 to 200", limit)
    .option("--cursor <cursor>", "the `next` of the page before")
    .hook("preAction", (each) => {
      const { limit: most, cursor } = each.opts<{ limit?: string; cursor?: string }>();
      each.setOptionValue("page", {
        ...(most === undefined ? {} : { limit: most }),
        ...(cursor === undefined ? {} : { cursor }),
      });
    });

function limit(value: string): string {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > 200) throw new InvalidArgumentError("It must be 1 to 200.");
  return value;
}

/** A line that says how to go on, for people. */
export const more = (next: string | null): string[] => (next === null ? [] : [`more: --cursor ${next}`]);
