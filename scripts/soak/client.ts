// One request as a client sees it: what came, whether it came whole by its framing, and when. Clients leave and stall when told to. Node's own
// HTTP client, for it tells a cut body from a whole one (`complete`), which `fetch` of some runtimes does not.
import http from "node:http";
import { performance } from "node:perf_hooks";

export interface Question {
  readonly method?: string;
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  /** The client resets its connection after this long. */
  readonly leaveAfterMs?: number;
  /** It reads nothing of the body for this long. */
  readonly stallMs?: number;
  /** It gives up: by then the gateway has broken its word. */
  readonly patienceMs: number;
}

export interface Seen {
  readonly startedAt: number;
  readonly endedAt: number;
  /** 0: no head came. */
  readonly status: number;
  readonly headers: Readonly<http.IncomingHttpHeaders>;
  readonly body: Buffer;
  /** The body ended as its framing said it would. */
  readonly whole: boolean;
  /** `left`: it was the client who went. `stuck`: its patience ended. */
  readonly end: "answered" | "broken" | "left" | "stuck";
  /** It went out on a connection that had served others, which ended before a byte of the answer. */
  readonly stale: boolean;
  /** How often it went out. */
  readonly tries: number;
}

/** Monotonic and comparable over all clients of this process, ms. */
export const clock = (): number => performance.now();

export class Client {
  readonly origin: string;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 256 });

  constructor(origin: string) {
    this.origin = origin;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** A GET on a connection that turns out to be closed goes out again on another, as every HTTP client does (RFC 9112 §9.3.1). */
  async ask(question: Question): Promise<Seen> {
    const first = await this.#once(question);
    if (!first.stale || (question.method ?? "GET") !== "GET") return first;
    return { ...(await this.#once(question)), tries: 2 };
  }

  #once(question: Question): Promise<Seen> {
    const { method = "GET", target, headers = {}, body, leaveAfterMs, stallMs = 0, patienceMs } = question;
    const startedAt = clock();
    return new Promise((resolve) => {
      const parts: Buffer[] = [];
      let head: http.IncomingMessage | undefined;
      let goes: "left" | "stuck" | undefined;
      const timers: NodeJS.Timeout[] = [];
      const end = (whole: boolean): void => {
        for (const timer of timers) clearTimeout(timer);
        resolve({
          startedAt,
          endedAt: clock(),
          status: head?.statusCode ?? 0,
          headers: head?.headers ?? {},
          body: Buffer.concat(parts),
          whole,
          end: goes ?? (whole ? "answered" : "broken"),
          stale: head === undefined && goes === undefined && request.reusedSocket,
          tries: 1,
        });
      };
      const request = http.request(new URL(target, this.origin), {
        method,
        headers: { ...headers, ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }) },
        agent: this.#agent,
      });
      const go = (how: "left" | "stuck"): void => {
        goes = how;
        if (request.socket === null) request.destroy();
        else request.socket.resetAndDestroy();
      };
      timers.push(setTimeout(() => go("stuck"), patienceMs));
      if (leaveAfterMs !== undefined) timers.push(setTimeout(() => go("left"), leaveAfterMs));
      request.on("response", (answer) => {
        head = answer;
        answer.on("data", (bytes: Buffer) => parts.push(bytes));
        if (stallMs > 0) {
          answer.pause();
          timers.push(setTimeout(() => answer.resume(), stallMs));
        }
        answer.on("error", () => undefined);
        answer.on("close", () => end(answer.complete && goes === undefined));
      });
      request.on("error", () => {
        if (head === undefined) end(false);
      });
      request.end(body);
    });
  }
}
