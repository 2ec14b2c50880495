// The door against a raw TCP end in workerd's place, so that each side's bytes and ends are seen as they are.
import { once } from "node:events";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Doors, isHeld } from "../../../scripts/playground/door.ts";
import { letters, open, send } from "../../support/client.ts";
import { closeAtOnce, hang, large, uploadReceipt, webSocketEcho } from "../../support/misbehaviour.ts";
import { startUpstream } from "../../support/upstream.ts";
import type { Upstream } from "../../support/upstream.ts";

let workerd: Upstream;
let doors: Doors;
let origin: string;

beforeEach(async () => {
  workerd = await startUpstream();
  doors = new Doors();
  const [port] = await doors.open(0, 1);
  doors.point(0, workerd.port);
  origin = `http://127.0.0.1:${port}`;
});
afterEach(async () => {
  await doors.close();
  await workerd.close();
});

const port = (): number => Number(new URL(origin).port);

describe("bytes", () => {
  it("pass as they are, the head included", async () => {
    workerd.play({ status: 206, headers: [["X-aBc", "1"]], body: "part" });
    const answer = await send(origin, { target: "//a%2F?x=1", headers: [["x-ODD", " v"]] });
    expect(workerd.last.head).toContain("GET //a%2F?x=1 HTTP/1.1\r\n");
    expect(workerd.last.head).toContain("x-ODD:  v");
    expect([answer.status, answer.text]).toEqual([206, "part"]);
  });

  it("pass in bulk, both ways", async () => {
    workerd.play(uploadReceipt);
    const up = await send(origin, { method: "POST", body: letters(50_000_000), withinMs: 30_000 });
    expect(up.json()).toMatchObject({ bytes: 50_000_000 });
    workerd.play(large(50_000_000));
    const down = await send(origin, { keepBytes: 0, withinMs: 30_000 });
    expect(down.bodyBytes).toBe(50_000_000);
  }, 60_000);

  it("wait in the kernel, not in us, for a client that does not read", async () => {
    workerd.play(large(500_000_000));
    const client = net.connect(port(), "127.0.0.1", () => client.write("GET / HTTP/1.1\r\nHost: d\r\n\r\n"));
    client.pause();
    const { connection } = await workerd.received();
    let before = -1;
    while (connection.writtenBytes > before) {
      before = connection.writtenBytes;
      await sleep(200);
    }
    expect(connection.writtenBytes).toBeLessThan(30_000_000);
    client.destroy();
    await workerd.closed();
  });

  it("pass through a WebSocket", async () => {
    workerd.play(webSocketEcho);
    const socket = new WebSocket(origin.replace("http", "ws"));
    await once(socket, "open");
    socket.send("hello");
    const [{ data }] = (await once(socket, "message")) as [{ data: unknown }];
    expect(data).toBe("echo:hello");
    socket.close();
    await once(socket, "close");
  });
});

describe("a client that leaves", () => {
  it("before the answer, with a FIN, is a reset for workerd within a second", async () => {
    workerd.play(hang);
    const conversation = open(origin);
    await workerd.received();
    conversation.leavePolitely();
    await workerd.closed(1, 1000);
  });

  it("with a reset is a reset for workerd", async () => {
    workerd.play(hang);
    const conversation = open(origin);
    await workerd.received();
    conversation.leave();
    await workerd.closed(1, 1000);
  });

  it("has not left when it only says that it has no more to send", async () => {
    const patient = net.createServer({ allowHalfOpen: true }, (socket) => {
      socket.resume();
      setTimeout(() => socket.end("late, and yet"), 900);
    });
    patient.listen(0, "127.0.0.1");
    await once(patient, "listening");
    doors.point(0, (patient.address() as net.AddressInfo).port);
    const client = net.connect({ port: port(), host: "127.0.0.1", allowHalfOpen: true });
    client.end("all I have to say");
    let answer = "";
    for await (const chunk of client) answer += String(chunk);
    expect(answer).toBe("late, and yet");
    patient.close();
  });
});

describe("an answer that comes early", () => {
  it("reaches a client that is still sending, though workerd closes at once", async () => {
    workerd.play(async (exchange) => {
      await exchange.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n");
      exchange.reset();
    });
    for (let round = 0; round < 20; round++) {
      const answer = await send(origin, { method: "POST", body: letters(3_000_000) });
      expect([answer.status, answer.text]).toEqual([413, "no\n"]);
    }
  }, 30_000);

  it("ends the connection when workerd says nothing at all", async () => {
    workerd.play(closeAtOnce);
    await expect(send(origin, { withinMs: 3000 })).rejects.toThrow("ended before an answer");
  });
});

describe("a workerd that restarts", () => {
  it("is waited for", async () => {
    await workerd.die();
    const answer = send(origin);
    await sleep(300);
    await workerd.rise();
    workerd.play({ body: "back" });
    expect((await answer).text).toBe("back");
  });

  it("is waited for while its port is not known", async () => {
    doors.point(0, undefined);
    workerd.play({ body: "there" });
    const answer = send(origin);
    await sleep(100);
    doors.point(0, workerd.port);
    expect((await answer).text).toBe("there");
  });
});

it("rejects a port that is taken, and says which", async () => {
  await expect(new Doors().open(port(), 1)).rejects.toMatchObject({ code: "EADDRINUSE", port: port() });
});

describe("isHeld reads the kernel's table of sockets", () => {
  const line = (local: string, remote: string, state: string, inode: number): string =>
    `   1: 0100007F:${local} 0100007F:${remote} ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1 0 20 4 0 10 -1`;
  const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";

  it.each([
    ["shut down for sending only", [line("C001", "2253", "05", 4711)], true],
    ["closed", [line("C001", "2253", "05", 0)], false],
    ["gone from the table", [line("C002", "2253", "01", 9)], false],
    ["another connection of the same port", [line("C001", "2254", "01", 9), line("C001", "2253", "05", 0)], false],
    ["our own end of it, which is no client", [line("2253", "C001", "08", 12)], false],
  ])("%s", (_, lines, held) => {
    expect(isHeld([head, ...lines].join("\n"), 0xc001, 0x2253)).toBe(held);
  });
});
