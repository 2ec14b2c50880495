// The regions: one Miniflare a region, so each has a workerd, a cache and a `cf` of its own, and one more, `control`, where
// the Durable Objects live. The gateways reach those by script name over a private registry, and all share one KV.
// Every gateway runs the bundle that would be deployed, on a direct socket, for Miniflare's main one rewrites
// Accept-Encoding and compresses answers; in front of it stands a door. When a workerd dies, Miniflare starts it again and
// the door waits for it; when that fails, `onFailure` hears of it.
import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from "miniflare";
import type { MiniflareOptions, V4DurableObject, V4MiniflareOptions, V4WorkerOptionsShape } from "miniflare";
import path from "node:path";
import type { Doors } from "./door.ts";
import type { Place } from "./places.ts";

export interface RegionSettings {
  readonly name: string;
  readonly place: Place;
}

export interface Surroundings {
  /** One ES module: the Worker. */
  readonly script: string;
  readonly options: V4WorkerOptionsShape;
  /** Where KV, objects and caches are kept. */
  readonly stateFolder: string;
  /** Where the gateways find `control`; private to this start. */
  readonly registryFolder: string;
  readonly adminToken: string;
  /** Further variables by name: keys of providers. */
  readonly secrets: Readonly<Record<string, string>>;
  /** What a Worker or workerd wrote: `who` is a region's name or `control`. */
  readonly onLog: (who: string, level: string, message: string) => void;
  readonly onRestart: (who: string) => void;
  /** A workerd died and could not be started again. */
  readonly onFailure: (who: string, error: Error) => void;
}

export interface Region extends RegionSettings {
  /** What is printed, and what clients use. */
  readonly origin: string;
}

const CONTROL = "control";
const gatewayOf = (region: string): string => `gateway-${region}`;

export interface Running {
  /** Every region listens, and its door leads there. */
  readonly ready: Promise<void>;
  dispose(): Promise<void>;
}

/** Starts `control` and all regions at once; may be disposed of before they are ready. */
export function startRegions(regions: readonly RegionSettings[], doors: Doors, surroundings: Surroundings): Running {
  // Miniflare takes the environment's word before that of its options: another playground's objects would be found there.
  process.env["CLOUDFLARE_DEV_REGISTRY_PATH"] = surroundings.registryFolder;
  const control = start(CONTROL, surroundings);
  const gateways = regions.map((region, index) =>
    start(gatewayOf(region.name), surroundings, { region, lead: (port) => doors.point(index, port) }),
  );
  const all = [control, ...gateways];
  return {
    ready: Promise.all(all.map((each) => each.ready)).then(() => undefined),
    // Each in its own way: one that fails to end must not keep the others.
    dispose: async () => void (await Promise.allSettled(all.map((each) => each.dispose()))),
  };
}

/** What makes a gateway of a Worker: its region, its socket, and objects that live in `control`. */
function gatewayOptions({ name, place }: RegionSettings, options: V4WorkerOptionsShape): V4WorkerOptionsShape {
  const elsewhere = ([binding, object]: [string, string | V4DurableObject]): [string, V4DurableObject] => [
    binding,
    { ...(typeof object === "string" ? { className: object } : object), scriptName: CONTROL, useSQLite: true },
  ];
  return {
    // Direct sockets carry no `cf`: the Worker reads REGION_CF where the runtime gives it none.
    bindings: { ...options.bindings, REGION_NAME: name, REGION_CF: { ...place } },
    durableObjects: Object.fromEntries(Object.entries(options.durableObjects ?? {}).map(elsewhere)),
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  };
}

interface Gateway {
  readonly region: RegionSettings;
  /** Where its door leads; undefined: nowhere for now, callers wait. */
  readonly lead: (port: number | undefined) => void;
}

function start(name: string, surroundings: Surroundings, gateway?: Gateway): Running {
  const { onRestart, stateFolder, registryFolder } = surroundings;
  const who = gateway?.region.name ?? name;
  const log = new RegionLog(who, surroundings, () => gateway?.lead(undefined));
  // Made anew for each use: Miniflare changes what it is given.
  const options = (): MiniflareOptions => ({
    ...convertV4MiniflareOptions({
      ...workerOf(name, surroundings, gateway?.region),
      log,
      handleStructuredLogs: ({ level, message }) => surroundings.onLog(who, level, message),
      unsafeHandleRuntimeRestart: restarted,
    }),
    enableDevRegistry: true,
    unsafeDevRegistryPath: registryFolder,
    unsafeEnableSharedStorage: true,
    resourcePersistencePath: path.join(stateFolder, "shared"),
    isolatedResourcePersistencePath: path.join(stateFolder, name),
  });
  const lead = async (): Promise<void> => {
    if (gateway !== undefined) gateway.lead(Number((await miniflare.unsafeGetDirectURL(name)).port));
  };
  const restarted = async (): Promise<void> => {
    // A gateway that Miniflare has restarted no longer finds the objects in `control`; with its options anew it does.
    if (gateway !== undefined) await miniflare.setOptions(options());
    await lead();
    onRestart(who);
  };
  const miniflare = new Miniflare(options());
  return { ready: miniflare.ready.then(lead), dispose: () => miniflare.dispose() };
}

/** The Worker as this process runs it: `control` holds the objects, a gateway everything else. */
function workerOf(
  name: string,
  { script, options, adminToken, secrets }: Surroundings,
  region: RegionSettings | undefined,
): V4MiniflareOptions {
  const own = region === undefined ? {} : gatewayOptions(region, options);
  const kv = Object.keys(options.kvNamespaces ?? {}).map((binding) => [binding, `sluice-${binding}`]);
  return {
    ...options,
    ...own,
    name,
    modules: true,
    script,
    kvNamespaces: Object.fromEntries(kv),
    bindings: { ...options.bindings, ...own.bindings, ...secrets, ADMIN_TOKEN: adminToken, ALLOW_PRIVATE: "true" },
    cf: region === undefined ? false : { ...region.place },
  };
}

/** Miniflare's own words: of a crash it says that it restarts, which `onRestart` says better, and when it could not. */
class RegionLog extends Log {
  readonly #who: string;
  readonly #surroundings: Surroundings;
  readonly #onCrash: () => void;

  constructor(who: string, surroundings: Surroundings, onCrash: () => void) {
    super(LogLevel.WARN);
    this.#who = who;
    this.#surroundings = surroundings;
    this.#onCrash = onCrash;
  }

  override warn(message: string): void {
    if (message.includes("crashed unexpectedly")) this.#onCrash();
    else this.#surroundings.onLog(this.#who, "warn", message);
  }

  override error(error: Error): void {
    const isFatal = "code" in error && error.code === "ERR_RUNTIME_FAILURE";
    if (isFatal) this.#surroundings.onFailure(this.#who, error);
    else this.#surroundings.onLog(this.#who, "error", error.message);
  }
}
