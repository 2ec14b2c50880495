// The rig of the acceptance scenarios: up to three gateways as named workers of ONE Miniflare, so each has an isolate and a
// memory of its own while all share the Durable Objects of the first, KV and one state on disk. Every gateway listens on a
// direct socket, where bytes arrive as they were sent. Objects can be bound to faulty ones; workerd can be killed and restarted.
import { subscribe } from "node:diagnostics_channel";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Log, LogLevel, Miniflare, Response as MiniflareResponse, convertV4MiniflareOptions } from "miniflare";
import type { V4DurableObject, V4MiniflareOptions, V4WorkerOptions } from "miniflare";
import { inject } from "vitest";
import { POLICY_KEY } from "../../worker/core/protocol/names.ts";
import { faultyClass, faultyScript } from "./faulty.ts";
import type { Fault } from "./faulty.ts";

export const ADMIN_TOKEN = "test-admin-token";

export interface RigOptions {
  /** How many gateways; default 1. */
  gateways?: 1 | 2 | 3;
  /** REGION_NAME of each gateway, the last one standing for the rest; default "weur". */
  regions?: readonly string[];
  /** Installed before the rig is handed over. */
  policy?: unknown;
  /** Bindings that go to faulty objects, by binding name; a fault alone means all of them. The policy then goes straight into KV. */
  faulty?: Fault | Readonly<Record<string, Fault>>;
  /** Further vars, over ADMIN_TOKEN, ALLOW_PRIVATE and REGION_NAME. */
  vars?: Readonly<Record<string, string>>;
  /** Workers bound to the gateways as services: module scripts by binding name. */
  services?: Readonly<Record<string, string>>;
  /** Folder of the dashboard's files; absent: none are bound. */
  dashboard?: string;
  /** Answers what the gateways ask of these hosts, which nobody else here could; everything else goes its way. */
  hosts?: Readonly<Record<string, string>>;
  /** How long a gateway may take to be ready; default 60 s, for a busy machine. */
  readyWithinMs?: number;
}

/** Rigs of this process that are up: what they logged is shown when a test fails. */
export const standing = new Set<Rig>();

export class Rig {
  /** Origins of G1, G2, G3. */
  origins: readonly string[] = [];
  /** What the workers wrote to their consoles and workerd to its own, oldest first. */
  readonly logs: { level: string; message: string }[] = [];
  readonly #options: RigOptions;
  readonly #folder = mkdtempSync(path.join(os.tmpdir(), "sluice-rig-"));
  #miniflare: Miniflare | undefined;
  #workerd: ChildProcess | undefined;
  #ports: readonly number[] = [];

  constructor(options: RigOptions) {
    this.#options = options;
  }

  /** Of the n-th gateway, 1-based. */
  origin(gateway = 1): string {
    const origin = this.origins[gateway - 1];
    if (origin === undefined) throw new RangeError(`the rig has no gateway ${gateway}`);
    return origin;
  }

  get g1(): string {
    return this.origin(1);
  }
  get g2(): string {
    return this.origin(2);
  }
  get g3(): string {
    return this.origin(3);
  }

  /** Process id of workerd, which runs all gateways. */
  get pid(): number {
    const pid = this.#workerd?.pid;
    if (pid === undefined) throw new Error("workerd does not run");
    return pid;
  }

  /** Where KV and the objects' storage are kept. */
  get folder(): string {
    return this.#folder;
  }

