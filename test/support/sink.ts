// SINK: a listener that must receive nothing. A test points an attack at it and looks at the counts afterwards.
import { once } from "node:events";
import net from "node:net";

export interface Sink {
  readonly origin: string;
  readonly authority: string;
  readonly connections: number;
  readonly bytes: number;
  close(): Promise<void>;
}

export async function startSink(): Promise<Sink> {
  let connections = 0;
  let bytes = 0;
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("data", (data) => (bytes += data.length));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const authority = `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  return {
    origin: `http://${authority}`,
    authority,
    get connections() {
      return connections;
    },
    get bytes() {
      return bytes;
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
