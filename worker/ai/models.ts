// Which models a client may ask for: the policy's names, and, where the policy lets providers be named, what it lists of them or
// what they list themselves. A provider's own list is read at most once in its time, and a client waits for it only the
// first time, and not for long.
import {
  readListing,
  writeListing,
  writeModel,
  type ListedModel,
  type OfferedModel,
} from "../core/providers/listing.ts";
import { failureOf } from "../core/providers/classify.ts";
import { parseList, parseObject } from "../core/providers/fields.ts";
import type { BatchResult } from "../core/protocol/batch.ts";
import { after } from "../platform/after.ts";
import type { Gateway } from "../platform/gateway.ts";
import { share } from "../platform/share.ts";
import { json, refuse } from "./answer.ts";
import { call, readWhole } from "./call.ts";
import { modelNamed, takeListing, targetAt, type Provider } from "./compiled.ts";
import type { AiWalk } from "./walk.ts";

const DISCOVER_MS = 5_000;
const FIRST_PATIENCE_MS = 2_000;
/** A provider that did not answer is asked again after this. */
const AGAIN_MS = 30_000;

interface Known {
  models: readonly ListedModel[];
  readAt: number;
  reading: Promise<void> | undefined;
}

const known = new WeakMap<Gateway, Map<string, Known>>();

export async function answerModels(walk: AiWalk): Promise<Response> {
  const offered = await offeredModels(walk);
  return json(walk, writeListing(offered, isAnthropic(walk)));
}

export async function answerModel(walk: AiWalk): Promise<Response> {
  const { pathname } = new URL(walk.request.url);
  const id = decodedId(pathname.slice("/v1/models/".length));
  if (id === undefined || modelNamed(walk.ai, id) === undefined) return refuse(walk, failureOf("model_not_found"));
  const owner = walk.ai.models.has(id) ? "sluice" : id.slice(0, Math.max(0, id.indexOf("/"))) || "sluice";
  return json(walk, writeModel({ id, owner }, isAnthropic(walk)));
}

function decodedId(written: string): string | undefined {
  try {
    return decodeURIComponent(written);
  } catch {
    // No percent-encoding: nobody's name.
    return undefined;
  }
}

const isAnthropic = ({ request }: AiWalk): boolean => request.headers.has("anthropic-version");

async function offeredModels(walk: AiWalk): Promise<OfferedModel[]> {
  const offered: OfferedModel[] = [...walk.ai.models.keys()].map((id) => ({ id, owner: "sluice" }));
  if (!walk.ai.options.allowProviderModels) return offered;
  const lists = await Promise.all([...walk.ai.providers.values()].map((provider) => modelsOf(walk, provider)));
  for (const { provider, ids } of lists) {
    for (const id of ids) offered.push({ id: `${provider.name}/${id}`, owner: provider.name });
  }
  return offered;
}

async function modelsOf(walk: AiWalk, provider: Provider): Promise<{ provider: Provider; ids: readonly string[] }> {
  const { models: listed } = provider.options;
  if (listed !== undefined) return { provider, ids: listed.map((one) => (typeof one === "string" ? one : one.id)) };
  const models = await discovered(walk, provider);
  return { provider, ids: models.map(({ id }) => id) };
}

async function discovered(walk: AiWalk, provider: Provider): Promise<readonly ListedModel[]> {
  const { discoverSeconds } = provider.options;
  if (discoverSeconds === 0) return [];
  const entry = entryOf(walk.gateway, provider.name);
  const now = Date.now();
  const age = entry.models.length > 0 ? discoverSeconds * 1000 : AGAIN_MS;
  if (now - entry.readAt < age) return entry.models;
  entry.reading ??= share(
    read(walk, provider, entry).finally(() => {
      entry.reading = undefined;
    }),
  );
  walk.ctx.waitUntil(entry.reading);
  // What was known before is good enough meanwhile.
  if (entry.models.length === 0) {
    await Promise.race([entry.reading, after(FIRST_PATIENCE_MS)]);
  }
  return entry.models;
}

function entryOf(gateway: Gateway, name: string): Known {
  const all = known.get(gateway) ?? new Map<string, Known>();
  known.set(gateway, all);
  const entry = all.get(name) ?? { models: [], readAt: 0, reading: undefined };
  all.set(name, entry);
  return entry;
}

/** With the isolates that want it at the same time: one of them asks for all. */
async function read(walk: AiWalk, provider: Provider, entry: Known): Promise<void> {
  const options = walk.ai.options.batch.modelDiscovery;
  const run = async (items: readonly unknown[]): Promise<BatchResult> => {
    const models = await list(walk.gateway, provider);
    if (models === undefined) return { ok: false, alone: false, error: "unread" };
    return { ok: true, results: items.map(() => models), tokens: 0 };
  };
  const ask = { key: `models ${provider.name}`, items: [0], weights: [1] };
  const result =
    options === false ? await run(ask.items) : await walk.gateway.batches.call({ ...ask, ...options }, run);
  entry.readAt = Date.now();
  if (!result.ok) return;
  entry.models = result.results[0] as readonly ListedModel[];
  takeListing(provider, entry.models);
}

async function list(gateway: Gateway, provider: Provider): Promise<readonly ListedModel[] | undefined> {
  const abort = new AbortController();
  const asked = {
    target: targetAt(provider, ""),
    operation: "models",
    body: undefined,
    stream: false,
    headers: {},
    deadlineMs: DISCOVER_MS,
    signal: abort.signal,
  } as const;
  const answer = await call(
    gateway,
    asked,
    () => {},
    () => true,
  );
  if (!(answer instanceof Response)) return undefined;
  const text = await readWhole(answer, DISCOVER_MS);
  if (typeof text === "string") return readListing(parseObject(text) ?? parseList(text));
  abort.abort();
  return undefined;
}
