// What the documentation points at is there: every relative link leads to a file and, where it says so, to a heading in it; every
// `npm run` names a script that exists, with flags and commands that its sources know.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const read = (file: string): string => readFileSync(path.join(root, file), "utf8");
const pagesIn = (folder: string): string[] =>
  readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? pagesIn(path.join(folder, entry.name))
      : entry.name.endsWith(".md")
        ? [path.join(folder, entry.name)]
        : [],
  );
const PAGES = ["README.md", "STORAGE.md", "CHANGELOG.md", "DECISIONS.md", ...pagesIn("docs")];

// --- links ---

const withoutCode = (text: string): string => text.replaceAll(/^```[^]*?^```$/gm, "").replaceAll(/`[^`\n]*`/g, "");

/** As the forge makes an anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");
const anchorsIn = (file: string): Set<string> =>
  new Set([...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading!)));

function brokenLinks(page: string): string[] {
  const links = [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g)].map(([, target]) => target!);
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [file = "", anchor] = link.split("#");
    const target = file === "" ? page : path.join(path.dirname(page), file);
    if (!existsSync(path.join(root, target))) return true;
    return anchor !== undefined && target.endsWith(".md") && !anchorsIn(target).has(anchor);
  });
}

it.each(PAGES)("%s links to what is there", (page) => expect(brokenLinks(page)).toEqual([]));

it("every page is found from the index", () => {
  const index = read("docs/README.md");
  const pages = readdirSync(path.join(root, "docs")).filter((name) => name.endsWith(".md") && name !== "README.md");
  expect(pages.filter((name) => !index.includes(`](${name})`))).toEqual([]);
});

// --- commands ---

const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };

/** The script's file and what it imports of scripts/, as text. */
function sourcesOf(script: string): string | undefined {
  const entry = /scripts\/\S+\.ts/.exec(scripts[script] ?? "")?.[0];
  if (entry === undefined) return undefined;
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, target] of read(file).matchAll(/from "(\.[^"]+\.ts)"/g)) {
      const next = path.join(path.dirname(file), target!);
      if (next.startsWith("scripts/")) visit(next);
    }
  };
  visit(entry);
  return [...seen].map(read).join("\n");
}

interface Command {
  readonly page: string;
  readonly line: string;
  readonly script: string;
  readonly words: readonly string[];
}

/** Lines of shell blocks, and what stands in code within a sentence. */
function commandsIn(page: string): Command[] {
  const text = read(page);
  const blocks = [...text.matchAll(/^```(?:sh)?\n([^]*?)^```$/gm)].flatMap(([, lines]) => lines!.split("\n"));
  const inline = [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!);
  return [...blocks, ...inline].flatMap((line) => {
    const bare = line.replace(/\s#.*$/, "").split(/\s(?:&&|\|\||[|;&]|2?>)(?:\s|$)/);
    return bare.flatMap((part): Command[] => {
      const found = /(?:^|\s)npm (?:run (?:-s )?(?<named>[\w:.-]+)|(?<short>start|test))(?: -- (?<rest>.*))?/.exec(
        part,
      )?.groups;
      const script = found?.["named"] ?? found?.["short"];
      if (script === undefined) return [];
      const words = (found?.["rest"] ?? "").split(/\s+/).filter((word) => word !== "");
      const line = part.trim();
      const [first = "", ...rest] = words;
      // What is a script of its own takes its own flags.
      return script === "sluice" && PASSED_ON.has(first)
        ? [{ page, line, script: first, words: rest }]
        : [{ page, line, script, words }];
    });
  });
}

/** Tools with flags of their own. */
const FOREIGN = new Set(["wrangler", "test", "typecheck", "format"]);
/** Scripts whose first word is one of their commands. */
const WITH_COMMANDS = new Set(["policy", "chaos", "sluice"]);
/** Words of `sluice` that are scripts. */
const PASSED_ON = new Set(["start", "deploy", "bench", "cost", "simulate"]);

describe("commands in the documentation", () => {
  const commands = PAGES.filter((page) => page !== "CHANGELOG.md" && page !== "DECISIONS.md").flatMap(commandsIn);

  it("are many", () => expect(commands.length).toBeGreaterThan(60));

  it("name scripts that exist", () => {
    expect(commands.filter(({ script }) => !Object.hasOwn(scripts, script))).toEqual([]);
  });

  it("have flags and commands that their scripts know", () => {
    const known = new Map<string, string>();
    const wrong = commands.filter(({ script, words }) => {
      if (FOREIGN.has(script)) return false;
      const source = known.get(script) ?? sourcesOf(script);
      if (source === undefined) return true;
      known.set(script, source);
      const flags = words.flatMap((word) => /^--[a-z][a-z-]*/.exec(word) ?? []);
      // A flag that is switched off is written down as the one it switches off.
      const isKnown = (flag: string): boolean =>
        new RegExp(`${flag}(?![a-z-])`).test(source) || source.includes(`"${flag.slice(2)}"`);
      const [first = ""] = words;
      const isCommand =
        !WITH_COMMANDS.has(script) || !/^[a-z]+$/.test(first) || new RegExp(`"${first}["\\s]`).test(source);
      return !isCommand || !flags.every(isKnown);
    });
    expect(wrong).toEqual([]);
  });
});
