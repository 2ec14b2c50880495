// The policy that a start runs: checked before anything is started, and, where it comes from a file, watched. A file is
// looked at, not subscribed to, so that editors that replace it by renaming, symbolic links and mounted folders all work;
// it is read once it has stayed the same for one look, so that a half-written one is not taken for the whole.
import { readFileSync, statSync } from "node:fs";
import { parsePolicy } from "../../worker/core/policy/parse.ts";
import type { Policy, WrittenPolicy } from "../../worker/core/policy/schema.ts";
import { checkTarget } from "../../worker/core/policy/targets.ts";
import { ok, refuse } from "../../worker/core/result/result.ts";
import type { Result } from "../../worker/core/result/result.ts";
import type { ProviderSettings } from "./settings.ts";

export interface CheckedPolicy {
  readonly text: string;
  readonly policy: Policy;
}

const PROBLEMS_SHOWN = 5;

/** A policy as the local gateways would take it; else what is wrong with it, paths first, in one line. */
export function checkPolicy(text: string): Result<CheckedPolicy, string> {
  const parsed = parsePolicy(text);
  const problems = parsed.ok ? checkTarget(parsed.value, "local", { allowPrivate: true }) : parsed.error;
  if (parsed.ok && problems.length === 0) return ok({ text, policy: parsed.value });
  const shown = problems.slice(0, PROBLEMS_SHOWN).map(({ path, message }) => `${path || "the document"} ${message}`);
  const rest = problems.length - shown.length;
  return refuse(shown.join("; ") + (rest > 0 ? `; and ${rest} more` : ""));
}

export function readPolicyFile(file: string): Result<CheckedPolicy, string> {
  try {
    return checkPolicy(readFileSync(file, "utf8"));
  } catch (error) {
    return refuse(reasonOf(error));
  }
}

/**
 * In front of servers as they are: one service, one route, nothing added. A single server is shown as it answers, errors
 * too: where nobody else could answer, a breaker or a second try would only hide what it says. What it marks as fresh is
 * cached to the letter of RFC 9111, a Set-Cookie in it too; a policy that says nothing never shares one.
 */
export function upstreamPolicy(urls: readonly string[]): WrittenPolicy {
  const alone = urls.length === 1 ? { breaker: false as const, attempts: { max: 1 } } : {};
  return {
    services: { upstream: { instances: urls.map((url, index) => ({ id: `upstream-${index + 1}`, url })), ...alone } },
    routes: [{ match: { path: "/*" }, service: "upstream" }],
    cache: { setCookie: "store" },
  };
}

/** The same with AI providers beside it: by the adapter of their name, else as OpenAI's API at their address. */
export function withProviders(policy: WrittenPolicy, providers: readonly ProviderSettings[]): WrittenPolicy {
  if (providers.length === 0) return policy;
  const written = providers.map(({ name, url, secret, key }): [string, WrittenProvider] => [
    name,
    {
      adapter: ADAPTERS.find((adapter) => adapter === name) ?? "openai",
      ...(url === undefined ? {} : { baseUrl: url }),
      ...(key === undefined ? {} : { key: { secret } }),
    },
  ]);
  return { ...policy, ai: { auth: "none" }, providers: { ...policy.providers, ...Object.fromEntries(written) } };
}

type WrittenProvider = NonNullable<WrittenPolicy["providers"]>[string];
/** Names that are adapters as well. */
const ADAPTERS: readonly WrittenProvider["adapter"][] = [
  "openai",
  "anthropic",
  "cohere",
  "deepseek",
  "gemini",
  "groq",
  "mistral",
  "ollama",
  "openrouter",
  "together",
  "vllm",
  "xai",
];

const reasonOf = (error: unknown): string => {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EISDIR") return "it is a folder";
  if (code === "EACCES") return "it may not be read";
  return error instanceof Error ? error.message : String(error);
};

// --- Watching ---

/** What was seen of a file: a signature that differs when its content may differ, "" when it was not there. */
export interface Watched {
  /** Of what was last read. */
  readonly taken: string;
  /** Of the last look. */
  readonly seen: string;
}

/** One look: read when it has changed since it was taken and is still the same as one look ago. */
export function look(watched: Watched, signature: string): { readonly next: Watched; readonly read: boolean } {
  const settled = signature === watched.seen && signature !== watched.taken;
  return { next: { taken: settled ? signature : watched.taken, seen: signature }, read: settled };
}

const LOOK_EVERY_MS = 200;

/**
 * Calls `onChange` with every new content of the file, valid or not, and the reason when it cannot be read. Content that
 * differs in nothing is no change. Returns how to stop.
 */
export function watchPolicyFile(
  file: string,
  current: string,
  onChange: (read: Result<CheckedPolicy, string>) => void,
): () => void {
  // Nothing is known yet of the file: it may have changed since its content was read.
  let watched: Watched = { taken: "unknown", seen: "unknown" };
  let known = current;
  const timer = setInterval(() => {
    const { next, read } = look(watched, signatureOf(file));
    watched = next;
    if (!read) return;
    const found = readIfChanged(file, known);
    if (found === undefined) return;
    if (found.ok) known = found.value;
    onChange(found.ok ? checkPolicy(found.value) : found);
  }, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}

function readIfChanged(file: string, known: string): Result<string, string> | undefined {
  try {
    const text = readFileSync(file, "utf8");
    return text === known ? undefined : ok(text);
  } catch (error) {
    return refuse(reasonOf(error));
  }
}

function signatureOf(file: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(file);
    return [ino, size, mtimeMs, ctimeMs].join();
  } catch {
    // Whatever hides it, to read it will say.
    return "";
  }
}