  /** Resident memory of workerd in bytes; Linux only. */
  residentBytes(): number {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, "utf8"))?.[1];
    if (kilobytes === undefined) throw new Error("the process status names no VmRSS");
    return Number(kilobytes) * 1024;
  }

  /** Starts, or starts again on the same ports with the state on disk as it was left. */
  async start(): Promise<void> {
    if (this.#miniflare !== undefined) throw new Error("the rig runs already");
    const started = workerdOf(async () => {
      const miniflare = new Miniflare(convertV4MiniflareOptions(this.#settings()));
      this.#miniflare = miniflare;
      await miniflare.ready;
      const urls = await Promise.all(this.#names().map((name) => miniflare.unsafeGetDirectURL(name)));
      this.origins = urls.map((url) => url.origin);
      this.#ports = urls.map((url) => Number(url.port));
    });
    this.#workerd = await started;
    standing.add(this);
  }

  /** Until every gateway says it is ready. */
  async ready(withinMs = this.#options.readyWithinMs ?? 60_000): Promise<void> {
    const end = Date.now() + withinMs;
    for (const origin of this.origins) {
      for (;;) {
        const said = await fetch(`${origin}/_sluice/ready`);
        const text = await said.text();
        if (said.status === 200) break;
        if (Date.now() > end) throw new Error(`${origin} is not ready after ${withinMs} ms: ${said.status} ${text}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  /** A request to the admin API of the first gateway. */
  async admin(target: string, init: RequestInit = {}, gateway = 1): Promise<Response> {
    const headers = new Headers(init.headers);
    if (!headers.has("authorization")) headers.set("authorization", `Bearer ${ADMIN_TOKEN}`);
    return fetch(`${this.origin(gateway)}/_sluice/admin/${target}`, { ...init, headers });
  }

  /** Publishes a policy as an operator would; throws with the refusal when it is refused. */
  async publish(policy: unknown): Promise<Response> {
    const answer = await this.admin("policy", {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(policy),
    });
    if (!answer.ok) throw new Error(`the policy was refused: ${answer.status} ${await answer.text()}`);
    return answer;
  }

  /** Writes KV behind the gateway's back; undefined deletes. */
  async putKv(key: string, value: string | undefined): Promise<void> {
    const kv = await this.#running().getKVNamespace("KV", "g1");
    if (value === undefined) await kv.delete(key);
    else await kv.put(key, value);
  }

  async getKv(key: string): Promise<string | null> {
    return (await this.#running().getKVNamespace("KV", "g1")).get(key, "text");
  }

  /** SIGKILL of workerd, at once: nothing is flushed, no handler runs. */
  async kill(): Promise<void> {
    process.kill(this.pid, "SIGKILL");
    // Miniflare would bring workerd back by itself; this rig says when.
    await this.#running().dispose();
    this.#miniflare = undefined;
    this.#workerd = undefined;
  }

  /** After `kill`. */
  async restart(): Promise<void> {
    await this.start();
    await this.ready();
  }

  async close(): Promise<void> {
    standing.delete(this);
    await this.#miniflare?.dispose();
    this.#miniflare = undefined;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #running(): Miniflare {
    if (this.#miniflare === undefined) throw new Error("the rig does not run");
    return this.#miniflare;
  }

  #names(): string[] {
    return Array.from({ length: this.#options.gateways ?? 1 }, (_, index) => `g${index + 1}`);
  }

  #settings(): V4MiniflareOptions {
    const gateways = this.#names().map((name, index) => this.#worker(name, index));
    const faulty: V4WorkerOptions = {
      name: "faulty",
      modules: true,
      script: faultyScript,
      compatibilityDate: inject("gateway").options.compatibilityDate ?? "",
      durableObjects: Object.fromEntries(
        Object.values(faultyClass).map((className) => [className, { className, useSQLite: true }]),
      ),
    };
    const services = Object.entries(this.#options.services ?? {}).map(([binding, script]): V4WorkerOptions => ({
      name: serviceName(binding),
      modules: true,
      script,
      compatibilityDate: inject("gateway").options.compatibilityDate ?? "",
    }));
    return {
      workers: [...gateways, ...services, ...(this.#options.faulty === undefined ? [] : [faulty])],
      log: new Log(LogLevel.NONE),
      handleStructuredLogs: ({ level, message }) => void this.logs.push({ level, message }),
      cf: false,
      resourcePersistencePath: path.join(this.#folder, "state"),
    };
  }

  #worker(name: string, index: number): V4WorkerOptions {
    const { scriptPath, options } = inject("gateway");
    const regions = this.#options.regions ?? ["weur"];
    return {
      ...options,
      name,
      modules: true,
      script: readFileSync(scriptPath, "utf8"),
      kvNamespaces: Object.fromEntries(
        Object.keys(options.kvNamespaces ?? {}).map((binding) => [binding, `rig-${binding}`]),
      ),
      bindings: {
        ...options.bindings,
        ADMIN_TOKEN,
        ALLOW_PRIVATE: "true",
        REGION_NAME: regions[Math.min(index, regions.length - 1)] ?? "",
        ...this.#options.vars,
      },
      serviceBindings: {
        ...Object.fromEntries(
          Object.keys(this.#options.services ?? {}).map((binding) => [binding, serviceName(binding)]),
        ),
        ...(this.#options.dashboard === undefined
          ? {}
          : { ASSETS: { disk: { path: this.#options.dashboard, writable: false } } }),
      },
      durableObjects: Object.fromEntries(
        Object.entries(options.durableObjects ?? {}).map(([binding, object]) => [
          binding,
          this.#object(binding, object, name),
        ]),
      ),
      ...outboundOf(this.#options.hosts),
      unsafeDirectSockets: [{ host: "127.0.0.1", port: this.#ports[index] ?? 0 }],
    };
  }

  /** Healthy objects live in the first gateway's worker; the others reach them by its name. */
  #object(binding: string, object: string | V4DurableObject, worker: string): V4DurableObject {
    const { faulty } = this.#options;
    const fault = typeof faulty === "string" ? faulty : faulty?.[binding];
    if (fault !== undefined) return { className: faultyClass[fault], scriptName: "faulty", useSQLite: true };
    const own: V4DurableObject = typeof object === "string" ? { className: object, useSQLite: true } : object;
    return worker === "g1" ? own : { ...own, scriptName: "g1" };
  }
}

const serviceName = (binding: string): string => `behind-${binding.toLowerCase().replaceAll("_", "-")}`;

/** Leads requests to hosts that stand elsewhere in the world to origins of the test. */
function outboundOf(hosts: RigOptions["hosts"]): Pick<V4WorkerOptions, "outboundService"> {
  if (hosts === undefined) return {};
  return {
    outboundService: async (request) => {
      const url = new URL(request.url);
      const origin = hosts[url.host] ?? url.origin;
      const { method, headers, body } = request;
      const answer = await fetch(origin + url.pathname + url.search, {
        ...{ method, headers: Object.fromEntries(headers), redirect: "manual" },
        body: body === null ? null : await request.arrayBuffer(),
      });
      return new MiniflareResponse(await answer.arrayBuffer(), { status: answer.status, headers: [...answer.headers] });
    },
  };
}

/** The workerd that `start` spawns. Node announces every child process on this channel. */
let queue: Promise<unknown> = Promise.resolve();
const spawned: ChildProcess[] = [];
subscribe("child_process", (message) => {
  const { process: child } = message as { process: ChildProcess };
  spawned.push(child);
});
async function workerdOf(start: () => Promise<void>): Promise<ChildProcess> {
  const turn = queue.then(async () => {
    spawned.length = 0;
    await start();
    const workerd = spawned.find((child) => path.basename(child.spawnfile).startsWith("workerd"));
    if (workerd === undefined) throw new Error("Miniflare started no workerd");
    return workerd;
  });
  queue = turn.catch(() => undefined);
  return turn;
}

/** A rig that is up and, when a policy was given, ready on every gateway. */
export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const rig = new Rig(options);
  try {
    await rig.start();
    if (options.policy !== undefined) {
      if (options.faulty === undefined) await rig.publish(options.policy);
      else await rig.putKv(POLICY_KEY, JSON.stringify(options.policy));
      await rig.ready();
    }
  } catch (error) {
    console.error(rig.logs.map(({ level, message }) => `${level}: ${message}`).join("\n"));
    await rig.close();
    throw error;
  }
  return rig;
}
