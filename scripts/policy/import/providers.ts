// Providers of a policy as they are met in another gateway's configuration: those that are the same become one. Keys that
// stand there in the open become names of secrets: the value stays where it is, and is to be changed.
import type { WrittenPolicy } from "../../../worker/core/policy/schema.ts";
import type { Foreign, Step } from "./document.ts";

type Providers = NonNullable<WrittenPolicy["providers"]>;
export type Provider = Providers[string];
export type Adapter = Provider["adapter"];

/** Names other gateways have for a provider, and its adapter here. */
export const ADAPTERS: Readonly<Record<string, Adapter>> = {
  openai: "openai",
  "text-completion-openai": "openai",
  anthropic: "anthropic",
  azure: "azure",
  "azure-openai": "azure",
  bedrock: "bedrock",
  cloudflare: "workers-ai",
  "workers-ai": "workers-ai",
  cohere: "cohere",
  cohere_chat: "cohere",
  deepseek: "deepseek",
  gemini: "gemini",
  google: "gemini",
  groq: "groq",
  mistral: "mistral",
  "mistral-ai": "mistral",
  ollama: "ollama",
  ollama_chat: "ollama",
  openrouter: "openrouter",
  together_ai: "together",
  "together-ai": "together",
  vllm: "vllm",
  hosted_vllm: "vllm",
  xai: "xai",
  "x-ai": "xai",
};

const ENVIRONMENT = "os.environ/";
const secretName = (words: string): string =>
  words
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "");

export class ProviderList {
  readonly providers: Record<string, Provider> = {};
  #names = new Map<string, string>();
  #hints = new Map<string, string>();

  /** The provider's name in the policy: one there is already, or a new one. `hint`: what it would be called. */
  nameOf(provider: Provider, hint: string): string {
    const identity = JSON.stringify(provider);
    const known = this.#names.get(identity);
    if (known !== undefined) return known;
    const base = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(hint) ? hint : "provider";
    let name = base;
    for (let number = 2; Object.hasOwn(this.providers, name); number++) name = `${base}-${number}`;
    this.#names.set(identity, name);
    this.providers[name] = provider;
    return name;
  }

  /** `os.environ/NAME` as the secret NAME; a key in the open as a secret of a name made up for it. */
  secret(from: Foreign, steps: readonly Step[], hint: string): { secret: string } | undefined {
    const written = from.text(...steps);
    if (written === undefined) return undefined;
    if (written.startsWith(ENVIRONMENT)) return { secret: secretName(written.slice(ENVIRONMENT.length)) };
    // The same key is the same secret, whatever it is called.
    const known = this.#hints.get(written);
    if (known !== undefined) return { secret: known };
    let name = `${secretName(hint)}_KEY`;
    for (let number = 2; [...this.#hints.values()].includes(name); number++) name = `${secretName(hint)}_KEY_${number}`;
    this.#hints.set(written, name);
    from.note(steps, `is a key in the open: change it, and set the new one as secret ${name}`);
    return { secret: name };
  }

  /** An address, with the path that its adapter expects. */
  address(from: Foreign, steps: readonly Step[], adapter: Adapter, hint: string): string | undefined {
    const written = from.text(...steps);
    if (written === undefined) return undefined;
    if (written.startsWith(ENVIRONMENT)) {
      from.note(steps, "stands in the environment: write the address in place of the one that ends in .invalid");
      return `https://${secretName(hint).toLowerCase().replaceAll("_", "-")}.invalid${OPENAI_PATH.has(adapter) ? "/v1" : ""}`;
    }
    const url = URL.parse(written);
    if (url === null || !/^https?:$/.test(url.protocol)) {
      from.note(steps, "is no http(s) address: left out");
      return undefined;
    }
    const path = url.pathname.replace(/\/+$/, "");
    return `${url.origin}${path === "" && OPENAI_PATH.has(adapter) ? "/v1" : path}`;
  }
}

/** Adapters whose address ends in /v1 where nothing else is said. */
const OPENAI_PATH: ReadonlySet<Adapter> = new Set(["ollama", "vllm"]);
