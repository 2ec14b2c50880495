// The printed port of a region: a plain TCP relay in front of the region's workerd, for what Cloudflare's edge does between
// a client and a Worker. workerd takes the end of a client's sending (FIN) for no more than that, so a client that leaves
// before the answer would keep the upstream busy until it answers; here such a leave becomes a reset, which workerd passes
// on. A restarting workerd is waited for. Law: bytes pass as they are, in order, with backpressure both ways.
// Cost, measured on two cores: 0.1 ms an exchange, 5 to 10 % of the requests/s, 200 MB in 0.5 s instead of 0.2; flat memory.
import { readFileSync } from "node:fs";
import net from "node:net";

interface Door {
  readonly port: number;
  close(): Promise<void>;
}

/** How often it is asked, after a client's FIN, whether the client still waits. */
const WATCH_MS = 300;
/** How long a workerd that refuses connections is waited for: Miniflare brings a crashed one back within about a second. */
const RESTART_MS = 5000;
const RETRY_MS = 50;
/** How long is read what workerd sent before it stopped taking. */
const LAST_READ_MS = 50;
/** How long a client may still send after the answer ended early. */
const LINGER_MS = 2000;
/** How long a client may keep a connection that workerd has ended. */
const IDLE_MS = 60_000;

/** What comes from any workerd is read into this and copied from it, at once. */
const readBuffer = new Uint8Array(65_536);

/** Listens on 127.0.0.1. `target` names workerd's port, undefined as long as there is none; rejects when the port is taken. */
async function openDoor(port: number, target: () => number | undefined): Promise<Door> {
  const clients = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (client) => {
    clients.add(client);
    client.on("close", () => clients.delete(client));
    void relay(client, target);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1" }, resolve);
  });
  return {
    port: (server.address() as net.AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const client of clients) client.destroy();
      }),
  };
}

/** The printed ports, taken before anything else is started; until `point` says where to, a door lets callers wait. */
export class Doors {
  readonly #doors: Door[] = [];
  readonly #targets: (number | undefined)[] = [];

  /** On `first` and the ports after it; free ones when it is 0. Throws EADDRINUSE with the port in the error. */
  async open(first: number, count: number): Promise<readonly number[]> {
    for (let index = 0; index < count; index++) {
      this.#doors.push(await openDoor(first === 0 ? 0 : first + index, () => this.#targets[index]));
    }
    return this.#doors.map((door) => door.port);
  }

  point(index: number, port: number | undefined): void {
    this.#targets[index] = port;
  }

  async close(): Promise<void> {
    await Promise.all(this.#doors.map((door) => door.close()));
  }
}

async function relay(client: net.Socket, target: () => number | undefined): Promise<void> {
  // Until workerd is reached nothing is read, so a client that gives up is noticed when its bytes are.
  client.on("error", () => client.destroy());
  const workerd = await reach(target, (bytes) => client.destroyed || client.write(Buffer.from(bytes)));
  if (workerd === undefined || client.destroyed) {
    workerd?.destroy();
    client.resetAndDestroy();
    return;
  }
  client.on("drain", () => workerd.resume());
  client.on("end", () => watchForLeave(client, workerd));
  client.on("error", () => workerd.resetAndDestroy());
  client.on("close", () => workerd.destroy());
  workerd.on("end", () => {
    client.end();
    client.setTimeout(IDLE_MS, () => client.destroy());
  });
  workerd.on("error", () => finish(client));
  keepReading(workerd);
  client.pipe(workerd);
}

/** Connects. `take` gets the bytes that come back (to copy: the buffer is one for all) and answers whether it can take more. */
async function reach(
  target: () => number | undefined,
  take: (bytes: Uint8Array) => boolean,
): Promise<net.Socket | undefined> {
  for (const end = Date.now() + RESTART_MS; ;) {
    const workerdPort = target();
    const socket = workerdPort === undefined ? undefined : await connect(workerdPort, take);
    if (socket !== undefined || Date.now() > end) return socket;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

function connect(port: number, take: (bytes: Uint8Array) => boolean): Promise<net.Socket | undefined> {
  return new Promise((resolve) => {
    const onread = { buffer: readBuffer, callback: (size: number) => take(readBuffer.subarray(0, size)) };
    const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true, onread });
    socket.once("connect", () => resolve(socket));
    socket.on("error", () => resolve(undefined));
  });
}

/**
 * A write that fails would end the socket at once, and with it an early answer (413, say) that lies there unread because
 * workerd has sent it and closed. So what lies there is read first.
 */
function keepReading(workerd: net.Socket): void {
  const destroy = workerd.destroy.bind(workerd);
  workerd.destroy = (error?: NodeJS.ErrnoException) => {
    if (error?.syscall !== "write") return destroy(error);
    setTimeout(() => destroy(error), LAST_READ_MS);
    return workerd;
  };
}

/**
 * workerd closed its side at once. Mostly that is an early answer (413, say) while the request is still being sent: what
 * came goes out, and the rest of the request is read away, for closing on unread bytes would make the kernel drop the answer.
 */
function finish(client: net.Socket): void {
  client.end();
  client.resume();
  client.setTimeout(LINGER_MS, () => client.destroy());
}

/** The client has sent its FIN: it left, or it has only said all it had to say. */
function watchForLeave(client: net.Socket, workerd: net.Socket): void {
  const before = workerd.bytesRead;
  const watch = setInterval(() => {
    // Elsewhere than on Linux nobody says who still waits: silence after a FIN is taken for a leave, as nginx takes it.
    if (holdsOn(client) ?? workerd.bytesRead > before) return;
    workerd.resetAndDestroy();
    client.destroy();
  }, WATCH_MS);
  client.once("close", () => clearInterval(watch));
}

function holdsOn(client: net.Socket): boolean | undefined {
  const { remotePort = 0, localPort = 0 } = client;
  try {
    return ["/proc/net/tcp", "/proc/net/tcp6"].some((table) =>
      isHeld(readFileSync(table, "latin1"), remotePort, localPort),
    );
  } catch {
    return undefined;
  }
}

/**
 * Whether a process still holds the socket from `port` to `peerPort`, by the kernel's table of sockets (proc(5),
 * /proc/net/tcp): a socket that was closed, and not only shut down for sending, has no inode any more.
 */
export function isHeld(table: string, port: number, peerPort: number): boolean {
  const hex = (number: number): string => `:${number.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const line of table.split("\n")) {
    const fields = line.trim().split(/\s+/);
    if (fields[1]?.endsWith(hex(port)) && fields[2]?.endsWith(hex(peerPort))) return fields[9] !== "0";
  }
  return false;
}
