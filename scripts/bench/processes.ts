// What processes cost, from /proc (Linux). Elsewhere CPU and memory are not measured, and the report says so: undefined,
// never zero.
import { readdirSync, readFileSync } from "node:fs";

/** CPU time of a process since it began, µs, to the scheduler's own precision; undefined where it cannot be told. */
export function cpuMicros(pid: number): number | undefined {
  try {
    let nanos = 0;
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      nanos += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
    }
    return nanos / 1000;
  } catch {
    return undefined;
  }
}

/** Resident memory of a process, bytes. */
export function residentBytes(pid: number): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}

/**
 * Jiffies in which any processor was at work for a program, or taken away by the hypervisor (`steal`). Interrupts are
 * left out: those of our own sockets stand there too, and belong to no process.
 */
export function busyTicks(stat: string): number {
  const [, user, nice, system, , , , , steal] = stat.split("\n")[0]!.trim().split(/\s+/).map(Number);
  return user! + nice! + system! + steal!;
}

/** Jiffies that one process has used, from its `stat`; its name may hold spaces and parentheses. */
export function ownTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

const TICKS_PER_SECOND = 100;

/** How much of a processor went to others than `pids` between two moments. */
export class Neighbours {
  readonly #pids: readonly number[];
  #busy = 0;
  #own = 0;
  #at = 0;

  constructor(pids: readonly number[]) {
    this.#pids = pids;
  }

  begin(): void {
    this.#busy = this.#readBusy() ?? 0;
    this.#own = this.#readOwn();
    this.#at = performance.now();
  }

  /** Share of one processor since `begin`: 0 for nobody, 1 for a processor's worth; 0 where it cannot be told. */
  share(): number {
    const busy = this.#readBusy();
    if (busy === undefined) return 0;
    const seconds = (performance.now() - this.#at) / 1000;
    const foreign = busy - this.#busy - (this.#readOwn() - this.#own);
    return Math.max(0, foreign / TICKS_PER_SECOND / seconds);
  }

  #readBusy(): number | undefined {
    try {
      return busyTicks(readFileSync("/proc/stat", "utf8"));
    } catch {
      return undefined;
    }
  }

  #readOwn(): number {
    let ticks = 0;
    for (const pid of [...this.#pids, process.pid]) {
      try {
        ticks += ownTicks(readFileSync(`/proc/${pid}/stat`, "utf8"));
      } catch {
        // Gone, or no /proc: then there is no busy time to compare with either.
      }
    }
    return ticks;
  }
}
