// The benchmark's own children: generator and upstream, both Node on the second processor. They end with their parent:
// the channel between them breaks.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Answer, Load, Order } from "./generator.ts";
import { end, keepTrackOf, pinned } from "./runtime.ts";

function launch(file: string): ChildProcess {
  const script = fileURLToPath(new URL(file, import.meta.url));
  const [command, args] = pinned(1, [process.execPath, script]);
  const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit", "ipc"], serialization: "advanced" });
  keepTrackOf(child);
  return child;
}

/** What a child says next. Rejects when it ends instead: it has said why on stderr. */
async function messageOf(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  const end = (): void => ended.abort(new Error("a helper process of the benchmark ended"));
  child.once("exit", end);
  try {
    const [message] = await once(child, "message", { signal: ended.signal });
    return message;
  } catch (error) {
    throw ended.signal.aborted ? ended.signal.reason : error;
  } finally {
    child.off("exit", end);
  }
}

export interface Upstream {
  readonly pid: number;
  readonly origin: string;
  readonly authority: string;
  stop(): Promise<void>;
}

export async function startUpstream(): Promise<Upstream> {
  const child = launch("./upstream.ts");
  const port = (await messageOf(child)) as number;
  const authority = `127.0.0.1:${port}`;
  return { pid: child.pid!, authority, origin: `http://${authority}`, stop: () => end(child) };
}

export class Generator {
  readonly #child = launch("./generator.ts");

  get pid(): number {
    return this.#child.pid!;
  }

  /** One at a time. Throws when a single answer was not as it should be: then nothing was measured. */
  async run(order: Order): Promise<Load> {
    this.#child.send(order);
    const answer = (await messageOf(this.#child)) as Answer;
    if ("failure" in answer) throw new Error(`the load on port ${order.port} failed: ${answer.failure}`);
    return answer.load;
  }

  stop(): Promise<void> {
    return end(this.#child);
  }
}
