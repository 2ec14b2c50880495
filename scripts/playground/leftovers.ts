// Nothing is left behind, however we end. workerd outlives a parent that dies by SIGKILL, and a temporary folder outlives
// everybody; so a shell of a few lines, in a session of its own, is told of every workerd and of the folder, and cleans up
// when the pipe to us breaks. On an orderly end there is nothing to do, and it is sent home.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import path from "node:path";

const GUARDIAN = `
while read -r word list; do
  case $word in
    pids) pids=$list ;;
    done) exit 0 ;;
  esac
done
kill -9 $pids 2>/dev/null
[ -n "$0" ] && rm -rf -- "$0"
`;

export interface Guardian {
  /** Everything was ended in order: the guardian goes, the folder is the caller's. */
  dismiss(): Promise<void>;
  /** The workerds that run now. */
  readonly pids: ReadonlySet<number>;
}

/** Watches over every workerd that this process starts from now on. `folder`: removed too; "" for none. */
export function postGuardian(folder: string): Guardian {
  const shell = spawn("/bin/sh", ["-c", GUARDIAN, folder], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  shell.unref();
  const ended = new Promise<void>((resolve) => shell.once("exit", () => resolve()));
  // The guardian alone was killed: then there is none, and the orderly end must still work.
  shell.stdin.on("error", () => undefined);
  shell.on("error", () => undefined);
  const pids = new Set<number>();
  const tell = (): void => void shell.stdin.write(`pids ${[...pids].join(" ")}\n`);

  // Node announces every child process here, before it has a number.
  const notice = (message: unknown): void => {
    const { process: child } = message as { process: ChildProcess };
    child.once("spawn", () => {
      const { pid } = child;
      if (pid === undefined || !path.basename(child.spawnfile).startsWith("workerd")) return;
      pids.add(pid);
      tell();
      child.once("exit", () => {
        pids.delete(pid);
        tell();
      });
    });
  };
  subscribe("child_process", notice);
  return {
    pids,
    async dismiss() {
      unsubscribe("child_process", notice);
      shell.stdin.end("done\n");
      await ended;
    },
  };
}
