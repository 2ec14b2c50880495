// A port nobody listens on, for programs that cannot be told "any": taken and let go, so a race is possible and unlikely.
import { once } from "node:events";
import net from "node:net";

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Whether something accepts connections there. */
export async function listens(port: number): Promise<boolean> {
  const socket = net.connect(port, "127.0.0.1");
  const connected = await Promise.race([
    once(socket, "connect").then(
      () => true,
      () => false,
    ),
    once(socket, "close").then(() => false),
  ]);
  socket.destroy();
  return connected;
}
