// The playground under test: regions as `npm start` runs them, in front of upstreams of the soak's own, on a state folder that outlives
// every kill. Knows which workerd is whose, for killing; Linux only, as it reads /proc.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { workerOptions } from "../bundle.ts";
import { residentBytes } from "../bench/processes.ts";
import { Doors } from "../playground/door.ts";
import { postGuardian, type Guardian } from "../playground/leftovers.ts";
import { placeOfRegion } from "../playground/places.ts";
import { startRegions, type Running } from "../playground/regions.ts";
import { FAULTS_PATH, soakWorker } from "./entry.ts";
import type { Faults } from "./worker/faults.ts";

export const ADMIN_TOKEN = "soak-admin-token";
const CONTROL = "control";
/** A second on a calm machine; who shares it with others waits. */
const RESTART_WITHIN_MS = 120_000;

/** Doors that remember where they lead: a workerd is known by the port it listens on. */
class WatchedDoors extends Doors {
  readonly led: (number | undefined)[] = [];
  override point(index: number, port: number | undefined): void {
    this.led[index] = port;
    super.point(index, port);
  }
}

export interface FleetSettings {
  readonly regions: readonly string[];
  /** Takes state, registry and the generated entry; the caller removes it. */
  readonly folder: string;
  readonly secrets: Readonly<Record<string, string>>;
  readonly onLog: (who: string, message: string) => void;
  /** A workerd that nobody killed died. */
  readonly onCrash: (who: string) => void;
}

export class Fleet {
  readonly origins: readonly string[];
  readonly names: readonly string[];
  readonly stateFolder: string;
  readonly #doors: WatchedDoors;
  readonly #guardian: Guardian;
  readonly #running: Running;
  /** Who was killed and is not back yet. */
  readonly #awaited: Map<string, () => void>;

  private constructor(
    settings: FleetSettings,
    parts: {
      doors: WatchedDoors;
      guardian: Guardian;
      running: Running;
      ports: readonly number[];
      awaited: Map<string, () => void>;
    },
  ) {
    this.names = settings.regions;
    this.stateFolder = path.join(settings.folder, "state");
    this.origins = parts.ports.map((port) => `http://127.0.0.1:${port}`);
    this.#doors = parts.doors;
    this.#guardian = parts.guardian;
    this.#running = parts.running;
    this.#awaited = parts.awaited;
  }

  static async start(settings: FleetSettings): Promise<Fleet> {
    const script = await soakWorker(settings.folder);
    const doors = new WatchedDoors();
    const ports = await doors.open(0, settings.regions.length);
    const guardian = postGuardian("");
    const awaited = new Map<string, () => void>();
    const regions = settings.regions.map((name) => ({ name, place: placeOfRegion(name, {})! }));
    const running = startRegions(regions, doors, {
      script,
      options: workerOptions(),
      stateFolder: path.join(settings.folder, "state"),
      registryFolder: path.join(settings.folder, "registry"),
      adminToken: ADMIN_TOKEN,
      secrets: settings.secrets,
      onLog: (who, _level, message) => settings.onLog(who, message),
      onRestart: (who) => {
        const back = awaited.get(who);
        awaited.delete(who);
        if (back === undefined) settings.onCrash(who);
        else back();
      },
      onFailure: (who, error) => settings.onCrash(`${who}: ${error.message}`),
    });
    const fleet = new Fleet(settings, { doors, guardian, running, ports, awaited });
    try {
      await running.ready;
    } catch (error) {
      await fleet.close();
      throw error;
    }
    return fleet;
  }

  /** `control` and each region, with its process. */
  processes(): Map<string, number> {
    const byPort = new Map<number, number>();
    const inodes = listeners();
    for (const pid of this.#guardian.pids) for (const port of portsOf(pid, inodes)) byPort.set(port, pid);
    const known = new Map<string, number>();
    this.names.forEach((name, index) => {
      const pid = byPort.get(this.#doors.led[index] ?? 0);
      if (pid !== undefined) known.set(name, pid);
    });
    const rest = [...this.#guardian.pids].filter((pid) => ![...known.values()].includes(pid));
    if (rest.length === 1) known.set(CONTROL, rest[0]!);
    return known;
  }

  /** SIGKILL, at once, of all that are named; resolves when they are back on their state. */
  async kill(names: readonly string[]): Promise<void> {
    const processes = this.processes();
    const back = names.map((name) => {
      const pid = processes.get(name);
      if (pid === undefined) throw new Error(`no process of ${name} is known`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#awaited.set(name, resolve);
      process.kill(pid, "SIGKILL");
      return promise;
    });
    const late = sleep(RESTART_WITHIN_MS, "late", { ref: false });
    if ((await Promise.race([Promise.all(back), late])) === "late")
      throw new Error(`${names.join(", ")} did not come back within ${RESTART_WITHIN_MS} ms`);
  }

  /** Tells every gateway, and the process of the objects. */
  async setFaults(faults: Faults): Promise<void> {
    await Promise.all(
      this.origins.map((origin, index) =>
        fetch(`${origin}${FAULTS_PATH}`, {
          method: "POST",
          body: JSON.stringify({ ...faults, objectsToo: index === 0 }),
          signal: AbortSignal.timeout(10_000),
        }).then((answer) => answer.arrayBuffer()),
      ),
    );
  }

  /** Resident memory by process, bytes. */
  memory(): Map<string, number> {
    return new Map([...this.processes()].map(([name, pid]) => [name, residentBytes(pid) ?? 0]));
  }

  /** State stays where it is, for who wants to read it. */
  async close(): Promise<void> {
    await this.#running.dispose();
    await this.#doors.close();
    await this.#guardian.dismiss();
  }
}

/** By inode, the port of each socket of this machine that listens (proc(5), /proc/net/tcp). */
function listeners(): Map<string, number> {
  const ports = new Map<string, number>();
  for (const line of readFileSync("/proc/net/tcp", "latin1").split("\n").slice(1)) {
    const fields = line.trim().split(/\s+/);
    if (fields[3] === "0A") ports.set(fields[9]!, Number.parseInt(fields[1]!.split(":")[1]!, 16));
  }
  return ports;
}

function portsOf(pid: number, inodes: ReadonlyMap<string, number>): number[] {
  return orNone(() => readdirSync(`/proc/${pid}/fd`)).flatMap((fd) => {
    // A connection may have closed meanwhile.
    const [link] = orNone(() => [readlinkSync(`/proc/${pid}/fd/${fd}`)]);
    const inode = /^socket:\[(\d+)\]$/.exec(link ?? "")?.[1];
    const port = inode === undefined ? undefined : inodes.get(inode);
    return port === undefined ? [] : [port];
  });
}

function orNone(read: () => string[]): string[] {
  try {
    return read();
  } catch {
    return [];
  }
}
