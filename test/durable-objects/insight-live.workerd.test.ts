// Live figures, on the object itself: tickets are good once and for half a minute, only a page of the gateway's own origin gets in, and
// sockets outlive the object's memory.
import { evictDurableObject, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, expect, it, vi } from "vitest";
import type { LiveFigures } from "../../worker/core/protocol/live.ts";
import { INSIGHT_NAME } from "../../worker/core/protocol/names.ts";

const insight = () => env.INSIGHT.getByName(INSIGHT_NAME);
const ORIGIN = "http://gateway.test";

afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

const ticketOf = async (): Promise<string> => (await insight().liveTicket())!.ticket;

const knock = (ticket: string, origin: string | null = ORIGIN): Promise<Response> =>
  insight().fetch(`${ORIGIN}/_sluice/live`, {
    headers: {
      upgrade: "websocket",
      "sec-websocket-protocol": `sluice.live, ticket.${ticket}`,
      ...(origin === null ? {} : { origin }),
    },
  });

class Watching {
  readonly said: string[] = [];
  closed: CloseEvent | undefined;
  readonly socket: WebSocket;
  #heard = (): void => undefined;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.accept();
    socket.addEventListener("message", ({ data }) => {
      this.said.push(String(data));
      this.#heard();
    });
    socket.addEventListener("close", (event) => {
      this.closed = event;
      this.#heard();
    });
  }

  /** The first message that is as wanted, also among those that came already. */
  async until(wanted: (text: string) => boolean): Promise<string> {
    for (;;) {
      const found = this.said.find(wanted);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => (this.#heard = resolve));
    }
  }

  figures = async (wanted: (figures: LiveFigures) => boolean): Promise<LiveFigures> =>
    JSON.parse(
      await this.until((text) => text.startsWith("{") && wanted(JSON.parse(text) as LiveFigures)),
    ) as LiveFigures;

  async untilClosed(): Promise<CloseEvent> {
    while (this.closed === undefined) await new Promise<void>((resolve) => (this.#heard = resolve));
    return this.closed;
  }
}

async function enter(): Promise<Watching> {
  const answer = await knock(await ticketOf());
  expect(answer.status).toBe(101);
  expect(answer.headers.get("sec-websocket-protocol")).toBe("sluice.live");
  return new Watching(answer.webSocket!);
}

let number = 0;
const traffic = (requests: number) =>
  insight().rollup({ region: "weur", number: ++number, slices: { fleet: { requests }, "service web": { requests } } });

it("a ticket lets one in, once", async () => {
  const { ticket, endsAt } = (await insight().liveTicket())!;
  expect(ticket).toMatch(/^[0-9a-f]{64}$/);
  expect(endsAt).toBeGreaterThan(Date.now());
  const first = await knock(ticket);
  expect(first.status).toBe(101);
  first.webSocket!.accept();
  expect((await knock(ticket)).status).toBe(401);
  expect((await knock("0".repeat(64))).status).toBe(401);
  first.webSocket!.close();
});

it("a ticket is over after half a minute", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: 2_000_000_000_000 });
  const ticket = await ticketOf();
  vi.setSystemTime(Date.now() + 30_000);
  expect((await knock(ticket)).status).toBe(401);
});

it.each([["http://evil.test"], ["http://gateway.test:1"], ["null"], [null]])(
  "a page of %s gets in nowhere, and its ticket is not used up by that",
  async (origin) => {
    const ticket = await ticketOf();
    expect((await knock(ticket, origin)).status).toBe(403);
    const answer = await knock(ticket);
    expect(answer.status).toBe(101);
    answer.webSocket!.accept();
    answer.webSocket!.close();
  },
);

it("a redeemed ticket stays so when the object loses its memory, an open one stays open", async () => {
  const [used, open] = [await ticketOf(), await ticketOf()];
  const watching = new Watching((await knock(used)).webSocket!);
  watching.socket.close();
  await evictDurableObject(insight());
  expect((await knock(used)).status).toBe(401);
  const answer = await knock(open);
  expect(answer.status).toBe(101);
  answer.webSocket!.accept();
  answer.webSocket!.close();
});

it("figures come while there is traffic, of the kinds that are wanted, and end with an empty window", async () => {
  const watching = await enter();
  await traffic(40);
  const { series, seconds } = await watching.figures(({ series }) => series["fleet"] !== undefined);
  expect(seconds).toBe(5);
  expect(series).toEqual({ fleet: expect.objectContaining({ requests: 40, requests_per_second: 8 }) });
  watching.socket.send(JSON.stringify({ kinds: ["service"] }));
  await watching.figures((figures) => figures.series["service web"]?.["requests"] === 40);
  const seen = watching.said.length;
  await watching.until((text) => watching.said.indexOf(text) >= seen && text.includes('"series":{}'));
  watching.socket.close();
});

it("a socket outlives the object's memory: pings are answered without it, and figures go on", async () => {
  const watching = await enter();
  watching.socket.send(JSON.stringify({ kinds: ["service"] }));
  await watching.until((text) => text.startsWith("{"));
  await evictDurableObject(insight());
  watching.socket.send("ping");
  await watching.until((text) => text === "pong");
  await traffic(10);
  const { series } = await watching.figures((figures) => figures.series["service web"]?.["requests"] === 10);
  expect(series["fleet"]).toBeUndefined();
  watching.socket.close();
});

it("what is no wish closes its socket and no other", async () => {
  const [one, other] = [await enter(), await enter()];
  one.socket.send("{");
  expect((await one.untilClosed()).code).toBe(1008);
  await traffic(5);
  await other.figures(({ series }) => series["fleet"]?.["requests"] === 5);
  other.socket.close();
});
