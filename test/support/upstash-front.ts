// A real redis-server behind the REST interface that Upstash speaks: commands as JSON arrays in, `{result}` or `{error}` out, base64
// on demand. Enough for what the cache's level asks, pipelines and paths included. Can be told to misbehave as a level may.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import os from "node:os";
import path from "node:path";
import { freePort, listens } from "./ports.ts";

type Reply = string | number | null | RedisError | Reply[];

class RedisError {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/** The wire protocol of Redis (RESP2) over one connection, pipelined. */
class Connection {
  #socket: Socket;
  #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void }[] = [];
  #buffer = Buffer.alloc(0);

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.on("data", (data) => {
      this.#buffer = Buffer.concat([this.#buffer, data]);
      for (;;) {
        const parsed = parse(this.#buffer, 0);
        if (parsed === undefined) break;
        this.#buffer = this.#buffer.subarray(parsed.end);
        this.#waiting.shift()?.resolve(parsed.reply);
      }
    });
    const fail = (): void => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error("redis is gone"));
    };
    this.#socket.on("error", fail);
    this.#socket.on("close", fail);
  }

  send(command: readonly unknown[]): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    this.#waiting.push({ resolve, reject });
    const parts: (string | Buffer)[] = [`*${command.length}\r\n`];
    for (const word of command) {
      const bytes = Buffer.from(String(word));
      parts.push(`$${bytes.length}\r\n`, bytes, "\r\n");
    }
    this.#socket.write(Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part))));
    return promise;
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** One reply from `at` on; undefined while it is not whole. */
function parse(buffer: Buffer, at: number): { reply: Reply; end: number } | undefined {
  const lineEnd = buffer.indexOf("\r\n", at);
  if (lineEnd < 0) return undefined;
  const line = buffer.toString("utf8", at + 1, lineEnd);
  let end = lineEnd + 2;
  switch (String.fromCharCode(buffer[at]!)) {
    case "+":
      return { reply: line, end };
    case "-":
      return { reply: new RedisError(line), end };
    case ":":
      return { reply: Number(line), end };
    case "$": {
      const length = Number(line);
      if (length < 0) return { reply: null, end };
      if (buffer.length < end + length + 2) return undefined;
      return { reply: buffer.toString("utf8", end, end + length), end: end + length + 2 };
    }
    default: {
      const replies: Reply[] = [];
      for (let n = 0; n < Number(line); n++) {
        const parsed = parse(buffer, end);
        if (parsed === undefined) return undefined;
        replies.push(parsed.reply);
        end = parsed.end;
      }
      return { reply: replies, end };
    }
  }
}

/** How the front answers instead of Redis. */
export type Misbehaviour = "well" | "hangs" | "fails" | "html" | "number" | "another" | "slow";

export interface UpstashFront {
  readonly url: string;
  readonly token: string;
  /** Commands received, oldest first. */
  readonly commands: (readonly unknown[])[];
  behave: Misbehaviour;
  /** Straight to Redis. */
  send(...command: unknown[]): Promise<Reply>;
  close(): Promise<void>;
}

export async function startUpstashFront(token = "redis-token"): Promise<UpstashFront> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "sluice-redis-"));
  const redisPort = await freePort();
  const settings = { port: redisPort, bind: "127.0.0.1", save: "", appendonly: "no", dir: folder };
  const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const redis = spawn("/usr/bin/redis-server", words, { stdio: "ignore" });
  await listening(redisPort, redis);
  const connection = new Connection(redisPort);
  const commands: (readonly unknown[])[] = [];
  const state = { behave: "well" as Misbehaviour };
  const server = createServer((request, response) => {
    void answer(request, response, { connection, token, commands, state });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the front has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    token,
    commands,
    get behave() {
      return state.behave;
    },
    set behave(how) {
      state.behave = how;
    },
    send: (...command) => connection.send(command),
    close: () => close(server, connection, redis, folder),
  };
}

async function close(server: Server, connection: Connection, redis: ChildProcess, folder: string): Promise<void> {
  server.closeAllConnections();
  server.close();
  connection.close();
  const gone = new Promise((resolve) => redis.once("exit", resolve));
  redis.kill("SIGKILL");
  await gone;
  rmSync(folder, { recursive: true, force: true });
}

async function listening(port: number, redis: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (redis.exitCode !== null) throw new Error(`redis-server ended with ${redis.exitCode}`);
    if (await listens(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("redis-server does not listen");
}

interface Inside {
  readonly connection: Connection;
  readonly token: string;
  readonly commands: (readonly unknown[])[];
  readonly state: { behave: Misbehaviour };
}

async function answer(request: IncomingMessage, response: ServerResponse, inside: Inside): Promise<void> {
  const { connection, token, commands, state } = inside;
  const send = (status: number, body: string, type = "application/json"): void => {
    response.writeHead(status, { "content-type": type }).end(body);
  };
  if (request.headers.authorization !== `Bearer ${token}`) return send(401, '{"error":"Unauthorized"}');
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const command = JSON.parse(Buffer.concat(chunks).toString()) as unknown[];
  commands.push(command);
  switch (state.behave) {
    case "hangs":
      return;
    case "slow":
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      return send(200, '{"result":null}');
    case "fails":
      return send(500, '{"error":"internal"}');
    case "html":
      return send(200, "<!doctype html><title>Sign in</title>", "text/html");
    case "number":
      return send(200, '{"result":5}');
    case "another":
      return send(200, JSON.stringify({ result: await anyValue(connection) }));
    case "well":
  }
  const reply = await connection.send(command);
  if (reply instanceof RedisError) return send(400, JSON.stringify({ error: reply.message }));
  const encoded = request.headers["upstash-encoding"] === "base64" && typeof reply === "string" && reply !== "OK";
  send(200, JSON.stringify({ result: encoded ? Buffer.from(reply).toString("base64") : reply }));
}

/** What is stored under some key, whatever was asked for. */
async function anyValue(connection: Connection): Promise<Reply> {
  const keys = await connection.send(["KEYS", "*"]);
  return Array.isArray(keys) && keys.length > 0 ? connection.send(["GET", keys[0]]) : null;
}
